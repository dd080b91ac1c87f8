"""Forms: a look of their own, answers that wait to be taken, sources beside the counts, a brake against floods."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

C = sa.Text(collation="C")


def upgrade() -> None:
    op.add_column("forms", sa.Column("style", postgresql.JSONB(), server_default="{}", nullable=False))
    op.add_column("forms", sa.Column("policy", postgresql.JSONB(), server_default="{}", nullable=False))
    op.add_column("forms", sa.Column("challenge_until", sa.DateTime(timezone=True)))
    op.add_column("form_counts", sa.Column("source", C, server_default="page", nullable=False))
    op.drop_constraint("pk_form_counts", "form_counts")
    op.create_primary_key("pk_form_counts", "form_counts", ["form_id", "counted_on", "version", "source"])
    op.add_column("submissions", sa.Column("source", C, server_default="page", nullable=False))
    op.add_column("submissions", sa.Column("post", postgresql.JSONB()))
    op.create_index(
        "ix_submissions_waiting", "submissions", ["created_at"], postgresql_where=sa.text("post IS NOT NULL")
    )
    op.create_index(
        "ix_consent_requests_form",
        "consent_requests",
        ["form_id", "created_at"],
        postgresql_where=sa.text("form_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_consent_requests_form", "consent_requests")
    op.drop_index("ix_submissions_waiting", "submissions")
    op.drop_column("submissions", "post")
    op.drop_column("submissions", "source")
    op.drop_constraint("pk_form_counts", "form_counts")
    # One row for each version and day again: the sums stay, where they came from goes.
    op.execute(
        "CREATE TEMPORARY TABLE sums ON COMMIT DROP AS SELECT form_id, counted_on, version, workspace_id, "
        "sum(views)::int AS views, sum(submits)::int AS submits, sum(confirms)::int AS confirms "
        "FROM form_counts GROUP BY 1, 2, 3, 4"
    )
    op.execute("DELETE FROM form_counts")
    op.drop_column("form_counts", "source")
    op.execute(
        "INSERT INTO form_counts (form_id, counted_on, version, workspace_id, views, submits, confirms) "
        "SELECT form_id, counted_on, version, workspace_id, views, submits, confirms FROM sums"
    )
    op.create_primary_key("pk_form_counts", "form_counts", ["form_id", "counted_on", "version"])
    op.drop_column("forms", "challenge_until")
    op.drop_column("forms", "policy")
    op.drop_column("forms", "style")
