"""Pictures are described, found again by the file that they were made from, and have a width in letters."""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pictures", sa.Column("alt", sa.Text(), nullable=False, server_default=""))
    op.add_column("pictures", sa.Column("origin", sa.Text(collation="C"), nullable=True))
    op.add_column("pictures", sa.Column("shown_width", sa.Integer(), nullable=True))
    op.add_column("pictures", sa.Column("folded", sa.Text(collation="C"), nullable=False, server_default=""))
    # Names of older pictures: ASCII here, the rest when somebody saves one anew.
    op.execute("UPDATE pictures SET folded = lower(name COLLATE \"C\")")
    op.create_index("ix_pictures_workspace_id_created_at", "pictures", ["workspace_id", "created_at", "id"])
    op.create_index("ix_pictures_workspace_id_origin", "pictures", ["workspace_id", "origin"])


def downgrade() -> None:
    op.drop_index("ix_pictures_workspace_id_origin", "pictures")
    op.drop_index("ix_pictures_workspace_id_created_at", "pictures")
    op.drop_column("pictures", "folded")
    op.drop_column("pictures", "shown_width")
    op.drop_column("pictures", "origin")
    op.drop_column("pictures", "alt")
