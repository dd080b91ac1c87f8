"""People come in by files: the file, its rows as they were read, what was done with them, and what undoes it."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

C = sa.Text(collation="C")
INSTANT = sa.DateTime(timezone=True)


# Checked row by row they took 40 % of what it costs to bring a person in; the application deletes no workspace.
UNCHECKED = ("contacts", "addresses")


def upgrade() -> None:
    role = context.config.attributes["app_role"]
    op.execute(f"REVOKE DELETE, TRUNCATE ON workspaces FROM {role}")
    for table in UNCHECKED:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT fk_{table}_workspace_id")
    op.create_table(
        "imports",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("octets", sa.BigInteger(), nullable=False),
        sa.Column("sha256", C, nullable=False),
        sa.Column("layout", JSONB(), nullable=False),
        sa.Column("plan", JSONB(none_as_null=True)),
        sa.Column("state", C, nullable=False),
        sa.Column("fault", sa.Text(), server_default="", nullable=False),
        sa.Column("rows", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("octets_read", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("checked", JSONB(none_as_null=True)),
        sa.Column("began_at", INSTANT),
        sa.Column("ended_at", INSTANT),
        sa.Column("undone_at", INSTANT),
        sa.CheckConstraint(
            "state IN ('uploaded', 'reading', 'checked', 'taking', 'done', 'undoing', 'undone', 'failed')", name="state"
        ),
    )
    op.create_index("ix_imports_workspace_id", "imports", ["workspace_id", "created_at"])
    op.create_index(
        "ix_imports_at_work", "imports", ["began_at"],
        postgresql_where=sa.text("state IN ('reading', 'taking', 'undoing')"),
    )  # fmt: skip
    op.create_table(
        "import_chunks",
        sa.Column("import_id", sa.Uuid(), sa.ForeignKey("imports.id"), primary_key=True),
        sa.Column("no", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("octets", sa.LargeBinary(), nullable=False),
    )
    # Compressing takes longer than writing, and files are read once or twice.
    op.execute("ALTER TABLE import_chunks ALTER COLUMN octets SET STORAGE EXTERNAL")
    _rows()


def _rows() -> None:
    op.create_table(
        "import_rows",
        sa.Column("import_id", sa.Uuid(), primary_key=True),
        sa.Column("n", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("fault", sa.Text()),
        sa.Column("contact_id", sa.Uuid()),
        sa.Column("address_id", sa.Uuid()),
        sa.Column("raw", sa.Text()),
        sa.Column("address", C),
        sa.Column("key", C),
        sa.Column("folded", C),
        sa.Column("domain", C),
        sa.Column("needs_smtputf8", sa.Boolean()),
        sa.Column("hash", sa.LargeBinary()),
        sa.Column("first_name", sa.Text()),
        sa.Column("last_name", sa.Text()),
        sa.Column("name_folded", C),
        sa.Column("language", sa.Text()),
        sa.Column("fields", JSONB()),
        sa.Column("said_at", INSTANT),
        sa.Column("source", sa.Text()),
        sa.Column("ip", sa.Text()),
        sa.Column("cells", JSONB(none_as_null=True)),
    )
    op.create_index(
        "ix_import_rows_faults", "import_rows", ["import_id", "n"], postgresql_where=sa.text("fault IS NOT NULL")
    )
    op.create_index("ix_import_rows_hash", "import_rows", ["hash"], postgresql_where=sa.text("fault IS NOT NULL"))
    op.create_table(
        "import_slices",
        sa.Column("import_id", sa.Uuid(), sa.ForeignKey("imports.id"), primary_key=True),
        sa.Column("first_n", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("last_n", sa.BigInteger(), nullable=False),
        sa.Column("counts", JSONB(none_as_null=True)),
        sa.Column("done_at", INSTANT),
    )
    op.create_table(
        "import_changes",
        sa.Column("import_id", sa.Uuid(), primary_key=True),
        sa.Column("contact_id", sa.Uuid(), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("is_made", sa.Boolean(), nullable=False),
        sa.Column("event_id", sa.Uuid()),
        sa.Column("before", JSONB(none_as_null=True)),
        sa.Column("after", JSONB(none_as_null=True)),
    )
    op.create_index("ix_import_changes_contact_id", "import_changes", ["contact_id"])


def downgrade() -> None:
    for table in ("import_changes", "import_slices", "import_rows", "import_chunks", "imports"):
        op.drop_table(table)
    for table in UNCHECKED:
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT fk_{table}_workspace_id FOREIGN KEY (workspace_id) REFERENCES workspaces (id)"
        )
    op.execute(f"GRANT DELETE ON workspaces TO {context.config.attributes['app_role']}")
