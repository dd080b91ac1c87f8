"""Mails leave by the clock of whoever gets them: timing of mailings, closing times, quiet hours, mails a week."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None

CLOSING = "state = 'pending' AND closes_at IS NOT NULL"


def upgrade() -> None:
    op.add_column("mailings", sa.Column("timing", JSONB()))
    op.add_column("messages", sa.Column("closes_at", sa.DateTime(timezone=True)))
    # Nothing is in it yet, so making it takes one look at the table.
    op.create_index("ix_messages_closing", "messages", ["closes_at"], postgresql_where=sa.text(CLOSING))
    op.create_table(
        "contact_limits",
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), primary_key=True),
        sa.Column("quiet_since", sa.Time()),
        sa.Column("quiet_until", sa.Time()),
        sa.Column("weekly", sa.SmallInteger()),
        sa.CheckConstraint("(quiet_since IS NULL) = (quiet_until IS NULL)", name=op.f("ck_contact_limits_quiet")),
        sa.CheckConstraint("quiet_since <> quiet_until", name=op.f("ck_contact_limits_quiet_hours")),
        sa.CheckConstraint("weekly BETWEEN 1 AND 50", name=op.f("ck_contact_limits_weekly")),
    )


def downgrade() -> None:
    op.drop_table("contact_limits")
    op.drop_index("ix_messages_closing", "messages")
    op.drop_column("messages", "closes_at")
    op.drop_column("mailings", "timing")
