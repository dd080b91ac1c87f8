"""Files of a segment's people and of suppressed addresses, and workbooks."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _check("what", "what IN ('people', 'signals', 'suppressed')")
    _check("form", "form IN ('csv', 'jsonl', 'xlsx')")
    op.create_table(
        "export_people",
        sa.Column("export_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("export_id", "contact_id", name="pk_export_people"),
    )
    op.add_column("exports", sa.Column("fault", sa.Text(), nullable=False, server_default=""))
    op.create_index("ix_export_people_contact_id", "export_people", ["contact_id"])


def downgrade() -> None:
    op.drop_column("exports", "fault")
    op.drop_table("export_people")
    op.execute("DELETE FROM export_chunks WHERE export_id IN (SELECT id FROM exports WHERE what = 'suppressed' OR form = 'xlsx')")
    op.execute("DELETE FROM exports WHERE what = 'suppressed' OR form = 'xlsx'")
    _check("what", "what IN ('people', 'signals')")
    _check("form", "form IN ('csv', 'jsonl')")


def _check(name: str, condition: str) -> None:
    op.drop_constraint(op.f(f"ck_exports_{name}"), "exports", type_="check")
    op.create_check_constraint(op.f(f"ck_exports_{name}"), "exports", condition)
