"""A guardian's yes is an event, a question names the words of the privacy notice, and people are asked anew for more reasons."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

C = sa.Text(collation="C")


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
    _renewals()


def _renewals() -> None:
    op.add_column("interests", sa.Column("reworded_at", sa.DateTime(timezone=True)))
    op.add_column("consent_requests", sa.Column("renewal", C))
    op.execute("UPDATE consent_requests SET renewal = 'ending' WHERE is_renewal")
    op.drop_column("consent_requests", "is_renewal")
    op.add_column("renewals", sa.Column("reason", C, server_default="ending", nullable=False))
    op.add_column("renewals", sa.Column("before", sa.DateTime(timezone=True)))
    op.alter_column("renewals", "until", nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM renewals WHERE until IS NULL")
    op.alter_column("renewals", "until", nullable=False)
    op.drop_column("renewals", "before")
    op.drop_column("renewals", "reason")
    op.add_column(
        "consent_requests", sa.Column("is_renewal", sa.Boolean(), server_default="false", nullable=False)
    )
    op.execute("UPDATE consent_requests SET is_renewal = true WHERE renewal IS NOT NULL")
    op.drop_column("consent_requests", "renewal")
    op.drop_column("interests", "reworded_at")
    op.drop_table("privacy_notices")
    op.drop_column("permission_settings", "notice_text_id")
    op.drop_column("permission_settings", "notice_url")
    op.add_column("guardians", sa.Column("said_from", sa.Text()))
    op.drop_column("guardians", "event_id")
