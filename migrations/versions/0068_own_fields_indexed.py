"""Own fields that segments look for people by have indexes of their own; whoever builds one is in nobody's way."""

import sqlalchemy as sa
from alembic import context, op

revision = "0068"
down_revision = "0067"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
OTHERS = "public.addresses, public.permissions, public.reach, public.contact_tags, public.group_members"
TABLES = f"public.contacts, {OTHERS}"
# ANALYZE waits for whoever builds an index on the same table, and they for every transaction that has begun: in a circle.
# So whoever comes while one is being built leaves people out, whose statistics the builder gathers as the last thing.
LEARN = f"""
CREATE OR REPLACE FUNCTION learn_people() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF pg_try_advisory_xact_lock_shared(hashtext('field_indexes')) THEN
    ANALYZE {TABLES};
  ELSE
    ANALYZE {OTHERS};
  END IF;
END $$
"""
LEARN_ALWAYS = f"""
CREATE OR REPLACE FUNCTION learn_people() RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp AS $$ ANALYZE {TABLES} $$
"""
DROP_ALL = """
DO $$
DECLARE
  name text;
BEGIN
  FOR name IN SELECT indexname FROM pg_catalog.pg_indexes WHERE schemaname = 'public' AND indexname ^@ 'ix_own_field_' LOOP
    EXECUTE format('DROP INDEX public.%I', name);
  END LOOP;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "field_indexes",
        sa.Column("field_id", sa.Uuid(), sa.ForeignKey("custom_fields.id"), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("used_at", INSTANT, nullable=False),
    )
    _replace(LEARN)


def downgrade() -> None:
    _replace(LEARN_ALWAYS)
    op.execute(DROP_ALL)
    op.drop_table("field_indexes")


def _replace(function: str) -> None:
    role = context.config.attributes["app_role"]
    op.execute(function)
    op.execute("REVOKE ALL ON FUNCTION learn_people() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION learn_people() TO {role}")
