"""The planner knows at once of people whom a large file brought in."""

from alembic import context, op

revision = "0066"
down_revision = "0065"
branch_labels = None
depends_on = None

TABLES = ("contacts", "addresses", "permissions", "reach", "contact_tags", "group_members")


def upgrade() -> None:
    role = context.config.attributes["app_role"]
    tables = ", ".join(f"public.{name}" for name in TABLES)
    # Only the owner of a table may gather its statistics.
    op.execute(
        "CREATE FUNCTION learn_people() RETURNS void LANGUAGE sql SECURITY DEFINER"
        f" SET search_path = public, pg_temp AS $$ ANALYZE {tables} $$"
    )
    op.execute("REVOKE ALL ON FUNCTION learn_people() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION learn_people() TO {role}")


def downgrade() -> None:
    op.execute("DROP FUNCTION learn_people()")
