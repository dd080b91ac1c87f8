"""Two who tell the first signal of a month at once make its table once; and statistics of all months together."""

from alembic import context, op

revision = "0065"
down_revision = "0064"
branch_labels = None
depends_on = None

# Whether the month is there is asked of the catalogue: what ``to_regclass`` has once not found it does not find after
# the wait either, for it remembers that, and waiting for an advisory lock reads no news.
MAKE_MONTH = """
CREATE OR REPLACE FUNCTION make_signal_month(moment timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  first timestamptz := date_trunc('month', moment, 'UTC');
  after timestamptz := first + interval '1 month';
  name text := to_char(first AT TIME ZONE 'UTC', '"signals_"YYYY"_"MM');
BEGIN
  IF to_regclass('signal_months.' || name) IS NOT NULL THEN
    RETURN;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('make_signal_month'));
  IF {is_there} THEN
    RETURN;
  END IF;
  EXECUTE format('CREATE TABLE signal_months.%I (LIKE signals INCLUDING ALL)', name);
  EXECUTE format('ALTER TABLE signals ATTACH PARTITION signal_months.%I FOR VALUES FROM (%L) TO (%L)', name, first, after);
END $$
"""
IN_CATALOGUE = "EXISTS (SELECT FROM pg_catalog.pg_tables t WHERE t.schemaname = 'signal_months' AND t.tablename = name)"
REMEMBERED = "to_regclass('signal_months.' || name) IS NOT NULL"

# PostgreSQL gathers those of each month by itself, and of the table that they are parts of never. Only its owner may.
GATHER = """
CREATE FUNCTION gather_signal_statistics() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  known double precision := (SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = 'signals'::regclass);
  there double precision := (
    SELECT coalesce(sum(greatest(c.reltuples, 0)), 0) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'signals'::regclass);
BEGIN
  IF there <= 1.1 * known + 1000 THEN
    RETURN false;
  END IF;
  ANALYZE signals;
  RETURN true;
END $$
"""


def upgrade() -> None:
    role = context.config.attributes["app_role"]
    op.execute(MAKE_MONTH.replace("{is_there}", IN_CATALOGUE))
    op.execute(GATHER)
    op.execute("REVOKE ALL ON FUNCTION gather_signal_statistics() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION gather_signal_statistics() TO {role}")


def downgrade() -> None:
    op.execute("DROP FUNCTION gather_signal_statistics()")
    op.execute(MAKE_MONTH.replace("{is_there}", REMEMBERED))
