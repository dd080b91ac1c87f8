"""Fewer foreign keys where a file writes a permission each: a check costs as much as the row that it is for.

A person belongs to a workspace, so rows that name a person need no key to the workspace beside it. What is kept of an
event has its key; seals are made of events that were just read, and no event is ever deleted.
"""

from alembic import op

revision = "0070"
down_revision = "0069"
branch_labels = None
depends_on = None

KEYS = (
    ("consent_events", "workspace_id", "workspaces"),
    ("permissions", "workspace_id", "workspaces"),
    ("reach", "workspace_id", "workspaces"),
    ("consent_personal", "contact_id", "contacts"),
    ("consent_unsealed", "event_id", "consent_events"),
    ("consent_leaves", "event_id", "consent_events"),
)


def upgrade() -> None:
    for table, column, _ in KEYS:
        op.drop_constraint(op.f(f"fk_{table}_{column}"), table)


def downgrade() -> None:
    for table, column, other in KEYS:
        op.create_foreign_key(op.f(f"fk_{table}_{column}"), table, other, [column], ["id"])
