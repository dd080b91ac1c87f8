"""A guardian's yes is an event of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("guardians", sa.Column("event_id", sa.Uuid(), sa.ForeignKey("consent_events.id")))
    op.drop_column("guardians", "said_from")


def downgrade() -> None:
    op.add_column("guardians", sa.Column("said_from", sa.Text()))
    op.drop_column("guardians", "event_id")
