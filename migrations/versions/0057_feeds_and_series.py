"""Feeds in letters, and series: campaigns that come again, with their issues."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
PLAIN = sa.Text(collation="C")


def upgrade() -> None:
    op.add_column("letters", sa.Column("series_id", sa.Uuid(), nullable=True))
    _feeds()
    _series()


def _feeds() -> None:
    op.create_table(
        "feeds",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("address", PLAIN, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("fetched_at", INSTANT, nullable=False),
        sa.Column("looked_at", INSTANT, nullable=False),
        sa.Column("fault", sa.Text(), server_default="", nullable=False),
        sa.UniqueConstraint("workspace_id", "address"),
    )
    op.create_table(
        "feed_entries",
        sa.Column("feed_id", sa.Uuid(), sa.ForeignKey("feeds.id"), primary_key=True),
        sa.Column("key", PLAIN, primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("picture", sa.Text(), nullable=False),
        sa.Column("published_at", INSTANT),
        sa.Column("first_seen_at", INSTANT, nullable=False),
    )
    op.create_table(
        "feed_marks",
        sa.Column("series_id", sa.Uuid(), primary_key=True),
        sa.Column("feed_id", sa.Uuid(), sa.ForeignKey("feeds.id"), primary_key=True),
        sa.Column("key", PLAIN, primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("letter_id", sa.Uuid(), sa.ForeignKey("letters.id"), nullable=False),
        sa.Column("is_shown", sa.Boolean(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
    )
    op.create_index("ix_feed_marks_letter_id", "feed_marks", ["letter_id"])


def _series() -> None:
    op.create_table(
        "campaign_series",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), sa.ForeignKey("campaigns.id"), nullable=False),
        sa.Column("every", sa.Text(), nullable=False),
        sa.Column("weekdays", JSONB(), nullable=False),
        sa.Column("month_day", sa.SmallInteger(), nullable=False),
        sa.Column("at_time", sa.Text(), nullable=False),
        sa.Column("does", sa.Text(), nullable=False),
        sa.Column("only_new", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("next_on", sa.Date()),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.UniqueConstraint("campaign_id"),
        sa.CheckConstraint("every IN ('day', 'week', 'month')", name=op.f("ck_campaign_series_every")),
        sa.CheckConstraint("month_day BETWEEN 1 AND 31", name=op.f("ck_campaign_series_month_day")),
        sa.CheckConstraint("does IN ('send', 'draft')", name=op.f("ck_campaign_series_does")),
        sa.CheckConstraint("state IN ('active', 'paused', 'ended')", name=op.f("ck_campaign_series_state")),
        sa.CheckConstraint("(state = 'active') = (next_on IS NOT NULL)", name=op.f("ck_campaign_series_next_on")),
    )
    op.create_index("ix_campaign_series_workspace_id", "campaign_series", ["workspace_id", "id"])
    op.create_index("ix_campaign_series_next_on", "campaign_series", ["next_on"], postgresql_where=sa.text("state = 'active'"))
    op.create_table(
        "campaign_issues",
        sa.Column("series_id", sa.Uuid(), sa.ForeignKey("campaign_series.id"), primary_key=True),
        sa.Column("due_on", sa.Date(), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), sa.ForeignKey("campaigns.id")),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("noted_at", INSTANT, nullable=False),
        sa.UniqueConstraint("campaign_id"),
        sa.CheckConstraint("state IN ('due', 'made', 'skipped', 'failed')", name=op.f("ck_campaign_issues_state")),
        sa.CheckConstraint("(state = 'made') = (campaign_id IS NOT NULL)", name=op.f("ck_campaign_issues_campaign_id")),
    )
    op.create_index("ix_campaign_issues_due", "campaign_issues", ["due_at"], postgresql_where=sa.text("state = 'due'"))


def downgrade() -> None:
    op.drop_table("campaign_issues")
    op.drop_table("campaign_series")
    op.drop_table("feed_marks")
    op.drop_table("feed_entries")
    op.drop_table("feeds")
    op.drop_column("letters", "series_id")
