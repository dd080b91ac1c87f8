"""Tables of merging."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base


class Merge(Base):
    """Two entries became one."""

    __tablename__ = "merges"
    __table_args__ = (
        Index("ix_merges_survivor_id", "survivor_id", "workspace_id", "merged_at"),
        Index("ix_merges_merged_id", "merged_id"),
        Index("uq_merges_merged_id", "merged_id", unique=True, postgresql_where=text("undone_at IS NULL")),
        Index("ix_merges_memo", "merged_at", postgresql_where=text("memo IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    survivor_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"))
    merged_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"))
    merged_at: Mapped[datetime]
    merged_by: Mapped[list[str]]
    """Kind and id."""
    memo: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What each room needs to take it back; None: it cannot be taken back any more."""
    undone_at: Mapped[datetime | None]


class MergedRow(Base):
    """A row that went over to the survivor, and goes back when the merge is taken back."""

    __tablename__ = "merged_rows"

    merge_id: Mapped[UUID] = mapped_column(ForeignKey("merges.id"), primary_key=True)
    table_name: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    key: Mapped[list[str]] = mapped_column(JSONB, primary_key=True)
    """The columns of its primary key, in the order of the manifest."""
    aside: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """The whole row, where the survivor had one like it."""


class DifferentPeople(Base):
    """Somebody has said that these two are not one person: they are not offered again."""

    __tablename__ = "different_people"
    __table_args__ = (
        CheckConstraint("one_id < other_id", name="order"),
        Index("ix_different_people_other_id", "other_id"),
    )

    one_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True)
    other_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    said_at: Mapped[datetime]
