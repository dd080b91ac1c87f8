"""A workspace's own rules of the score: scores of the rules in force stand beside those that are being made."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "engagement_scores", sa.Column("rules_no", sa.Integer(), nullable=False, server_default=sa.text("1"))
    )
    op.drop_constraint("pk_engagement_scores", "engagement_scores", type_="primary")
    op.create_primary_key("pk_engagement_scores", "engagement_scores", ["contact_id", "rules_no"])
    op.drop_index("ix_engagement_scores_s", "engagement_scores")
    op.create_index("ix_engagement_scores_s", "engagement_scores", ["workspace_id", "rules_no", "s", "contact_id"])
    op.add_column(
        "engagement_settings", sa.Column("rules_no", sa.Integer(), nullable=False, server_default=sa.text("1"))
    )
    op.add_column(
        "engagement_settings",
        sa.Column("weights", postgresql.JSONB(), nullable=False, server_default=sa.text("'{}'::jsonb")),
    )
    op.create_table(
        "engagement_recounts",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("rules_no", sa.Integer(), nullable=False),
        sa.Column("half_life_days", sa.Integer(), nullable=False),
        sa.Column("weights", postgresql.JSONB(), nullable=False),
        sa.Column("counted_to", sa.Uuid(), nullable=False),
        sa.Column("counted", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("is_over", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", name="pk_engagement_recounts"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name="fk_engagement_recounts_workspace_id"
        ),
        sa.CheckConstraint("half_life_days >= 1", name="ck_engagement_recounts_half_life"),
    )


def downgrade() -> None:
    op.drop_table("engagement_recounts")
    op.execute(
        "DELETE FROM engagement_scores e WHERE e.rules_no <> coalesce("
        "(SELECT s.rules_no FROM engagement_settings s WHERE s.workspace_id = e.workspace_id), 1)"
    )
    op.drop_column("engagement_settings", "weights")
    op.drop_column("engagement_settings", "rules_no")
    op.drop_index("ix_engagement_scores_s", "engagement_scores")
    op.drop_constraint("pk_engagement_scores", "engagement_scores", type_="primary")
    op.drop_column("engagement_scores", "rules_no")
    op.create_primary_key("pk_engagement_scores", "engagement_scores", ["contact_id"])
    op.create_index("ix_engagement_scores_s", "engagement_scores", ["workspace_id", "s", "contact_id"])
