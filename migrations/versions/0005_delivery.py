"""The outbox: transports, senders, mailings, messages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

C = sa.Text(collation="C")
INSTANT = sa.DateTime(timezone=True)


def reference(table: str, column: str, target: str, *, target_column: str = "id") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.{target_column}"], name=f"fk_{table}_{column}")


def upgrade() -> None:
    op.execute("CREATE SEQUENCE system_message_n")
    transports()
    senders()
    mailings()
    messages()


def transports() -> None:
    op.create_table(
        "transports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("kind", C, nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("security", C, nullable=False),
        sa.Column("username", sa.Text(), nullable=False, server_default=""),
        sa.Column("secret", sa.LargeBinary()),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_transports"),
        reference("transports", "workspace_id", "workspaces"),
        sa.CheckConstraint("kind IN ('smtp')", name=op.f("ck_transports_kind")),
        sa.CheckConstraint("security IN ('opportunistic', 'starttls', 'implicit', 'none')", name=op.f("ck_transports_security")),
        sa.CheckConstraint("port BETWEEN 1 AND 65535", name=op.f("ck_transports_port")),
    )
    op.create_index("ix_transports_workspace_id", "transports", ["workspace_id"])


def senders() -> None:
    op.create_table(
        "senders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", C, nullable=False),
        sa.Column("reply_to", sa.Text(), nullable=False, server_default=""),
        sa.Column("transport_id", sa.Uuid()),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_senders"),
        reference("senders", "workspace_id", "workspaces"),
        reference("senders", "transport_id", "transports"),
    )
    op.create_index(
        "uq_senders_default", "senders", ["workspace_id"], unique=True, postgresql_where=sa.text("is_default")
    )
    op.create_index("ix_senders_transport_id", "senders", ["transport_id"])


def mailings() -> None:
    op.create_table(
        "mailings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("no", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("kind", C, nullable=False),
        sa.Column("name", C, nullable=False),
        sa.Column("lane", C, nullable=False),
        sa.Column("purpose", C),
        sa.Column("channel", C, nullable=False),
        sa.Column("sender", postgresql.JSONB()),
        sa.Column("content_version_id", sa.Uuid()),
        sa.Column("state", C, nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("vtime", sa.Double(), nullable=False, server_default="0"),
        sa.Column("send_at", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_mailings"),
        sa.UniqueConstraint("no", name="uq_mailings_no"),
        reference("mailings", "workspace_id", "workspaces"),
        sa.CheckConstraint("kind IN ('bulk', 'system')", name=op.f("ck_mailings_kind")),
        sa.CheckConstraint("lane IN ('system', 'bulk')", name=op.f("ck_mailings_lane")),
        sa.CheckConstraint(
            "state IN ('draft', 'scheduled', 'freezing', 'running', 'paused', 'done', 'cancelled')",
            name=op.f("ck_mailings_state"),
        ),
        sa.CheckConstraint("weight > 0", name=op.f("ck_mailings_weight")),
        sa.CheckConstraint("(kind = 'bulk') = (purpose IS NOT NULL)", name=op.f("ck_mailings_purpose")),
    )
    op.create_index(
        "uq_mailings_system",
        "mailings",
        ["workspace_id", "name"],
        unique=True,
        postgresql_where=sa.text("kind = 'system'"),
    )
    op.create_index(
        "ix_mailings_running", "mailings", ["lane", "vtime"], postgresql_where=sa.text("state = 'running'")
    )


def messages() -> None:
    op.create_table(
        "messages",
        sa.Column("mailing_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid()),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("permission_id", sa.Uuid()),
        sa.Column("reach_id", sa.Uuid()),
        sa.Column("dedupe_key", sa.Uuid(), nullable=False),
        sa.Column("domain_group", C),
        sa.Column("data", postgresql.JSONB()),
        sa.Column("state", C, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        *(
            sa.Column(name, sa.SmallInteger(), nullable=False, server_default="0")
            for name in ("attempts", "host_faults", "render_faults", "doubts", "crash_count")
        ),
        sa.Column("fence", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("lease_owner", C),
        sa.Column("lease_until", INSTANT),
        sa.Column("first_at", INSTANT),
        sa.Column("began_at", INSTANT),
        sa.Column("done_at", INSTANT),
        sa.Column("from_domain", C),
        sa.Column("reply_code", sa.SmallInteger()),
        sa.Column("reply_status", C),
        sa.Column("reply_text", sa.Text()),
        sa.PrimaryKeyConstraint("mailing_no", "n", name="pk_messages"),
        sa.UniqueConstraint("mailing_no", "dedupe_key", name="uq_messages_dedupe"),
        reference("messages", "mailing_no", "mailings", target_column="no"),
        reference("messages", "workspace_id", "workspaces"),
        reference("messages", "contact_id", "contacts"),
        reference("messages", "user_id", "users"),
        reference("messages", "permission_id", "permissions"),
        reference("messages", "reach_id", "reach"),
        sa.CheckConstraint(
            "state IN ('pending', 'claimed', 'attempting', 'sent', 'bounced', 'complained', 'suppressed', "
            "'cancelled', 'failed', 'expired', 'poison', 'unknown')",
            name=op.f("ck_messages_state"),
        ),
        sa.CheckConstraint("(contact_id IS NULL) <> (user_id IS NULL)", name=op.f("ck_messages_recipient")),
        sa.CheckConstraint("contact_id IS NULL OR reach_id IS NOT NULL", name=op.f("ck_messages_reach")),
    )
    # A claim asks first which running mailing is next (smallest vtime, oldest due row), then takes rows of it by
    # this one index. Measured with 1,000,000 pending rows in one mailing and 20,000 in 60 system mailings: 0.6 ms
    # for the choice and 0.1 ms for the rows. An index by lane takes 0.05 ms for both, but 306 ms as soon as a
    # mailing of 1,000,000 is paused, since all its rows stay due.
    op.create_index(
        "ix_messages_due", "messages", ["mailing_no", "due_at"], postgresql_where=sa.text("state = 'pending'")
    )
    op.create_index(
        "ix_messages_leases",
        "messages",
        ["lease_until"],
        postgresql_where=sa.text("state IN ('claimed', 'attempting')"),
    )
    op.create_index(
        "ix_messages_unknown", "messages", ["began_at"], postgresql_where=sa.text("state = 'unknown'")
    )
    op.create_index("ix_messages_contact", "messages", ["contact_id", "created_at"])


def downgrade() -> None:
    for table in ("messages", "mailings", "senders", "transports"):
        op.drop_table(table)
    op.execute("DROP SEQUENCE system_message_n")
