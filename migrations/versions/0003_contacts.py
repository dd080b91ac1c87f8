"""People, their addresses and fields."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "contacts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("first_name", sa.Text(), nullable=False, server_default=""),
        sa.Column("last_name", sa.Text(), nullable=False, server_default=""),
        sa.Column("language", sa.Text(), nullable=False, server_default="en"),
        sa.Column("fields", postgresql.JSONB(), nullable=False, server_default="{}"),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("updated_at", instant, nullable=False),
        sa.Column("erased_at", instant),
        sa.PrimaryKeyConstraint("id", name="pk_contacts"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_contacts_workspace_id"),
    )
    op.create_index("ix_contacts_workspace_id_created_at_id", "contacts", ["workspace_id", "created_at", "id"])
    op.execute(
        "CREATE INDEX ix_contacts_search ON contacts "
        "USING gin ((lower(first_name || ' ' || last_name)) gin_trgm_ops)"
    )
    op.create_table(
        "addresses",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False, server_default="email"),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(collation="C"), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("folded", sa.Text(collation="C"), nullable=False),
        sa.Column("domain", sa.Text(collation="C"), nullable=False),
        sa.Column("needs_smtputf8", sa.Boolean(), nullable=False, server_default="false"),
        sa.Column("created_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_addresses"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_addresses_workspace_id"),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name="fk_addresses_contact_id"),
        sa.UniqueConstraint("workspace_id", "channel", "key", name="uq_addresses_workspace_id_channel_key"),
        sa.UniqueConstraint("contact_id", "channel", name="uq_addresses_contact_id_channel"),
    )
    op.create_index("ix_addresses_folded", "addresses", ["workspace_id", "channel", "folded"])
    op.execute("CREATE INDEX ix_addresses_search ON addresses USING gin (address gin_trgm_ops)")
    op.create_table(
        "custom_fields",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("choices", postgresql.JSONB(), nullable=False, server_default="[]"),
        sa.Column("position", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("archived_at", instant),
        sa.PrimaryKeyConstraint("id", name="pk_custom_fields"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_custom_fields_workspace_id"),
        sa.UniqueConstraint("workspace_id", "key", name="uq_custom_fields_workspace_id_key"),
    )


def downgrade() -> None:
    op.drop_table("custom_fields")
    op.drop_table("addresses")
    op.drop_table("contacts")
