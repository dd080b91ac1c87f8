"""Links of mailings, signals with their verdicts, counts by hour, and what is on its way."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
C = sa.Text(collation="C")


def upgrade() -> None:
    role = context.config.attributes["app_role"]
    op.create_table(
        "tracked_mailings",
        sa.Column("mailing_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("links", postgresql.JSONB(), nullable=False),
        sa.Column("home_url", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("mailing_no", name="pk_tracked_mailings"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_tracked_mailings_workspace_id"),
    )
    op.create_index("ix_tracked_mailings_workspace_id", "tracked_mailings", ["workspace_id"])
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
        sa.CheckConstraint("verdict IN ('human', 'machine', 'unknown')", name="ck_signals_verdict"),
        sa.CheckConstraint("(contact_id IS NULL) = (n IS NULL)", name="ck_signals_person"),
    )
    op.create_index("ix_signals_message", "signals", ["mailing_no", "n", "kind", "verdict"])
    op.create_index(
        "ix_signals_contact",
        "signals",
        ["workspace_id", "contact_id", "at"],
        postgresql_where=sa.text("contact_id IS NOT NULL"),
    )
    op.create_index("ix_signals_program", "signals", ["at"], postgresql_where=sa.text("program IS NOT NULL"))
    op.create_table(
        "signal_counts",
        sa.Column("mailing_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hour", INSTANT, nullable=False),
        sa.Column("kind", C, nullable=False),
        sa.Column("link", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("verdict", C, nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mailing_no", "hour", "kind", "link", "verdict", name="pk_signal_counts"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_signal_counts_workspace_id"),
    )
    op.create_table(
        "signal_inbox",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("hit", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_signal_inbox"),
    )
    op.create_table(
        "signal_sources",
        sa.Column("source", sa.Uuid(), nullable=False),
        sa.Column("answered", sa.BigInteger(), nullable=False),
        sa.Column("arrived", postgresql.INT8MULTIRANGE(), nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_signal_sources"),
    )
    # Where a link in a sent mail leads is never changed: by right for the application, by trigger for everyone.
    op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON tracked_mailings FROM {role}")
    op.execute(
        "CREATE TRIGGER refuse_row_change BEFORE UPDATE OR DELETE ON tracked_mailings "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON tracked_mailings "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    op.drop_table("signal_sources")
    op.drop_table("signal_inbox")
    op.drop_table("signal_counts")
    op.drop_table("signals")
    op.drop_table("tracked_mailings")
