"""The logo, the fonts and the footer of a brand."""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

COLUMNS = ("logo", "heading_font", "text_font", "footer")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("workspaces", sa.Column(name, sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("workspaces", name)
