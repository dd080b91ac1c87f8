"""Mailings to many: who, when, how far, and why one stands still."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def columns() -> list[sa.Column]:
    return [
        sa.Column("title", sa.Text(), nullable=False, server_default=""),
        sa.Column("dedupe_key", sa.Uuid()),
        sa.Column("interests", postgresql.JSONB()),
        sa.Column("audience", sa.BigInteger()),
        sa.Column("pause_reason", sa.Text()),
        sa.Column("launched_by", sa.Uuid()),
        sa.Column("frozen_at", INSTANT),
        sa.Column("ended_at", INSTANT),
    ]


def upgrade() -> None:
    for column in columns():
        op.add_column("mailings", column)
    # The table has a row a mailing: rewriting it takes no time.
    op.alter_column("mailings", "weight", type_=sa.Double(), existing_type=sa.Integer())
    op.create_index(
        "uq_mailings_dedupe",
        "mailings",
        ["workspace_id", "dedupe_key"],
        unique=True,
        postgresql_where=sa.text("dedupe_key IS NOT NULL AND (state <> 'cancelled' OR frozen_at IS NOT NULL)"),
    )
    op.create_index(
        "ix_mailings_open",
        "mailings",
        ["send_at"],
        postgresql_where=sa.text("kind = 'bulk' AND ended_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_mailings_open", "mailings")
    op.drop_index("uq_mailings_dedupe", "mailings")
    op.alter_column("mailings", "weight", type_=sa.Integer(), existing_type=sa.Double())
    for column in reversed(columns()):
        op.drop_column("mailings", column.name)
