"""Campaigns: a letter, its audience and the mailing that carried it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "campaigns",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("letter_id", sa.Uuid(), nullable=False),
        sa.Column("interests", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("delay_seconds", sa.Integer(), server_default="60", nullable=False),
        sa.Column("mailing_no", sa.BigInteger()),
        sa.Column("tested_revision", sa.Integer()),
        sa.Column("created_by", sa.Uuid()),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("archived_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_campaigns"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_campaigns_workspace_id"),
        sa.ForeignKeyConstraint(["letter_id"], ["letters.id"], name="fk_campaigns_letter_id"),
        sa.ForeignKeyConstraint(["mailing_no"], ["mailings.no"], name="fk_campaigns_mailing_no"),
        sa.UniqueConstraint("mailing_no", name="uq_campaigns_mailing_no"),
        sa.CheckConstraint("delay_seconds BETWEEN 0 AND 3600", name="ck_campaigns_delay"),
    )
    op.create_index("ix_campaigns_workspace_id", "campaigns", ["workspace_id", "id"])
    op.create_index("ix_campaigns_letter_id", "campaigns", ["letter_id"])


def downgrade() -> None:
    op.drop_table("campaigns")
