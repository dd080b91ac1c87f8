"""A closer look at a campaign knows what the DNS said of the domain that it comes from."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("campaign_looks", sa.Column("domain", JSONB()))


def downgrade() -> None:
    op.drop_column("campaign_looks", "domain")
