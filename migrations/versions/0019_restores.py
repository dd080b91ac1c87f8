"""How far an installation has come stands in one row, and each restore of an older backup that was noticed in one more."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "installation",
        sa.Column("is_only", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.Column("beaten_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("is_only", name=op.f("pk_installation")),
        sa.CheckConstraint("is_only", name=op.f("ck_installation_is_only")),
    )
    op.create_table(
        "restores",
        sa.Column("no", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("backup_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("known_until", sa.DateTime(timezone=True)),
        sa.Column("mailings", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("no", name=op.f("pk_restores")),
    )
    _allow("'rest', 'unknown', 'restored'")


def downgrade() -> None:
    op.execute("UPDATE mailings SET again = NULL, again_at = NULL WHERE again = 'restored'")
    _allow("'rest', 'unknown'")
    op.drop_table("restores")
    op.drop_table("installation")


def _allow(words: str) -> None:
    op.drop_constraint(op.f("ck_mailings_again"), "mailings")
    op.create_check_constraint(op.f("ck_mailings_again"), "mailings", f"again IN ({words})")
