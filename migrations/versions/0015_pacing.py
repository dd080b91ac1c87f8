"""Pacing: how fast each receiver may be written to, who holds connections, and what many answers mean."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
NAME = sa.Text(collation="C")


def upgrade() -> None:
    op.create_table(
        "paces",
        sa.Column("route", NAME, nullable=False),
        sa.Column("domain_group", NAME, nullable=False),
        sa.Column("own_rate", sa.Double()),
        sa.Column("connections", sa.Integer()),
        sa.Column("rate", sa.Double()),
        sa.Column("goal", sa.Double()),
        sa.Column("start", sa.Double()),
        sa.Column("rated_at", INSTANT),
        sa.Column("rest", NAME),
        sa.Column("rest_until", INSTANT),
        sa.Column("rests", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("faults", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("probe_until", INSTANT),
        sa.Column("says", sa.Text(), nullable=False, server_default=""),
        sa.Column("tokens", sa.Double(), nullable=False, server_default="0"),
        sa.Column("filled_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("route", "domain_group", name="pk_paces"),
        sa.CheckConstraint("rest IN ('patience', 'away', 'refused')", name="ck_paces_rest"),
        sa.CheckConstraint("own_rate > 0", name="ck_paces_own_rate"),
        sa.CheckConstraint("connections > 0", name="ck_paces_connections"),
    )
    op.create_table(
        "slots",
        sa.Column("route", NAME, nullable=False),
        sa.Column("owner", NAME, nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("lease_until", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("route", "owner", name="pk_slots"),
    )
    op.create_index("ix_slots_owner", "slots", ["owner"])
    op.create_table(
        "sender_watches",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("domain", NAME, nullable=False),
        sa.Column("lately", NAME, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "domain", name="pk_sender_watches"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_sender_watches_workspace_id"),
    )
    op.create_table(
        "content_refusals",
        sa.Column("mailing_no", sa.BigInteger(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("reply", sa.Text(collation="C"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("mailing_no", "reply", name="pk_content_refusals"),
        sa.ForeignKeyConstraint(["mailing_no"], ["mailings.no"], name="fk_content_refusals_mailing_no"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_content_refusals_workspace_id"),
    )
    op.create_table(
        "delivery_tallies",
        sa.Column("name", NAME, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_delivery_tallies"),
    )


def downgrade() -> None:
    op.drop_table("delivery_tallies")
    op.drop_table("content_refusals")
    op.drop_table("sender_watches")
    op.drop_index("ix_slots_owner", "slots")
    op.drop_table("slots")
    op.drop_table("paces")
