"""Companies and households, and the people who belong to them; people are found by what their fields hold."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

C = sa.Text(collation="C")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    # First, and outside of a transaction, so that nobody who signs up waits for it: 6 s for a million people.
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_contacts_fields")
        op.execute("CREATE INDEX CONCURRENTLY ix_contacts_fields ON contacts USING gin (fields jsonb_path_ops)")
    op.create_table(
        "groups",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("kind", C, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_folded", C, nullable=False),
        sa.Column("website", sa.Text(), server_default="", nullable=False),
        sa.Column("country", C, server_default="", nullable=False),
        sa.Column("size", sa.Text(), server_default="", nullable=False),
        sa.Column("about", sa.Text(), server_default="", nullable=False),
        sa.Column("import_id", sa.Uuid()),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.CheckConstraint("kind IN ('company', 'household')", name="kind"),
        sa.UniqueConstraint("id", "kind"),
    )
    op.create_index(
        "uq_groups_name", "groups", ["workspace_id", "name_folded"], unique=True,
        postgresql_where=sa.text("kind = 'company'"),
    )  # fmt: skip
    op.create_index("ix_groups_list", "groups", ["workspace_id", "kind", "name_folded", "id"])
    op.execute("CREATE INDEX ix_groups_search ON groups USING gin (name_folded gin_trgm_ops)")
    op.create_table(
        "group_domains",
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), primary_key=True),
        sa.Column("domain", C, primary_key=True),
        sa.Column("group_id", sa.Uuid(), sa.ForeignKey("groups.id"), nullable=False),
    )
    op.create_index("ix_group_domains_group_id", "group_domains", ["group_id"])
    op.create_table(
        "group_members",
        sa.Column("contact_id", sa.Uuid(), sa.ForeignKey("contacts.id"), primary_key=True),
        sa.Column("kind", C, primary_key=True),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), server_default="", nullable=False),
        sa.Column("joined_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["group_id", "kind"], ["groups.id", "groups.kind"]),
    )
    op.create_index("ix_group_members_group_id", "group_members", ["group_id", "joined_at", "contact_id"])
    op.add_column("import_rows", sa.Column("company", sa.Text()))
    op.add_column("import_rows", sa.Column("company_folded", C))


def downgrade() -> None:
    op.drop_column("import_rows", "company_folded")
    op.drop_column("import_rows", "company")
    op.drop_table("group_members")
    op.drop_table("group_domains")
    op.drop_table("groups")
    op.drop_index("ix_contacts_fields", "contacts")
