"""A ring that finds its job at work is remembered."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job_runs", sa.Column("is_rung", sa.Boolean, server_default="false", nullable=False))


def downgrade() -> None:
    op.drop_column("job_runs", "is_rung")
