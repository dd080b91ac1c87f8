"""Segments may be followed: who is in them, and who came and went when."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "segment_follows",
        sa.Column("segment_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("looked_at", INSTANT),
        sa.Column("next_look_at", INSTANT, nullable=False),
        sa.Column("version", sa.Integer()),
        sa.Column("members", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("fault", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("segment_id", name="pk_segment_follows"),
        sa.ForeignKeyConstraint(["segment_id"], ["segments.id"], name="fk_segment_follows_segment_id"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_segment_follows_workspace_id"),
    )
    op.create_index("ix_segment_follows_next_look_at", "segment_follows", ["next_look_at"])
    op.create_table(
        "segment_members",
        sa.Column("segment_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("segment_id", "contact_id", name="pk_segment_members"),
    )
    op.create_index("ix_segment_members_contact_id", "segment_members", ["contact_id"])
    op.create_table(
        "segment_changes",
        sa.Column("no", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("segment_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("entered", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("no", name="pk_segment_changes"),
    )
    op.create_index("ix_segment_changes_segment", "segment_changes", ["segment_id", "no"])
    op.create_index("ix_segment_changes_contact", "segment_changes", ["workspace_id", "contact_id", "at"])
    op.create_index("ix_segment_changes_at", "segment_changes", ["at"])


def downgrade() -> None:
    op.drop_table("segment_changes")
    op.drop_table("segment_members")
    op.drop_table("segment_follows")
