"""Grounds of permission with their ends, what an interest is about, renewals, the day of the last open, and how a suppression came about."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
C = sa.Text(collation="C")
OLD_LEVEL = "ck_permissions_ck_permissions_level"
BASES = "'consent', 'soft_opt_in', 'contract', 'implied_casl', 'legitimate_interest_post', 'legal'"


def upgrade() -> None:
    _permissions()
    op.add_column("interests", sa.Column("product_class", C, nullable=False, server_default=""))
    op.add_column(
        "interests", sa.Column("is_third_party", sa.Boolean(), nullable=False, server_default="false")
    )
    op.add_column(
        "consent_requests", sa.Column("is_renewal", sa.Boolean(), nullable=False, server_default="false")
    )
    op.add_column("suppressions", sa.Column("source", C, nullable=False, server_default=""))
    op.add_column("suppressions", sa.Column("contact_id", sa.Uuid()))
    op.create_foreign_key(
        op.f("fk_suppressions_contact_id"), "suppressions", "contacts", ["contact_id"], ["id"]
    )
    op.create_index(
        "ix_suppressions_contact_id", "suppressions", ["contact_id"], postgresql_where=sa.text("contact_id IS NOT NULL")
    )
    op.create_index(
        "ix_suppressions_newest", "suppressions", ["workspace_id", "created_at", "channel", "address_hash"]
    )
    op.create_table(
        "permission_settings",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("keeps_last_open", sa.Boolean(), nullable=False, server_default="false"),
        sa.PrimaryKeyConstraint("workspace_id", name="pk_permission_settings"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name="fk_permission_settings_workspace_id"
        ),
    )
    op.create_table(
        "renewals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("started_by", sa.Uuid(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("ended_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_renewals"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_renewals_workspace_id"),
    )
    # One at a time: the key is what two who press the button at once meet at.
    op.create_index(
        "uq_renewals_open", "renewals", ["workspace_id"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_table(
        "last_opens",
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", name="pk_last_opens"),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name="fk_last_opens_contact_id"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_last_opens_workspace_id"),
    )


def _permissions() -> None:
    op.drop_constraint(op.f(OLD_LEVEL), "permissions")
    op.create_check_constraint(
        op.f("ck_permissions_level"),
        "permissions",
        "level IS NULL OR level IN ('none', 'date', 'aggregate', 'individual')",
    )
    op.create_check_constraint(op.f("ck_permissions_basis"), "permissions", f"basis IN ({BASES})")
    op.create_check_constraint(
        op.f("ck_permissions_post"), "permissions", "basis <> 'legitimate_interest_post' OR channel = 'post'"
    )
    op.create_check_constraint(
        op.f("ck_permissions_implied"),
        "permissions",
        "basis <> 'implied_casl' OR state <> 'yes' OR valid_until IS NOT NULL",
    )
    op.create_index(
        "ix_permissions_ends",
        "permissions",
        ["valid_until"],
        postgresql_where=sa.text("state = 'yes' AND valid_until IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("last_opens")
    op.drop_table("renewals")
    op.drop_table("permission_settings")
    op.drop_index("ix_suppressions_newest", "suppressions")
    op.drop_column("suppressions", "contact_id")
    op.drop_column("suppressions", "source")
    op.drop_column("consent_requests", "is_renewal")
    op.drop_column("interests", "is_third_party")
    op.drop_column("interests", "product_class")
    op.drop_index("ix_permissions_ends", "permissions")
    for name in ("ck_permissions_implied", "ck_permissions_post", "ck_permissions_basis", "ck_permissions_level"):
        op.drop_constraint(op.f(name), "permissions")
    op.execute("UPDATE permissions SET level = 'none', state = 'no' WHERE level = 'date'")
    op.create_check_constraint(
        op.f(OLD_LEVEL),
        "permissions",
        "level IS NULL OR level IN ('none', 'aggregate', 'individual')",
    )
