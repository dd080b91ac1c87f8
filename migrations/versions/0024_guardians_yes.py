"""Guardians: their yes comes before the child's own, and their mailbox counts for the limits."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

C = sa.Text(collation="C")


def upgrade() -> None:
    op.add_column("guardians", sa.Column("folded", C))
    op.add_column("guardians", sa.Column("form", C))
    op.add_column("guardians", sa.Column("said_at", sa.DateTime(timezone=True)))
    op.add_column("guardians", sa.Column("said_from", sa.Text()))
    op.alter_column("guardians", "address", nullable=True)
    op.create_index("ix_guardians_folded", "guardians", ["workspace_id", "folded", "created_at"])


def downgrade() -> None:
    op.drop_index("ix_guardians_folded", "guardians")
    # What was forgotten stays forgotten: without an address there is nobody to ask.
    op.execute("DELETE FROM guardians WHERE address IS NULL")
    op.alter_column("guardians", "address", nullable=False)
    for name in ("said_from", "said_at", "form", "folded"):
        op.drop_column("guardians", name)
