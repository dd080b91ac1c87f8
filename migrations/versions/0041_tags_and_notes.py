"""Tags and notes on people; files bring tags, and what they added can be taken back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0041"
down_revision = "0034"
branch_labels = None
depends_on = None

C = sa.Text(collation="C")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "tags",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("folded", C, nullable=False),
        sa.Column("import_id", sa.Uuid()),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("removed_at", INSTANT),
    )
    op.create_index(
        "uq_tags_folded", "tags", ["workspace_id", "folded"], unique=True,
        postgresql_where=sa.text("removed_at IS NULL"),
    )  # fmt: skip
    op.create_index("ix_tags_removed", "tags", ["removed_at"], postgresql_where=sa.text("removed_at IS NOT NULL"))
    op.create_table(
        "contact_tags",
        sa.Column("contact_id", sa.Uuid(), sa.ForeignKey("contacts.id"), primary_key=True),
        sa.Column("tag_id", sa.Uuid(), sa.ForeignKey("tags.id"), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("added_at", INSTANT, nullable=False),
    )
    op.create_index("ix_contact_tags_tag_id", "contact_tags", ["tag_id", "contact_id"])
    op.create_table(
        "notes",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("contact_id", sa.Uuid(), sa.ForeignKey("contacts.id"), nullable=False),
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("changed_at", INSTANT),
    )
    op.create_index("ix_notes_contact_id", "notes", ["contact_id", "created_at", "id"])
    op.add_column("import_rows", sa.Column("tags", JSONB()))
    op.add_column("import_changes", sa.Column("added", JSONB()))


def downgrade() -> None:
    op.drop_column("import_changes", "added")
    op.drop_column("import_rows", "tags")
    op.drop_table("notes")
    op.drop_table("contact_tags")
    op.drop_table("tags")
