"""Acts on many people of the list with their undo, and which columns each user sees there."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

C = sa.Text(collation="C")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "bulk_acts",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("kind", C, nullable=False),
        sa.Column("tag_id", sa.Uuid(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("whom", sa.Text(), nullable=False),
        sa.Column("state", C, nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("changed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("left_out", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("undone", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("fault", sa.Text(), server_default="", nullable=False),
        sa.Column("position", sa.Uuid()),
        sa.Column("ended_at", INSTANT),
        sa.Column("undone_at", INSTANT),
        sa.CheckConstraint("kind IN ('put_on', 'take_off')", name="kind"),
        sa.CheckConstraint("state IN ('doing', 'done', 'undoing', 'undone')", name="state"),
    )
    op.create_index("ix_bulk_acts_workspace_id", "bulk_acts", ["workspace_id", "created_at"])
    op.create_index(
        "ix_bulk_acts_open", "bulk_acts", ["created_at"], postgresql_where=sa.text("state IN ('doing', 'undoing')")
    )
    op.create_index("ix_bulk_acts_created_at", "bulk_acts", ["created_at"])
    op.create_table(
        "bulk_act_people",
        sa.Column("act_id", sa.Uuid(), primary_key=True),
        sa.Column("contact_id", sa.Uuid(), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("carried_at", INSTANT),
    )
    op.create_index("ix_bulk_act_people_contact_id", "bulk_act_people", ["contact_id"])
    op.create_table(
        "list_columns",
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), primary_key=True),
        sa.Column("columns", JSONB(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("list_columns")
    op.drop_table("bulk_act_people")
    op.drop_table("bulk_acts")
