"""Search people by folded name and by mailbox: the server's locale knows no letters beyond ASCII, Python does."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("contacts", sa.Column("name_folded", sa.Text(collation="C"), server_default="", nullable=False))
    # Enough until a name is next written; the application folds accents as well.
    op.execute("UPDATE contacts SET name_folded = trim(lower(first_name || ' ' || last_name))")
    op.drop_index("ix_contacts_search", "contacts")
    op.execute("CREATE INDEX ix_contacts_search ON contacts USING gin (name_folded gin_trgm_ops)")
    op.drop_index("ix_addresses_search", "addresses")
    op.execute("CREATE INDEX ix_addresses_search ON addresses USING gin (key gin_trgm_ops)")


def downgrade() -> None:
    op.drop_index("ix_addresses_search", "addresses")
    op.execute("CREATE INDEX ix_addresses_search ON addresses USING gin (address gin_trgm_ops)")
    op.drop_index("ix_contacts_search", "contacts")
    op.execute(
        "CREATE INDEX ix_contacts_search ON contacts "
        "USING gin ((lower(first_name || ' ' || last_name)) gin_trgm_ops)"
    )
    op.drop_column("contacts", "name_folded")
