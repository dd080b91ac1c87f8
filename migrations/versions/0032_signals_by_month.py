"""Signals by month, of every kind: a month is a table of its own, and what is no letter's has its data."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
C = sa.Text(collation="C")
COLUMNS = "event_id, workspace_id, contact_id, mailing_no, n, kind, link, at, verdict, reason, program"
VERDICT = "verdict IN ('human', 'machine', 'unknown')"
PERSON = "(contact_id IS NULL) = (n IS NULL)"

# Attached rather than created as a part: that would lock every reader of signals out while it waits for its turn. The
# application may make months and no other tables. Two who need the same month wait for each other.
MAKE_MONTH = """
CREATE FUNCTION make_signal_month(moment timestamptz) RETURNS void
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
  IF to_regclass('signal_months.' || name) IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE format('CREATE TABLE signal_months.%I (LIKE signals INCLUDING ALL)', name);
  EXECUTE format('ALTER TABLE signals ATTACH PARTITION signal_months.%I FOR VALUES FROM (%L) TO (%L)', name, first, after);
END $$
"""


def upgrade() -> None:
    role = context.config.attributes["app_role"]
    _put_aside()
    op.execute("SET LOCAL timezone TO 'UTC'")
    op.create_table(
        "signals",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid()),
        sa.Column("mailing_no", sa.BigInteger()),
        sa.Column("n", sa.BigInteger()),
        sa.Column("link", sa.SmallInteger(), nullable=False, server_default=sa.text("-1")),
        sa.Column("kind", C, nullable=False),
        sa.Column("verdict", C, nullable=False),
        sa.Column("reason", C, nullable=False),
        sa.Column("program", sa.Text()),
        sa.Column("data", postgresql.JSONB(none_as_null=True)),
        sa.PrimaryKeyConstraint("event_id", "at", name="pk_signals"),
        sa.CheckConstraint(VERDICT, name="ck_signals_verdict"),
        sa.CheckConstraint(
            "CASE WHEN mailing_no IS NULL THEN contact_id IS NOT NULL AND n IS NULL"
            f" ELSE {PERSON} END",
            name="ck_signals_person",
        ),
        postgresql_partition_by="RANGE (at)",
    )
    _indexes("mailing_no IS NOT NULL")
    op.execute("CREATE SCHEMA signal_months")
    op.execute(MAKE_MONTH)
    op.execute("REVOKE ALL ON FUNCTION make_signal_month(timestamptz) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION make_signal_month(timestamptz) TO {role}")
    op.execute("SELECT make_signal_month(m) FROM (SELECT DISTINCT date_trunc('month', at, 'UTC') AS m FROM signals_before) AS x")
    op.execute(f"INSERT INTO signals ({COLUMNS}) SELECT {COLUMNS} FROM signals_before")
    op.drop_table("signals_before")
    op.create_table(
        "own_signal_kinds",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("kind", C, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("archived_at", INSTANT),
        sa.PrimaryKeyConstraint("workspace_id", "kind", name="pk_own_signal_kinds"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_own_signal_kinds_workspace_id"),
    )


def downgrade() -> None:
    op.drop_table("own_signal_kinds")
    _put_aside()
    op.create_table(
        "signals",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid()),
        sa.Column("mailing_no", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.BigInteger()),
        sa.Column("kind", C, nullable=False),
        sa.Column("link", sa.SmallInteger(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("verdict", C, nullable=False),
        sa.Column("reason", C, nullable=False),
        sa.Column("program", sa.Text()),
        sa.PrimaryKeyConstraint("event_id", name="pk_signals"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_signals_workspace_id"),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name="fk_signals_contact_id"),
        sa.CheckConstraint("kind IN ('open', 'click')", name="ck_signals_kind"),
        sa.CheckConstraint(VERDICT, name="ck_signals_verdict"),
        sa.CheckConstraint(PERSON, name="ck_signals_person"),
    )
    _indexes(None)
    # Kinds that the table of before does not know are left out.
    op.execute(f"INSERT INTO signals ({COLUMNS}) SELECT {COLUMNS} FROM signals_before WHERE kind IN ('open', 'click')")
    op.drop_table("signals_before")
    op.execute("DROP FUNCTION make_signal_month(timestamptz)")
    op.execute("DROP SCHEMA signal_months")


def _put_aside() -> None:
    """The table of before gives its names away."""
    op.rename_table("signals", "signals_before")
    op.execute("ALTER TABLE signals_before DROP CONSTRAINT pk_signals")
    for name in ("message", "contact", "program"):
        op.drop_index(f"ix_signals_{name}", "signals_before")


def _indexes(message: str | None) -> None:
    of_message = sa.text(message) if message else None
    op.create_index(
        "ix_signals_message", "signals", ["mailing_no", "n", "kind", "verdict"], postgresql_where=of_message
    )
    op.create_index(
        "ix_signals_contact",
        "signals",
        ["workspace_id", "contact_id", "at"],
        postgresql_where=sa.text("contact_id IS NOT NULL"),
    )
    op.create_index("ix_signals_program", "signals", ["at"], postgresql_where=sa.text("program IS NOT NULL"))
