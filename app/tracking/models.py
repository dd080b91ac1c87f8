"""Tables of tracking. No network address stands in any of them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base

Instant = DateTime(timezone=True)


class TrackedMailing(Base):
    """The links of a mailing, in the order of their indexes, with their merge tags; never changed, so processes keep them."""

    __tablename__ = "tracked_mailings"
    __table_args__ = (Index("ix_tracked_mailings_workspace_id", "workspace_id"),)

    mailing_no: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    links: Mapped[list[str]] = mapped_column(JSONB)
    home_url: Mapped[str] = mapped_column(Text)
    """Where the link that no person sees leads."""
    created_at: Mapped[datetime] = mapped_column(Instant)


class Signal(Base):
    """One open or click. Without a contact it is one of those that are counted and belong to nobody."""

    __tablename__ = "signals"
    __table_args__ = (
        CheckConstraint("kind IN ('open', 'click')", name="kind"),
        CheckConstraint("verdict IN ('human', 'machine', 'unknown')", name="verdict"),
        # What says which message also says who: both or neither.
        CheckConstraint("(contact_id IS NULL) = (n IS NULL)", name="person"),
        Index("ix_signals_message", "mailing_no", "n", "kind", "verdict"),
        Index(
            "ix_signals_contact", "workspace_id", "contact_id", "at", postgresql_where=text("contact_id IS NOT NULL")
        ),
        Index("ix_signals_program", "at", postgresql_where=text("program IS NOT NULL")),
    )  # fmt: skip

    event_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    contact_id: Mapped[UUID | None] = mapped_column(ForeignKey("contacts.id"))
    mailing_no: Mapped[int] = mapped_column(BigInteger)
    n: Mapped[int | None] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(Text(collation="C"))
    link: Mapped[int] = mapped_column(SmallInteger)
    """Index of the link; -1: none, -2: the one that no person sees."""
    at: Mapped[datetime] = mapped_column(Instant)
    """Without a contact only the hour."""
    verdict: Mapped[str] = mapped_column(Text(collation="C"))
    reason: Mapped[str] = mapped_column(Text(collation="C"))
    program: Mapped[str | None] = mapped_column(Text)
    """User-Agent, for thirty days; never without a contact."""


class SignalCount(Base):
    """Signals of a mailing by hour, for reports: kept in step in the transaction that writes the signals.

    Nobody can be found in it, so it stays when a person is erased.
    """

    __tablename__ = "signal_counts"

    mailing_no: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hour: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    kind: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    link: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    verdict: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    count: Mapped[int] = mapped_column(BigInteger)


class SignalInbox(Base):
    """Hits as they came while Redis was away, until they are taken in."""

    __tablename__ = "signal_inbox"

    event_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    hit: Mapped[bytes] = mapped_column(LargeBinary)


class SignalSource(Base):
    """How many hits a process has answered, and which of them have arrived: what is missing shows as gaps."""

    __tablename__ = "signal_sources"

    source: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    answered: Mapped[int] = mapped_column(BigInteger)
    arrived: Mapped[Any] = mapped_column(INT8MULTIRANGE)
    seen_at: Mapped[datetime] = mapped_column(Instant)


class LastOpen(Base):
    """The day on which a person last opened a mail, for cleaning lists: no time, no mail, each overwriting the one before."""

    __tablename__ = "last_opens"

    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    day: Mapped[date] = mapped_column(Date)
