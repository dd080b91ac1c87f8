"""Workspaces, users, sessions, keys, and the record of acts that nobody can change."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def when(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def words(name: str, *, nullable: bool = False, exact: bool = False) -> sa.Column:
    return sa.Column(name, sa.Text(collation="C") if exact else sa.Text(), nullable=nullable)


def key(name: str = "id") -> sa.Column:
    return sa.Column(name, sa.Uuid(), nullable=False)


def to(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}"))


def upgrade() -> None:
    # The second lock beside the missing right, for every append-only table of this and later migrations.
    op.execute(
        """
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'append-only table %: % is refused', TG_TABLE_NAME, TG_OP
                USING ERRCODE = 'insufficient_privilege';
        END $$
        """
    )
    op.create_table(
        "workspaces",
        key(),
        words("public_id", exact=True),
        words("name"),
        words("short_name"),
        words("site"),
        words("postal_address"),
        words("language"),
        words("time_zone"),
        words("accent"),
        words("imprint_url"),
        words("privacy_url"),
        words("contact_email"),
        words("country"),
        when("created_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
        sa.UniqueConstraint("public_id", name=op.f("uq_workspaces_public_id")),
    )
    op.create_table(
        "users",
        key(),
        words("email", exact=True),
        words("name"),
        words("password_hash"),
        when("password_changed_at"),
        when("disabled_at", nullable=True),
        when("created_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "memberships",
        key("workspace_id"),
        key("user_id"),
        words("role"),
        when("created_at"),
        sa.CheckConstraint("role IN ('owner', 'editor', 'viewer')", name=op.f("ck_memberships_role")),
        to("memberships", "workspace_id", "workspaces"),
        to("memberships", "user_id", "users"),
        sa.PrimaryKeyConstraint("workspace_id", "user_id", name=op.f("pk_memberships")),
    )
    op.create_index(op.f("ix_memberships_user_id"), "memberships", ["user_id"])
    op.create_table(
        "sessions",
        key(),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        key("user_id"),
        sa.Column("workspace_id", sa.Uuid()),
        sa.Column("kept", sa.Boolean(), nullable=False),
        words("ip"),
        words("user_agent"),
        when("created_at"),
        when("seen_at"),
        when("expires_at"),
        when("revoked_at", nullable=True),
        words("revoked_reason", nullable=True),
        to("sessions", "user_id", "users"),
        to("sessions", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sessions_token_hash")),
    )
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"])
    op.create_table(
        "known_devices",
        key(),
        key("user_id"),
        when("created_at"),
        when("seen_at"),
        to("known_devices", "user_id", "users"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_devices")),
    )
    op.create_index(op.f("ix_known_devices_user_id"), "known_devices", ["user_id"])
    op.create_table(
        "api_keys",
        key(),
        key("workspace_id"),
        words("prefix", exact=True),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.JSONB(), nullable=False),
        words("name"),
        when("created_at"),
        when("expires_at", nullable=True),
        when("last_used_at", nullable=True),
        when("revoked_at", nullable=True),
        to("api_keys", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_api_keys_secret_hash")),
    )
    op.create_index(op.f("ix_api_keys_workspace_id"), "api_keys", ["workspace_id"])
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("workspace_id", sa.Uuid()),
        when("at"),
        words("actor_kind"),
        sa.Column("actor_id", sa.Uuid()),
        words("act"),
        words("object"),
        sa.Column("detail", postgresql.JSONB(), nullable=False),
        to("audit_entries", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    op.create_index(op.f("ix_audit_entries_workspace_id_id"), "audit_entries", ["workspace_id", "id"])
    op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON audit_entries FROM {context.config.attributes['app_role']}")
    op.execute(
        "CREATE TRIGGER refuse_row_change BEFORE UPDATE OR DELETE ON audit_entries "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON audit_entries "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    for table in ("audit_entries", "api_keys", "known_devices", "sessions", "memberships", "users", "workspaces"):
        op.drop_table(table)
    op.execute("DROP FUNCTION refuse_change()")
