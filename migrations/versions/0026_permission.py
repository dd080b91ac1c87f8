"""A guardian's yes is an event of its own, and a question names the words of the privacy notice."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("guardians", sa.Column("event_id", sa.Uuid(), sa.ForeignKey("consent_events.id")))
    op.drop_column("guardians", "said_from")
    op.add_column("permission_settings", sa.Column("notice_url", sa.Text(), server_default="", nullable=False))
    op.add_column(
        "permission_settings", sa.Column("notice_text_id", sa.Uuid(), sa.ForeignKey("consent_texts.id"))
    )
    op.create_table(
        "privacy_notices",
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), primary_key=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("is_pasted", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True)),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fault", sa.Text(), server_default="", nullable=False),
    )


def downgrade() -> None:
    op.drop_table("privacy_notices")
    op.drop_column("permission_settings", "notice_text_id")
    op.drop_column("permission_settings", "notice_url")
    op.add_column("guardians", sa.Column("said_from", sa.Text()))
    op.drop_column("guardians", "event_id")
