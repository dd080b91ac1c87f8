"""Letters, their append-only versions, public copies, and pictures."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
C = sa.Text(collation="C")


def upgrade() -> None:
    op.create_table(
        "letters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", C, nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("preheader", sa.Text(), server_default="", nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("own_text", sa.Text(), server_default="", nullable=False),
        sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("updated_by", sa.Uuid()),
        sa.Column("archived_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_letters"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_letters_workspace_id"),
    )
    op.create_index("ix_letters_workspace_id_updated_at", "letters", ["workspace_id", "updated_at"])
    op.create_table(
        "letter_versions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("letter_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("language", C, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("preheader", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("own_text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("links", postgresql.JSONB(), nullable=False),
        sa.Column("needs", postgresql.JSONB(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.Uuid()),
        sa.PrimaryKeyConstraint("id", name="pk_letter_versions"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_letter_versions_workspace_id"),
        sa.ForeignKeyConstraint(["letter_id"], ["letters.id"], name="fk_letter_versions_letter_id"),
        sa.UniqueConstraint("letter_id", "number", name="uq_letter_versions_letter_id_number"),
    )
    op.create_table(
        "letter_publications",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("published_at", INSTANT, nullable=False),
        sa.Column("withdrawn_at", INSTANT),
        sa.PrimaryKeyConstraint("workspace_id", "number", name="pk_letter_publications"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name="fk_letter_publications_workspace_id"
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["letter_versions.id"], name="fk_letter_publications_version_id"
        ),
        sa.UniqueConstraint("version_id", name="uq_letter_publications_version_id"),
    )
    op.create_table(
        "pictures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("key", C, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", C, nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.Uuid()),
        sa.PrimaryKeyConstraint("id", name="pk_pictures"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_pictures_workspace_id"),
        sa.UniqueConstraint("workspace_id", "key", name="uq_pictures_workspace_id_key"),
    )
    op.create_index("ix_pictures_key", "pictures", ["key"])
    _lock()


def _lock() -> None:
    # What was sent is never changed: by right for the application, by trigger for everyone.
    role = context.config.attributes["app_role"]
    op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON letter_versions FROM {role}")
    op.execute(
        "CREATE TRIGGER refuse_row_change BEFORE UPDATE OR DELETE ON letter_versions "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON letter_versions "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    op.drop_table("pictures")
    op.drop_table("letter_publications")
    op.drop_table("letter_versions")
    op.drop_table("letters")
