"""The question's mail is kept with its person, and signed days go where the operator cannot reach."""

import sqlalchemy as sa
from alembic import context, op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_ERASE = """
CREATE OR REPLACE FUNCTION consent_erase(
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
    {mails}DELETE FROM consent_personal WHERE workspace_id = p_workspace AND contact_id = p_contact;
    GET DIAGNOSTICS removed = ROW_COUNT;
    PERFORM set_config('nod.erasing', 'off', true);
    RETURN removed;
END $$
"""
_MAILS_TOO = "DELETE FROM consent_mails WHERE workspace_id = p_workspace AND contact_id = p_contact;\n    "


def upgrade() -> None:
    _mails()
    _targets()


def _mails() -> None:
    op.create_table(
        "consent_mails",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("locked", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_consent_mails"),
        sa.ForeignKeyConstraint(["event_id"], ["consent_events.id"], name="fk_consent_mails_event_id"),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name="fk_consent_mails_contact_id"),
    )
    op.create_index("ix_consent_mails_contact", "consent_mails", ["workspace_id", "contact_id"])
    op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON consent_mails FROM {context.config.attributes['app_role']}")
    op.execute(
        "CREATE TRIGGER guard_personal BEFORE UPDATE OR DELETE ON consent_mails "
        "FOR EACH ROW EXECUTE FUNCTION consent_guard_personal()"
    )
    op.execute(
        "CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON consent_mails "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(_ERASE.format(mails=_MAILS_TOO))


def _targets() -> None:
    op.create_table(
        "seal_targets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("address", sa.Text(collation="C"), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("last_success_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("faults", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("fault", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_seal_targets"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_seal_targets_workspace_id"),
        sa.ForeignKeyConstraint(["made_by"], ["users.id"], name="fk_seal_targets_made_by"),
        sa.UniqueConstraint("workspace_id", "kind", "address", name="uq_seal_targets_place"),
        sa.CheckConstraint("kind IN ('folder', 'mail', 'webhook')", name="ck_seal_targets_kind"),
    )
    op.create_index("ix_seal_targets_due", "seal_targets", ["due_at"])


def downgrade() -> None:
    op.drop_table("seal_targets")
    op.execute(_ERASE.format(mails=""))
    op.drop_table("consent_mails")
