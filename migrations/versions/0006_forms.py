"""Forms, their append-only versions, counts, and answers that wait for a yes."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
C = sa.Text(collation="C")


def upgrade() -> None:
    role = context.config.attributes["app_role"]
    op.create_table(
        "forms",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("public_id", C, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", C, nullable=False),
        sa.Column("current_version", sa.Integer(), nullable=False),
        sa.Column("allowed_origins", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("archived_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_forms"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_forms_workspace_id"),
        sa.UniqueConstraint("public_id", name="uq_forms_public_id"),
    )
    op.create_index("ix_forms_workspace_id_created_at", "forms", ["workspace_id", "created_at"])
    op.create_table(
        "form_versions",
        sa.Column("form_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("language", C, nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("definition", postgresql.JSONB(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("consent_text_id", sa.Uuid(), nullable=False),
        sa.Column("tracking_text_id", sa.Uuid()),
        sa.Column("notice_text_id", sa.Uuid()),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.Uuid()),
        sa.PrimaryKeyConstraint("form_id", "version", "language", name="pk_form_versions"),
        sa.ForeignKeyConstraint(["form_id"], ["forms.id"], name="fk_form_versions_form_id"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_form_versions_workspace_id"),
        sa.ForeignKeyConstraint(
            ["consent_text_id"], ["consent_texts.id"], name="fk_form_versions_consent_text_id"
        ),
        sa.ForeignKeyConstraint(
            ["tracking_text_id"], ["consent_texts.id"], name="fk_form_versions_tracking_text_id"
        ),
        sa.ForeignKeyConstraint(
            ["notice_text_id"], ["consent_texts.id"], name="fk_form_versions_notice_text_id"
        ),
    )
    op.create_table(
        "form_counts",
        sa.Column("form_id", sa.Uuid(), nullable=False),
        sa.Column("counted_on", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("views", sa.Integer(), server_default="0", nullable=False),
        sa.Column("submits", sa.Integer(), server_default="0", nullable=False),
        sa.Column("confirms", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("form_id", "counted_on", "version", name="pk_form_counts"),
        sa.ForeignKeyConstraint(["form_id"], ["forms.id"], name="fk_form_counts_form_id"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_form_counts_workspace_id"),
    )
    op.create_table(
        "submissions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("form_id", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("contact_id", sa.Uuid()),
        sa.Column("request_id", sa.Uuid()),
        sa.Column("values", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_submissions"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_submissions_workspace_id"),
        sa.ForeignKeyConstraint(["form_id"], ["forms.id"], name="fk_submissions_form_id"),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name="fk_submissions_contact_id"),
        sa.UniqueConstraint("form_id", "fingerprint", name="uq_submissions_form_id_fingerprint"),
    )
    op.create_index("ix_submissions_request_id", "submissions", ["request_id"])
    op.create_index("ix_submissions_contact", "submissions", ["workspace_id", "contact_id"])
    op.create_index("ix_submissions_created_at", "submissions", ["created_at"])
    # What people saw is never changed: by right for the application, by trigger for everyone.
    op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON form_versions FROM {role}")
    op.execute(
        "CREATE TRIGGER refuse_row_change BEFORE UPDATE OR DELETE ON form_versions "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON form_versions "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    op.drop_table("submissions")
    op.drop_table("form_counts")
    op.drop_table("form_versions")
    op.drop_table("forms")
