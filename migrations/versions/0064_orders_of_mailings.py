"""Which orders came of which mailing stands in rows of its own, and their sums are kept for reports."""

import sqlalchemy as sa
from alembic import op

revision = "0064"
down_revision = "0063"
branch_labels = None
depends_on = None

# What was told before, of those who let us see what they do now.
MONEY = r"'^\s*(-?[0-9]{1,15}(?:\.[0-9]{1,4})?)\s*([A-Za-z]{3})\s*$'"
COUNT = """
INSERT INTO mailing_orders (event_id, workspace_id, contact_id, mailing_no, n, at, amount, currency)
SELECT DISTINCT ON (o.event_id) o.event_id, o.workspace_id, o.contact_id, k.mailing_no, k.n, o.at, CAST(f.m[1] AS numeric), upper(f.m[2])
FROM signals o
JOIN permissions t ON t.workspace_id = o.workspace_id AND t.contact_id = o.contact_id AND t.purpose = 'tracking'
AND t.channel = 'email' AND t.interest_id IS NULL AND t.state = 'yes' AND t.level = 'individual'
JOIN LATERAL (
  SELECT s.mailing_no, s.n FROM signals s WHERE s.workspace_id = o.workspace_id AND s.contact_id = o.contact_id
  AND s.at <= o.at AND s.at > o.at - interval '7 days' AND s.kind = 'click' AND s.verdict = 'human' AND s.link >= 0
  AND s.mailing_no IS NOT NULL ORDER BY s.at DESC LIMIT 1
) AS k ON true
CROSS JOIN LATERAL (
  SELECT coalesce(regexp_match(o.data ->> 'total', {money}), regexp_match((o.data ->> 'total') || ' ' || (o.data ->> 'currency'), {money})) AS m
) AS f
WHERE o.kind = 'order'
"""
SUMS = """
INSERT INTO mailing_order_sums (workspace_id, mailing_no, currency, orders, amount)
SELECT workspace_id, mailing_no, currency, count(*), sum(amount) FROM mailing_orders GROUP BY 1, 2, 3
"""


def upgrade() -> None:
    op.create_table(
        "mailing_orders",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("mailing_no", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("amount", sa.Numeric()),
        sa.Column("currency", sa.Text(collation="C")),
        sa.PrimaryKeyConstraint("event_id", name="pk_mailing_orders"),
        sa.CheckConstraint("(amount IS NULL) = (currency IS NULL)", name="ck_mailing_orders_total"),
    )
    op.create_index("ix_mailing_orders_mailing_no", "mailing_orders", ["mailing_no", "n"])
    op.create_index("ix_mailing_orders_contact_id", "mailing_orders", ["contact_id"])
    op.create_table(
        "mailing_order_sums",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("mailing_no", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(collation="C")),
        sa.Column("orders", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Numeric()),
        sa.PrimaryKeyConstraint("id", name="pk_mailing_order_sums"),
    )
    op.create_index("ix_mailing_order_sums_mailing_no", "mailing_order_sums", ["mailing_no"])
    op.execute(COUNT.replace("{money}", MONEY.replace(":", r"\:")))
    op.execute(SUMS)


def downgrade() -> None:
    op.drop_table("mailing_order_sums")
    op.drop_table("mailing_orders")
