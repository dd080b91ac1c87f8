"""Letters that are written as blocks, with their steps; blocks that are kept for other letters."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("letters", sa.Column("blocks", JSONB(), nullable=True))
    op.add_column("letters", sa.Column("step", sa.Integer(), server_default="0", nullable=False))
    op.add_column("letter_versions", sa.Column("blocks", JSONB(), nullable=True))
    op.create_table(
        "letter_steps",
        sa.Column("letter_id", sa.Uuid(), sa.ForeignKey("letters.id"), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("preheader", sa.Text(), nullable=False),
        sa.Column("blocks", JSONB(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Uuid(), nullable=True),
    )
    op.create_table(
        "kept_blocks",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("values", JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.UniqueConstraint("workspace_id", "name"),
    )


def downgrade() -> None:
    op.drop_table("kept_blocks")
    op.drop_table("letter_steps")
    op.drop_column("letter_versions", "blocks")
    op.drop_column("letters", "step")
    op.drop_column("letters", "blocks")
