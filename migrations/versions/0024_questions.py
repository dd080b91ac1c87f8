"""Questions: a guardian's yes comes before the child's own, and their mailbox counts; for how long a link confirms."""

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
    op.add_column("reader_settings", sa.Column("confirm_days", sa.SmallInteger(), server_default="7", nullable=False))
    op.create_check_constraint(
        op.f("ck_reader_settings_confirm_days"), "reader_settings", "confirm_days BETWEEN 1 AND 30"
    )


def downgrade() -> None:
    op.drop_column("reader_settings", "confirm_days")
    op.drop_index("ix_guardians_folded", "guardians")
    # What was forgotten stays forgotten: without an address there is nobody to ask.
    op.execute("DELETE FROM guardians WHERE address IS NULL")
    op.alter_column("guardians", "address", nullable=False)
    for name in ("said_from", "said_at", "form", "folded"):
        op.drop_column("guardians", name)
