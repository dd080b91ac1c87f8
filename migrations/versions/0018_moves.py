"""What a person wishes for a whole mailing is done in slices: a mailing says what is left to do, an index where."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mailings", sa.Column("again", sa.Text(collation="C")))
    op.add_column("mailings", sa.Column("again_at", sa.DateTime(timezone=True)))
    op.create_check_constraint(op.f("ck_mailings_again"), "mailings", "again IN ('rest', 'unknown')")
    op.create_check_constraint(
        op.f("ck_mailings_again_at"), "mailings", "(again IS NULL) = (again_at IS NULL)"
    )
    op.create_index(
        "ix_messages_again",
        "messages",
        ["mailing_no", "n"],
        postgresql_where=sa.text("state IN ('unknown', 'failed', 'expired', 'poison', 'cancelled')"),
    )


def downgrade() -> None:
    op.drop_index("ix_messages_again", "messages")
    op.drop_constraint(op.f("ck_mailings_again_at"), "mailings")
    op.drop_constraint(op.f("ck_mailings_again"), "mailings")
    op.drop_column("mailings", "again_at")
    op.drop_column("mailings", "again")
