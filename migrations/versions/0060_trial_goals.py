"""What decides a trial of variants: clicks, orders or replies. Stored verdicts name who acted, whatever that was."""

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None

_RENAME = "UPDATE campaign_trials SET verdict = CAST(replace(CAST(verdict AS text), '{old}', '{new}') AS jsonb) WHERE verdict IS NOT NULL"


def upgrade() -> None:
    op.add_column("campaign_trials", sa.Column("goal", sa.Text(), server_default="click", nullable=False))
    op.create_check_constraint(op.f("ck_campaign_trials_goal"), "campaign_trials", "goal IN ('click', 'order', 'reply')")
    op.execute(_RENAME.format(old='"clicked":', new='"acted":'))


def downgrade() -> None:
    op.execute(_RENAME.format(old='"acted":', new='"clicked":'))
    op.drop_column("campaign_trials", "goal")
