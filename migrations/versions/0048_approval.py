"""A second person's yes to a campaign, and what is said about it."""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("approved_by", sa.Uuid(), nullable=True))
    op.add_column("campaigns", sa.Column("approved_of", sa.Text(), nullable=True))
    op.create_table(
        "campaign_settings",
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), primary_key=True),
        sa.Column("needs_approval", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "campaign_comments",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), sa.ForeignKey("campaigns.id"), nullable=False),
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
    )
    op.create_index("ix_campaign_comments_campaign_id", "campaign_comments", ["campaign_id", "id"])


def downgrade() -> None:
    op.drop_table("campaign_comments")
    op.drop_table("campaign_settings")
    op.drop_column("campaigns", "approved_of")
    op.drop_column("campaigns", "approved_by")
