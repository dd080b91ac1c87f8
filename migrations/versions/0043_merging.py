"""Doubles are found, two entries of one person become one, and that can be taken back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
CODE = sa.Text(collation="C")
PHONES = ("phone", "mobile", "telephone", "phone_number", "mobile_phone", "tel", "cell", "telefon", "handy")
NUMBERS = ("external_id", "customer_id", "customer_number", "customer_no", "member_id", "kundennummer")


def first_of(keys):
    return f"coalesce({', '.join(f'fields ->> {key!r}' for key in keys)})"


PHONE = f"substring(regexp_replace({first_of(PHONES)}, '[^0-9]', '', 'g') from '[0-9]{{7,9}}$')"
NUMBER = f"nullif(lower(btrim({first_of(NUMBERS)})), '')"


def upgrade() -> None:
    # One pass over the table for all three.
    op.execute(
        "ALTER TABLE contacts ADD COLUMN merged_into uuid,"
        f' ADD COLUMN phone_key text COLLATE "C" GENERATED ALWAYS AS ({PHONE}) STORED,'
        f' ADD COLUMN number_key text COLLATE "C" GENERATED ALWAYS AS ({NUMBER}) STORED'
    )
    op.create_foreign_key("fk_contacts_merged_into", "contacts", "contacts", ["merged_into"], ["id"])
    op.create_index(
        "ix_contacts_merged_into", "contacts", ["merged_into"], postgresql_where=sa.text("merged_into IS NOT NULL")
    )
    for name in ("phone_key", "number_key"):
        op.create_index(
            f"ix_contacts_{name}",
            "contacts",
            ["workspace_id", name],
            postgresql_where=sa.text(f"{name} IS NOT NULL AND merged_into IS NULL"),
        )
    op.create_index(
        "ix_addresses_spellings",
        "addresses",
        ["workspace_id", "folded"],
        postgresql_where=sa.text("channel = 'email' AND key <> folded"),
    )
    op.create_table(
        "merges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("survivor_id", sa.Uuid(), nullable=False),
        sa.Column("merged_id", sa.Uuid(), nullable=False),
        sa.Column("merged_at", INSTANT, nullable=False),
        sa.Column("merged_by", JSONB(), nullable=False),
        sa.Column("memo", JSONB(none_as_null=True)),
        sa.Column("undone_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_merges"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_merges_workspace_id"),
        sa.ForeignKeyConstraint(["survivor_id"], ["contacts.id"], name="fk_merges_survivor_id"),
        sa.ForeignKeyConstraint(["merged_id"], ["contacts.id"], name="fk_merges_merged_id"),
    )
    op.create_index("ix_merges_survivor_id", "merges", ["workspace_id", "survivor_id", "merged_at"])
    op.create_index(
        "uq_merges_merged_id", "merges", ["merged_id"], unique=True, postgresql_where=sa.text("undone_at IS NULL")
    )
    op.create_index(
        "ix_merges_memo", "merges", ["merged_at"], postgresql_where=sa.text("memo IS NOT NULL")
    )
    op.create_table(
        "merged_rows",
        sa.Column("merge_id", sa.Uuid(), nullable=False),
        sa.Column("table_name", CODE, nullable=False),
        sa.Column("key", JSONB(), nullable=False),
        sa.Column("aside", JSONB(none_as_null=True)),
        sa.PrimaryKeyConstraint("merge_id", "table_name", "key", name="pk_merged_rows"),
        sa.ForeignKeyConstraint(["merge_id"], ["merges.id"], name="fk_merged_rows_merge_id"),
    )
    op.create_table(
        "different_people",
        sa.Column("one_id", sa.Uuid(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("said_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("one_id", "other_id", name="pk_different_people"),
        sa.CheckConstraint("one_id < other_id", name="ck_different_people_order"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_different_people_workspace_id"),
        sa.ForeignKeyConstraint(["one_id"], ["contacts.id"], ondelete="CASCADE", name="fk_different_people_one_id"),
        sa.ForeignKeyConstraint(["other_id"], ["contacts.id"], ondelete="CASCADE", name="fk_different_people_other_id"),
    )
    op.create_index("ix_different_people_other_id", "different_people", ["other_id"])


def downgrade() -> None:
    op.drop_table("different_people")
    op.drop_table("merged_rows")
    op.drop_table("merges")
    op.drop_index("ix_addresses_spellings", "addresses")
    op.execute("ALTER TABLE contacts DROP COLUMN merged_into, DROP COLUMN phone_key, DROP COLUMN number_key")
