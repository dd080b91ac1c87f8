"""Messages without foreign keys to what they are made of: what they name is kept by those rows themselves."""

from alembic import context, op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# Column of messages: the row it names.
GONE = {
    "mailing_no": "mailings (no)",
    "workspace_id": "workspaces (id)",
    "contact_id": "contacts (id)",
    "permission_id": "permissions (id)",
    "reach_id": "reach (id)",
}
# Table: its key, and the messages that name a row of it, found by an index.
KEPT = {
    "mailings": ("no", "m.mailing_no = OLD.no"),
    "contacts": ("id", "m.contact_id = OLD.id"),
    "permissions": ("id", "m.contact_id = OLD.contact_id AND m.permission_id = OLD.id"),
    "reach": ("id", "m.contact_id = OLD.contact_id AND m.reach_id = OLD.id"),
}
MAY_GO = ("contacts",)


def upgrade() -> None:
    role = context.config.attributes["app_role"]
    for column in GONE:
        op.execute(f"ALTER TABLE messages DROP CONSTRAINT fk_messages_{column}")
    op.execute(
        "CREATE FUNCTION message_keeps_all() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF EXISTS (SELECT FROM messages) THEN"
        " RAISE EXCEPTION 'messages name rows of %', TG_TABLE_NAME USING ERRCODE = 'foreign_key_violation';"
        " END IF; RETURN NULL; END $$"
    )
    for table, (key, names) in KEPT.items():
        # Erasure empties a person's rows and leaves them. The application deletes only contacts that it has just made
        # and that somebody else made at the same time; whoever may delete meets the trigger.
        if table not in MAY_GO:
            op.execute(f"REVOKE DELETE, TRUNCATE ON {table} FROM {role}")
        op.execute(
            f"CREATE FUNCTION message_keeps_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF EXISTS (SELECT FROM messages m WHERE {names}) THEN"
            f" RAISE EXCEPTION 'a message names this row of {table}' USING ERRCODE = 'foreign_key_violation';"
            " END IF; RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END; END $$"
        )
        op.execute(
            f"CREATE TRIGGER message_keeps BEFORE DELETE OR UPDATE OF {key} ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION message_keeps_{table}()"
        )
        op.execute(
            f"CREATE TRIGGER message_keeps_all BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION message_keeps_all()"
        )


def downgrade() -> None:
    role = context.config.attributes["app_role"]
    for table in KEPT:
        op.execute(f"DROP TRIGGER message_keeps_all ON {table}")
        op.execute(f"DROP TRIGGER message_keeps ON {table}")
        op.execute(f"DROP FUNCTION message_keeps_{table}()")
        if table not in MAY_GO:
            op.execute(f"GRANT DELETE ON {table} TO {role}")
    op.execute("DROP FUNCTION message_keeps_all()")
    for column, target in GONE.items():
        op.execute(f"ALTER TABLE messages ADD CONSTRAINT fk_messages_{column} FOREIGN KEY ({column}) REFERENCES {target}")
