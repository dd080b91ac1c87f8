"""What reports show is counted as it happens: ends, readers, who left, domains; and reports have links for everybody."""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
C = sa.Text(collation="C")

# What was there before: ends are counted by the job that recounts, all else here.
READERS = """
INSERT INTO signal_readers (workspace_id, mailing_no, opened, clicked)
SELECT workspace_id, mailing_no, count(DISTINCT n), count(DISTINCT n) FILTER (WHERE kind = 'click') FROM signals
WHERE mailing_no IS NOT NULL AND n IS NOT NULL AND verdict = 'human' GROUP BY workspace_id, mailing_no
"""
LEAVINGS = """
INSERT INTO mailing_leavings (mailing_no, n, kind, workspace_id, at)
SELECT m.mailing_no, m.n, 'left', m.workspace_id, min(e.received_at) FROM consent_events e
JOIN messages m ON m.workspace_id = e.workspace_id AND m.contact_id = e.contact_id AND m.permission_id IS NOT NULL
AND e.received_at >= m.began_at AND e.received_at < m.began_at + interval '7 days'
WHERE e.kind IN ('withdrawn', 'objected') GROUP BY m.mailing_no, m.n, m.workspace_id
"""


def upgrade() -> None:
    _of_delivery()
    op.create_table(
        "signal_readers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("mailing_no", sa.BigInteger(), nullable=False),
        sa.Column("opened", sa.BigInteger(), nullable=False),
        sa.Column("clicked", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_signal_readers"),
    )
    op.create_index("ix_signal_readers_mailing_no", "signal_readers", ["mailing_no"])
    _of_campaigns()
    op.execute("INSERT INTO mailing_recounts (mailing_no) SELECT no FROM mailings WHERE kind = 'bulk' AND frozen_at IS NOT NULL")
    op.execute(READERS)
    op.execute(LEAVINGS)


def _of_delivery() -> None:
    op.create_table(
        "mailing_counts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("mailing_no", sa.BigInteger(), nullable=False),
        sa.Column("state", C, nullable=False),
        sa.Column("code", sa.SmallInteger()),
        sa.Column("status", C),
        sa.Column("words", sa.Text()),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_mailing_counts"),
    )
    op.create_index("ix_mailing_counts_mailing_no", "mailing_counts", ["mailing_no"])
    op.create_table(
        "mailing_recounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("mailing_no", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_mailing_recounts"),
    )
    op.create_table(
        "mailing_leavings",
        sa.Column("mailing_no", sa.BigInteger(), nullable=False),
        sa.Column("kind", C, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("mailing_no", "kind", "n", name="pk_mailing_leavings"),
        sa.CheckConstraint("kind IN ('left', 'complained')", name="ck_mailing_leavings_kind"),
    )


def _of_campaigns() -> None:
    op.create_table(
        "campaign_shares",
        sa.Column("mailing_no", sa.BigInteger(), nullable=False),
        sa.Column("by", C, nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("opened", sa.BigInteger(), nullable=False),
        sa.Column("clicked", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mailing_no", "by", "place", name="pk_campaign_shares"),
    )
    op.create_table(
        "campaign_countings",
        sa.Column("mailing_no", sa.BigInteger(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("counted_at", INSTANT, nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("mailing_no", name="pk_campaign_countings"),
    )
    op.create_table(
        "report_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid()),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_report_links"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_report_links_workspace_id"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_report_links_campaign_id"),
    )
    op.create_index("ix_report_links_campaign_id", "report_links", ["campaign_id"])


def downgrade() -> None:
    for table in (
        "report_links", "campaign_countings", "campaign_shares", "signal_readers", "mailing_leavings", "mailing_recounts",
        "mailing_counts",
    ):  # fmt: skip
        op.drop_table(table)
