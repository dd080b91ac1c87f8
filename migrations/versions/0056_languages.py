"""Letters in several languages: translations of a letter, the versions that go out together, and what was tested of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0056"
down_revision = "0054"
branch_labels = None
depends_on = None

THERE = "translation_of IS NOT NULL AND archived_at IS NULL"


def upgrade() -> None:
    op.add_column("letters", sa.Column("translation_of", sa.Uuid(), sa.ForeignKey("letters.id"), nullable=True))
    op.create_check_constraint(
        op.f("ck_letters_translation_of"), "letters", "translation_of IS NULL OR purpose = 'campaign'"
    )
    op.create_index(
        "uq_letters_translation", "letters", ["translation_of", "language"], unique=True, postgresql_where=sa.text(THERE)
    )
    op.add_column("letter_versions", sa.Column("translations", JSONB(), nullable=True))
    op.add_column("campaigns", sa.Column("tested_translations", JSONB(), server_default="{}", nullable=False))
    op.add_column("campaign_looks", sa.Column("languages", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("campaign_looks", "languages")
    op.drop_column("campaigns", "tested_translations")
    op.drop_column("letter_versions", "translations")
    op.drop_index("uq_letters_translation", "letters")
    op.drop_constraint(op.f("ck_letters_translation_of"), "letters", type_="check")
    op.drop_column("letters", "translation_of")
