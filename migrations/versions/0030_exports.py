"""People and signals go out by files that are written in the background and end by themselves."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0030"
down_revision = "0028"
branch_labels = None
depends_on = None

C = sa.Text(collation="C")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "exports",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("what", C, nullable=False),
        sa.Column("form", C, nullable=False),
        sa.Column("which", JSONB(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("octets", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("position", JSONB(none_as_null=True)),
        sa.Column("chunks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.CheckConstraint("what IN ('people', 'signals')", name="what"),
        sa.CheckConstraint("form IN ('csv', 'jsonl')", name="form"),
    )
    op.create_index("ix_exports_user_id", "exports", ["user_id", "created_at"])
    op.create_index("ix_exports_open", "exports", ["created_at"], postgresql_where=sa.text("ended_at IS NULL"))
    op.create_table(
        "export_chunks",
        sa.Column("export_id", sa.Uuid(), sa.ForeignKey("exports.id"), primary_key=True),
        sa.Column("no", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("octets", sa.LargeBinary(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("export_chunks")
    op.drop_table("exports")
