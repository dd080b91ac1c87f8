"""A kept block knows for whom it is."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0063"
down_revision = "0062"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("kept_blocks", sa.Column("only", JSONB(), server_default="{}", nullable=False))


def downgrade() -> None:
    op.drop_column("kept_blocks", "only")
