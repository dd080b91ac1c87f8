"""The planner may learn what a new mailing has put into messages; only the table's owner may ask it to."""

from alembic import context, op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    role = context.config.attributes["app_role"]
    op.execute(
        "CREATE FUNCTION learn_messages() RETURNS void LANGUAGE sql SECURITY DEFINER"
        " SET search_path = public, pg_temp AS $$ ANALYZE public.messages $$"
    )
    op.execute("REVOKE ALL ON FUNCTION learn_messages() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION learn_messages() TO {role}")


def downgrade() -> None:
    op.execute("DROP FUNCTION learn_messages()")
