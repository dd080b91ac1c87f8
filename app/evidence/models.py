"""Where signed days go, and what is known of privacy notices. A row is also the queue of its place: when to try again."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base

Instant = DateTime(timezone=True)


class SealTarget(Base):
    """A folder, a mailbox or a web address outside that keeps signed days."""

    __tablename__ = "seal_targets"
    __table_args__ = (
        UniqueConstraint("workspace_id", "kind", "address", name="uq_seal_targets_place"),
        CheckConstraint("kind IN ('folder', 'mail', 'webhook')", name="kind"),
        Index("ix_seal_targets_due", "due_at"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    kind: Mapped[str] = mapped_column(Text(collation="C"))
    address: Mapped[str] = mapped_column(Text(collation="C"))
    made_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    last_day: Mapped[date | None] = mapped_column(Date)
    """The newest day that has arrived there."""
    last_success_at: Mapped[datetime | None] = mapped_column(Instant)
    due_at: Mapped[datetime] = mapped_column(Instant)
    faults: Mapped[int] = mapped_column(Integer, server_default="0")
    """In a row."""
    fault: Mapped[str] = mapped_column(Text, server_default="")
    """What the last attempt met, in words for people."""


class PrivacyNotice(Base):
    """How the reading of a brand's privacy notice stands; consent keeps its words."""

    __tablename__ = "privacy_notices"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    is_pasted: Mapped[bool] = mapped_column(Boolean, server_default="false")
    """Somebody entered the words, so the page is not read."""
    read_at: Mapped[datetime | None] = mapped_column(Instant)
    due_at: Mapped[datetime] = mapped_column(Instant)
    fault: Mapped[str] = mapped_column(Text, server_default="")
    """What the last attempt met, in words for people."""
