"""Acts on many people put them into companies and set fields too: what somebody had before is kept for the undo."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0069"
down_revision = "0068"
branch_labels = None
depends_on = None

TAGS = "kind IN ('put_on', 'take_off')"
ALL = "kind IN ('put_on', 'take_off', 'join', 'leave', 'set', 'clear')"


def upgrade() -> None:
    op.alter_column("bulk_acts", "tag_id", new_column_name="of_id")
    op.add_column("bulk_acts", sa.Column("value", JSONB(none_as_null=True)))
    op.add_column("bulk_act_people", sa.Column("before", JSONB(none_as_null=True)))
    op.drop_constraint(op.f("ck_bulk_acts_kind"), "bulk_acts")
    op.create_check_constraint(op.f("ck_bulk_acts_kind"), "bulk_acts", ALL)


def downgrade() -> None:
    op.execute("DELETE FROM bulk_act_people b USING bulk_acts a WHERE a.id = b.act_id AND a.kind NOT IN ('put_on', 'take_off')")
    op.execute(f"DELETE FROM bulk_acts WHERE NOT ({TAGS})")
    op.drop_constraint(op.f("ck_bulk_acts_kind"), "bulk_acts")
    op.create_check_constraint(op.f("ck_bulk_acts_kind"), "bulk_acts", TAGS)
    op.drop_column("bulk_act_people", "before")
    op.drop_column("bulk_acts", "value")
    op.alter_column("bulk_acts", "of_id", new_column_name="tag_id")
