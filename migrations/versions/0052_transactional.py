"""Transactional mails: letters of another purpose, templates that programs name, and each mail that they asked for."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("letters", sa.Column("purpose", sa.Text(collation="C"), server_default="campaign", nullable=False))
    op.add_column("letters", sa.Column("data_samples", JSONB(), nullable=True))
    op.create_check_constraint(op.f("ck_letters_purpose"), "letters", "purpose IN ('campaign', 'transactional')")
    op.create_check_constraint(
        op.f("ck_letters_data_samples"), "letters", "(purpose = 'transactional') = (data_samples IS NOT NULL)"
    )
    _recipients("contact_id IS NULL OR user_id IS NULL")
    op.create_table(
        "transactional_templates",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("slug", sa.Text(collation="C"), nullable=False),
        sa.Column("language", sa.Text(collation="C"), nullable=False),
        sa.Column("letter_id", sa.Uuid(), sa.ForeignKey("letters.id"), nullable=False, unique=True),
        sa.Column("version_id", sa.Uuid(), sa.ForeignKey("letter_versions.id"), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.UniqueConstraint("workspace_id", "slug", "language"),
    )
    op.create_table(
        "transactional_mails",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("template_id", sa.Uuid(), sa.ForeignKey("transactional_templates.id"), nullable=False),
        sa.Column("version_id", sa.Uuid(), sa.ForeignKey("letter_versions.id"), nullable=False),
        sa.Column("contact_id", sa.Uuid(), sa.ForeignKey("contacts.id"), nullable=True),
        sa.Column("address", sa.Text(collation="C"), nullable=True),
        sa.Column("address_key", sa.Text(collation="C"), nullable=True),
        sa.Column("data", JSONB(), nullable=True),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("workspace_id", "key_hash"),
    )
    op.create_index(
        "ix_transactional_mails_newest", "transactional_mails", ["workspace_id", "created_at", "id"]
    )
    op.create_index("ix_transactional_mails_contact_id", "transactional_mails", ["contact_id"])
    op.create_index(
        "ix_transactional_mails_address_key",
        "transactional_mails",
        ["workspace_id", "address_key"],
        postgresql_where=sa.text("address_key IS NOT NULL"),
    )
    op.create_index(
        "ix_transactional_mails_kept",
        "transactional_mails",
        ["created_at"],
        postgresql_where=sa.text("address IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("transactional_mails")
    op.drop_table("transactional_templates")
    op.execute("DELETE FROM messages WHERE contact_id IS NULL AND user_id IS NULL")
    _recipients("(contact_id IS NULL) <> (user_id IS NULL)")
    op.drop_constraint(op.f("ck_letters_data_samples"), "letters")
    op.drop_constraint(op.f("ck_letters_purpose"), "letters")
    op.drop_column("letters", "data_samples")
    op.drop_column("letters", "purpose")


def _recipients(rule: str) -> None:
    op.execute("ALTER TABLE messages DROP CONSTRAINT ck_messages_recipient")
    op.execute(f"ALTER TABLE messages ADD CONSTRAINT ck_messages_recipient CHECK ({rule})")
