"""Interests, the ledger and the projection."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

APPEND_ONLY = (
    "purposes",
    "consent_texts",
    "consent_events",
    "consent_leaves",
    "consent_seals",
    "consent_signatures",
)
TABLES = (
    "suppressions",
    "reach",
    "permissions",
    "consent_requests",
    "consent_signatures",
    "consent_leaves",
    "consent_seals",
    "consent_unsealed",
    "consent_personal",
    "consent_events",
    "consent_texts",
    "purposes",
    "interests",
)

ERASE = """
CREATE FUNCTION consent_erase(
    p_id uuid, p_workspace uuid, p_contact uuid, p_received_at timestamptz, p_body bytea
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE removed bigint;
BEGIN
    IF convert_from(p_body, 'UTF8')::jsonb ->> 'kind' IS DISTINCT FROM 'erased'
       OR convert_from(p_body, 'UTF8')::jsonb ->> 'contact' IS DISTINCT FROM p_contact::text THEN
        RAISE EXCEPTION 'consent_erase takes an erased event of this contact';
    END IF;
    INSERT INTO consent_events (id, workspace_id, contact_id, kind, received_at, body)
    VALUES (p_id, p_workspace, p_contact, 'erased', p_received_at, p_body);
    INSERT INTO consent_unsealed (event_id, workspace_id, inserted_at) VALUES (p_id, p_workspace, p_received_at);
    PERFORM set_config('nod.erasing', 'on', true);
    DELETE FROM consent_personal WHERE workspace_id = p_workspace AND contact_id = p_contact;
    GET DIAGNOSTICS removed = ROW_COUNT;
    PERFORM set_config('nod.erasing', 'off', true);
    RETURN removed;
END $$
"""
# A setting can be forged by whoever may run SQL, the function's owner cannot: both must agree.
GUARD_PERSONAL = """
CREATE FUNCTION consent_guard_personal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('nod.erasing', true) = 'on'
       AND current_user = (SELECT tableowner FROM pg_tables
                           WHERE schemaname = TG_TABLE_SCHEMA AND tablename = TG_TABLE_NAME) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'append-only table %: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$
"""


def instant(name: str, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def uuid(name: str, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def word(name: str, nullable: bool = False, default: str | None = None) -> sa.Column:
    return sa.Column(name, sa.Text(collation="C"), nullable=nullable, server_default=default)


def words(name: str, nullable: bool = False, default: str | None = None) -> sa.Column:
    return sa.Column(name, sa.Text(), nullable=nullable, server_default=default)


def octets(name: str, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.LargeBinary(), nullable=nullable)


def whole(name: str, default: str | None = None) -> sa.Column:
    return sa.Column(name, sa.Integer(), nullable=False, server_default=default)


def refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}")


def create(table: str, *parts: sa.schema.SchemaItem, key: tuple[str, ...] = ("id",)) -> None:
    op.create_table(table, *parts, sa.PrimaryKeyConstraint(*key, name=f"pk_{table}"))


def upgrade() -> None:
    _interests()
    _ledger()
    _projection()
    _locks()


def _interests() -> None:
    create(
        "interests", uuid("id"), uuid("workspace_id"), word("name"), words("description", default=""),
        words("pace", default=""), whole("position", "0"), whole("version", "1"), instant("created_at"),
        instant("archived_at", nullable=True), refers("interests", "workspace_id", "workspaces"),
        sa.UniqueConstraint("workspace_id", "name", name="uq_interests_workspace_id_name"),
    )  # fmt: skip
    create(
        "purposes", uuid("workspace_id"), word("key"), whole("version"), words("name"), words("description"),
        instant("created_at"), refers("purposes", "workspace_id", "workspaces"), key=("workspace_id", "key", "version"),
    )  # fmt: skip
    create(
        "consent_texts", uuid("id"), uuid("workspace_id"), word("kind"), word("language"), whole("version"),
        words("body"), octets("sha256"), instant("created_at"), refers("consent_texts", "workspace_id", "workspaces"),
        sa.UniqueConstraint(
            "workspace_id", "kind", "language", "sha256", name="uq_consent_texts_workspace_id_kind_language_sha256"
        ),
        sa.UniqueConstraint(
            "workspace_id", "kind", "language", "version", name="uq_consent_texts_workspace_id_kind_language_version"
        ),
    )  # fmt: skip


def _ledger() -> None:
    create(
        "consent_events", uuid("id"), uuid("workspace_id"), uuid("contact_id"), word("kind"),
        uuid("request_id", nullable=True), instant("received_at"), octets("commitment", nullable=True), octets("body"),
        refers("consent_events", "workspace_id", "workspaces"), refers("consent_events", "contact_id", "contacts"),
    )  # fmt: skip
    op.create_index("ix_consent_events_contact", "consent_events", ["workspace_id", "contact_id", "received_at"])
    op.create_index("ix_consent_events_request", "consent_events", ["request_id"])
    create(
        "consent_personal", uuid("event_id"), uuid("workspace_id"), uuid("contact_id"), octets("salt"), octets("body"),
        refers("consent_personal", "event_id", "consent_events"),
        refers("consent_personal", "contact_id", "contacts"), key=("event_id",),
    )  # fmt: skip
    op.create_index("ix_consent_personal_contact", "consent_personal", ["workspace_id", "contact_id"])
    create(
        "consent_unsealed", uuid("event_id"), uuid("workspace_id"), instant("inserted_at"),
        refers("consent_unsealed", "event_id", "consent_events"), key=("event_id",),
    )  # fmt: skip
    op.create_index("ix_consent_unsealed_workspace", "consent_unsealed", ["workspace_id", "event_id"])
    create(
        "consent_leaves", uuid("workspace_id"), sa.Column("seal_no", sa.BigInteger(), nullable=False),
        whole("position"), uuid("event_id"), refers("consent_leaves", "event_id", "consent_events"),
        sa.UniqueConstraint("event_id", name="uq_consent_leaves_event_id"),
        key=("workspace_id", "seal_no", "position"),
    )  # fmt: skip
    create(
        "consent_seals", uuid("workspace_id"), sa.Column("no", sa.BigInteger(), autoincrement=False, nullable=False),
        whole("count"), octets("root"), octets("prev"), octets("hash"), instant("sealed_at"),
        refers("consent_seals", "workspace_id", "workspaces"), key=("workspace_id", "no"),
    )  # fmt: skip
    create(
        "consent_signatures", uuid("workspace_id"), sa.Column("day", sa.Date(), nullable=False),
        sa.Column("seal_no", sa.BigInteger(), nullable=False), octets("seal_hash"), octets("public_key"),
        octets("signature"), instant("signed_at"), refers("consent_signatures", "workspace_id", "workspaces"),
        key=("workspace_id", "day"),
    )  # fmt: skip


def _projection() -> None:
    create(
        "consent_requests", uuid("id"), uuid("workspace_id"), uuid("contact_id"), uuid("event_id"), words("channel"),
        word("state"), sa.Column("interests", postgresql.JSONB(), nullable=False), words("tracking", nullable=True),
        sa.Column("shown", postgresql.JSONB(), nullable=False), words("language"), uuid("form_id", nullable=True),
        octets("nonce"), instant("created_at"), instant("expires_at"), instant("done_at", nullable=True),
        instant("suspect_at", nullable=True), refers("consent_requests", "workspace_id", "workspaces"),
        refers("consent_requests", "contact_id", "contacts"), refers("consent_requests", "event_id", "consent_events"),
        sa.CheckConstraint("state IN ('open', 'confirmed', 'cancelled', 'expired')", name="ck_consent_requests_state"),
    )  # fmt: skip
    op.create_index("ix_consent_requests_contact", "consent_requests", ["workspace_id", "contact_id", "created_at"])
    op.create_index(
        "ix_consent_requests_open", "consent_requests", ["expires_at"], postgresql_where=sa.text("state = 'open'")
    )
    create(
        "permissions", uuid("id"), uuid("workspace_id"), uuid("contact_id"), word("purpose"), word("channel"),
        uuid("interest_id", nullable=True), word("state"), word("level", nullable=True), word("basis", default="consent"),
        instant("valid_until", nullable=True), instant("paused_until", nullable=True), uuid("event_id"),
        instant("updated_at"), refers("permissions", "workspace_id", "workspaces"),
        refers("permissions", "contact_id", "contacts"), refers("permissions", "interest_id", "interests"),
        refers("permissions", "event_id", "consent_events"),
        sa.UniqueConstraint(
            "workspace_id", "contact_id", "purpose", "channel", "interest_id",
            name="uq_permissions_subject", postgresql_nulls_not_distinct=True,
        ),
        sa.CheckConstraint("state IN ('asked', 'yes', 'no')", name="ck_permissions_state"),
        sa.CheckConstraint(
            "level IS NULL OR level IN ('none', 'aggregate', 'individual')", name="ck_permissions_level"
        ),
    )  # fmt: skip
    op.create_index("ix_permissions_interest", "permissions", ["workspace_id", "interest_id", "state"])
    create(
        "reach", uuid("id"), uuid("workspace_id"), uuid("contact_id"), word("channel"),
        instant("suppressed_at", nullable=True), words("suppressed_reason", nullable=True),
        instant("objected_at", nullable=True), instant("erased_at", nullable=True), uuid("event_id", nullable=True),
        refers("reach", "workspace_id", "workspaces"), refers("reach", "contact_id", "contacts"),
        refers("reach", "event_id", "consent_events"),
        sa.UniqueConstraint("workspace_id", "contact_id", "channel", name="uq_reach_subject"),
    )  # fmt: skip
    create(
        "suppressions", uuid("workspace_id"), word("channel"), octets("address_hash"), word("reason"),
        instant("created_at"), refers("suppressions", "workspace_id", "workspaces"),
        key=("workspace_id", "channel", "address_hash"),
    )  # fmt: skip


def _locks() -> None:
    role = context.config.attributes["app_role"]
    for table in (*APPEND_ONLY, "consent_personal"):
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {role}")
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(GUARD_PERSONAL)
    op.execute(
        "CREATE TRIGGER guard_personal BEFORE UPDATE OR DELETE ON consent_personal "
        "FOR EACH ROW EXECUTE FUNCTION consent_guard_personal()"
    )
    op.execute(
        "CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON consent_personal "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(ERASE)
    op.execute("REVOKE ALL ON FUNCTION consent_erase(uuid, uuid, uuid, timestamptz, bytea) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION consent_erase(uuid, uuid, uuid, timestamptz, bytea) TO {role}")


def downgrade() -> None:
    op.execute("DROP FUNCTION consent_erase(uuid, uuid, uuid, timestamptz, bytea)")
    for table in TABLES:
        op.drop_table(table)
    op.execute("DROP FUNCTION consent_guard_personal()")
