"""A campaign's letter is made for everybody before it is sent: how far that is, for whom, and what was found.

And a closer look at links knows of which variants it was.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "campaign_rehearsals",
        sa.Column("campaign_id", sa.Uuid(), sa.ForeignKey("campaigns.id"), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.Uuid()),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("gathered_at", INSTANT),
        sa.Column("people", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tried", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("position", sa.Uuid()),
        sa.Column("found", JSONB(), server_default="{}", nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.Column("fault", sa.Text(), server_default="", nullable=False),
    )
    op.create_index(
        "ix_campaign_rehearsals_open", "campaign_rehearsals", ["asked_at"], postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_table(
        "campaign_rehearsal_people",
        sa.Column("campaign_id", sa.Uuid(), primary_key=True),
        sa.Column("contact_id", sa.Uuid(), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("permission_id", sa.Uuid(), nullable=False),
    )
    op.create_index("ix_campaign_rehearsal_people_contact_id", "campaign_rehearsal_people", ["contact_id"])
    op.create_table(
        "campaign_rehearsal_cases",
        sa.Column("campaign_id", sa.Uuid(), primary_key=True),
        sa.Column("place", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("contact_id", sa.Uuid(), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
    )
    op.create_index("ix_campaign_rehearsal_cases_contact_id", "campaign_rehearsal_cases", ["contact_id"])
    op.add_column("campaign_looks", sa.Column("variants", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("campaign_looks", "variants")
    op.drop_table("campaign_rehearsal_cases")
    op.drop_table("campaign_rehearsal_people")
    op.drop_table("campaign_rehearsals")
