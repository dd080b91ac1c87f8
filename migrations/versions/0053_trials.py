"""Campaigns go out in variants to a sample first: trials, their variants and parts, and who is held out."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
OPEN = "launched_at IS NOT NULL AND decided_at IS NULL"


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("part_of", sa.Uuid(), sa.ForeignKey("campaigns.id"), nullable=True))
    op.add_column("campaigns", sa.Column("part", sa.Text(), nullable=True))
    op.create_check_constraint(op.f("ck_campaigns_part"), "campaigns", "(part_of IS NULL) = (part IS NULL)")
    op.create_index(
        "uq_campaigns_part", "campaigns", ["part_of", "part"], unique=True, postgresql_where=sa.text("part_of IS NOT NULL")
    )
    op.create_table(
        "campaign_trials",
        sa.Column("campaign_id", sa.Uuid(), sa.ForeignKey("campaigns.id"), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("sample", sa.Integer(), nullable=False),
        sa.Column("wait_hours", sa.Integer(), nullable=False),
        sa.Column("holdout", sa.Integer(), nullable=False),
        sa.Column("narrowing", JSONB()),
        sa.Column("launched_at", INSTANT),
        sa.Column("launched_by", sa.Uuid()),
        sa.Column("sampled_at", INSTANT),
        sa.Column("decided_at", INSTANT),
        sa.Column("decided_by", sa.Uuid()),
        sa.Column("winner", sa.Text()),
        sa.Column("verdict", JSONB()),
        sa.CheckConstraint("sample BETWEEN 10 AND 100", name=op.f("ck_campaign_trials_sample")),
        sa.CheckConstraint("wait_hours BETWEEN 1 AND 168", name=op.f("ck_campaign_trials_wait_hours")),
        sa.CheckConstraint("holdout BETWEEN 0 AND 20", name=op.f("ck_campaign_trials_holdout")),
    )
    op.create_index("ix_campaign_trials_open", "campaign_trials", ["campaign_id"], postgresql_where=sa.text(OPEN))
    op.create_table(
        "campaign_variants",
        sa.Column("campaign_id", sa.Uuid(), sa.ForeignKey("campaign_trials.campaign_id"), primary_key=True),
        sa.Column("place", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("sender_name", sa.Text(), server_default="", nullable=False),
        sa.Column("letter_id", sa.Uuid(), sa.ForeignKey("letters.id")),
        sa.Column("send_at", INSTANT),
        sa.Column("share", sa.SmallInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("place BETWEEN 0 AND 4", name=op.f("ck_campaign_variants_place")),
        sa.CheckConstraint("share BETWEEN 1 AND 9", name=op.f("ck_campaign_variants_share")),
    )
    op.create_index("ix_campaign_variants_letter_id", "campaign_variants", ["letter_id"])
    op.create_table(
        "campaign_held_out",
        sa.Column("campaign_id", sa.Uuid(), sa.ForeignKey("campaigns.id"), primary_key=True),
        sa.Column("contact_id", sa.Uuid(), sa.ForeignKey("contacts.id"), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("held_at", INSTANT, nullable=False),
    )
    op.create_index("ix_campaign_held_out_contact_id", "campaign_held_out", ["contact_id"])


def downgrade() -> None:
    op.drop_table("campaign_held_out")
    op.drop_table("campaign_variants")
    op.drop_table("campaign_trials")
    # Parts are of no use without their trial; their mailings stay.
    op.execute("DELETE FROM campaigns WHERE part_of IS NOT NULL")
    op.drop_index("uq_campaigns_part", "campaigns")
    op.drop_constraint(op.f("ck_campaigns_part"), "campaigns", type_="check")
    op.drop_column("campaigns", "part")
    op.drop_column("campaigns", "part_of")
