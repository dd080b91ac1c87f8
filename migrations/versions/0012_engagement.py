"""Scores: one number for how much somebody reads."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "engagement_scores",
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("s", sa.Double(), nullable=False),
        sa.Column("human_signals", sa.BigInteger(), nullable=False),
        sa.Column("last_signal_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", name="pk_engagement_scores"),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name="fk_engagement_scores_contact_id"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_engagement_scores_workspace_id"),
    )
    op.create_index("ix_engagement_scores_s", "engagement_scores", ["workspace_id", "s", "contact_id"])
    op.create_table(
        "engagement_settings",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("half_life_days", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", name="pk_engagement_settings"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_engagement_settings_workspace_id"),
        sa.CheckConstraint("half_life_days >= 1", name="ck_engagement_settings_half_life"),
    )


def downgrade() -> None:
    op.drop_table("engagement_settings")
    op.drop_table("engagement_scores")
