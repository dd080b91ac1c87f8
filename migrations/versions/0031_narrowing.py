"""A campaign may be for the people of a segment only."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("segment_id", sa.Uuid(), sa.ForeignKey("segments.id")))
    op.add_column("mailings", sa.Column("narrowing", JSONB(none_as_null=True)))


def downgrade() -> None:
    op.drop_column("mailings", "narrowing")
    op.drop_column("campaigns", "segment_id")
