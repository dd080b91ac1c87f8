"""Tables of readers' own wishes. What counts for sending stands in consent's ``reach``, which sending locks."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, DateTime, ForeignKey, Index, SmallInteger, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base

Instant = DateTime(timezone=True)


class ReaderSettings(Base):
    """What a workspace decides about its questions; without a row all is off."""

    __tablename__ = "reader_settings"
    __table_args__ = (
        CheckConstraint("remind_after_days BETWEEN 1 AND 6", name="days"),
        CheckConstraint("confirm_days BETWEEN 1 AND 30", name="confirm_days"),
    )

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    remind_after_days: Mapped[int | None] = mapped_column(SmallInteger)
    """After how many days an unanswered question is asked once more; None: never."""
    offers_post: Mapped[bool] = mapped_column(Boolean, server_default="false")
    """Whether people may choose letters on paper beside mail."""
    confirm_days: Mapped[int] = mapped_column(SmallInteger, server_default="7")
    """For how many days the link of a question confirms."""


class AddressChange(Base):
    """A wish for another address, until its owner confirms it there; the old one stays in use."""

    __tablename__ = "address_changes"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'done', 'over')", name="state"),
        Index("ix_address_changes_contact", "contact_id", "workspace_id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"))
    raw: Mapped[str | None] = mapped_column(Text)
    """The new address as typed; None once the wish is done or over."""
    state: Mapped[str] = mapped_column(Text(collation="C"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    suspect_at: Mapped[datetime | None] = mapped_column(Instant)
    """When a press looked like a program's: one more tap is asked for."""


class Guardian(Base):
    """Who has to say yes before a child is asked; for good, so that no question to a child becomes one to anybody."""

    __tablename__ = "guardians"
    __table_args__ = (
        Index("ix_guardians_contact", "contact_id", "workspace_id"),
        Index("ix_guardians_folded", "workspace_id", "folded", "created_at"),
    )

    request_id: Mapped[UUID] = mapped_column(ForeignKey("consent_requests.id"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"))
    """The child."""
    address: Mapped[str | None] = mapped_column(Text)
    """None once it is forgotten, after a month or with the guardian."""
    folded: Mapped[str | None] = mapped_column(Text(collation="C"))
    form: Mapped[str | None] = mapped_column(Text(collation="C"))
    """Public id of the form that asked."""
    said_at: Mapped[datetime | None] = mapped_column(Instant)
    """When they said yes; the child is asked from then on."""
    event_id: Mapped[UUID | None] = mapped_column(ForeignKey("consent_events.id"))
    """That yes in the ledger."""
    created_at: Mapped[datetime] = mapped_column(Instant)
