"""What readers wish for: a pause, a digest instead of every mail, another address; reminders; guardians."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("reach", sa.Column("paused_until", INSTANT))
    op.add_column("reach", sa.Column("digest", sa.Text(collation="C")))
    op.add_column("reach", sa.Column("digest_from", INSTANT))
    op.create_check_constraint(op.f("ck_reach_digest"), "reach", "digest IN ('weekly', 'monthly')")
    op.create_check_constraint(
        op.f("ck_reach_digest_from"), "reach", "(digest IS NULL) = (digest_from IS NULL)"
    )
    op.create_index(
        "ix_reach_digests", "reach", ["digest_from"], postgresql_where=sa.text("digest IS NOT NULL")
    )
    op.add_column("consent_requests", sa.Column("reminded_at", INSTANT))
    op.create_table(
        "reader_settings",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("remind_after_days", sa.SmallInteger(), nullable=True),
        sa.Column("offers_post", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.PrimaryKeyConstraint("workspace_id", name="pk_reader_settings"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_reader_settings_workspace_id"),
        sa.CheckConstraint("remind_after_days BETWEEN 1 AND 6", name="ck_reader_settings_days"),
    )
    op.create_table(
        "address_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("suspect_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_address_changes"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_address_changes_workspace_id"),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name="fk_address_changes_contact_id"),
        sa.CheckConstraint("state IN ('open', 'done', 'over')", name="ck_address_changes_state"),
    )
    op.create_index("ix_address_changes_contact", "address_changes", ["workspace_id", "contact_id"])
    op.create_table(
        "guardians",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("request_id", name="pk_guardians"),
        sa.ForeignKeyConstraint(["request_id"], ["consent_requests.id"], name="fk_guardians_request_id"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_guardians_workspace_id"),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name="fk_guardians_contact_id"),
    )
    op.create_index("ix_guardians_contact", "guardians", ["workspace_id", "contact_id"])


def downgrade() -> None:
    op.drop_table("guardians")
    op.drop_table("address_changes")
    op.drop_table("reader_settings")
    op.drop_column("consent_requests", "reminded_at")
    op.drop_index("ix_reach_digests", "reach")
    op.drop_constraint(op.f("ck_reach_digest_from"), "reach")
    op.drop_constraint(op.f("ck_reach_digest"), "reach")
    op.drop_column("reach", "digest_from")
    op.drop_column("reach", "digest")
    op.drop_column("reach", "paused_until")
