"""Keys that sign mails, a pair for each sending domain of a workspace."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
WORD = sa.Text(collation="C")


def upgrade() -> None:
    op.create_table(
        "dkim_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("domain", WORD, nullable=False),
        sa.Column("selector", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("rsa_secret", sa.LargeBinary()),
        sa.Column("ed_secret", sa.LargeBinary()),
        sa.Column("rsa_public", WORD, nullable=False),
        sa.Column("ed_public", WORD, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("published_at", INSTANT),
        sa.Column("told_by", WORD),
        sa.Column("active_at", INSTANT),
        sa.Column("retired_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_dkim_keys"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_dkim_keys_workspace_id"),
        sa.UniqueConstraint("domain", "selector", name="uq_dkim_keys_selector"),
        sa.CheckConstraint(
            "state IN ('made', 'published', 'active', 'retired')", name="ck_dkim_keys_state"
        ),
        sa.CheckConstraint("told_by IN ('dns', 'owner')", name="ck_dkim_keys_told_by"),
        sa.CheckConstraint(
            "(state = 'retired') = (rsa_secret IS NULL) AND (state = 'retired') = (ed_secret IS NULL)",
            name="ck_dkim_keys_secrets",
        ),
    )
    for state in ("active", "made"):
        op.create_index(
            f"uq_dkim_keys_{state}",
            "dkim_keys",
            ["workspace_id", "domain"],
            unique=True,
            postgresql_where=sa.text(f"state = '{state}'"),
        )


def downgrade() -> None:
    op.drop_table("dkim_keys")
