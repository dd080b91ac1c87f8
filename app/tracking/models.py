"""Tables of tracking. No network address stands in any of them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Numeric,
    SmallInteger,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base
from app.kernel.sampling import is_sampled

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
    """One act of a person: an open, a click, or whatever else a room or a program tells. The log is appended to only.

    A month is a table of its own (in the schema ``signal_months``), made when its first signal comes. Without a
    contact it is one of those that are counted and belong to nobody. Workspace and person have no foreign keys:
    checking them takes longer than writing the row, and who erases a person deletes what is here.
    """

    __tablename__ = "signals"
    __table_args__ = (
        CheckConstraint("verdict IN ('human', 'machine', 'unknown')", name="verdict"),
        # What says which message also says who: both or neither.
        CheckConstraint(
            "CASE WHEN mailing_no IS NULL THEN contact_id IS NOT NULL AND n IS NULL"
            " ELSE (contact_id IS NULL) = (n IS NULL) END",
            name="person",
        ),
        Index(
            "ix_signals_message", "mailing_no", "n", "kind", "verdict", postgresql_where=text("mailing_no IS NOT NULL")
        ),
        Index(
            "ix_signals_contact", "workspace_id", "contact_id", "at", postgresql_where=text("contact_id IS NOT NULL")
        ),
        Index("ix_signals_program", "at", postgresql_where=text("program IS NOT NULL")),
        # For counts that are told while somebody writes: all that they ask of a signal, so that no row is looked up.
        Index(
            "ix_signals_sample", "workspace_id", "kind", "at",
            postgresql_include=["contact_id", "verdict", "mailing_no", "link"],
            postgresql_where=text(is_sampled("contact_id")),
        ),
        {"postgresql_partition_by": "RANGE (at)"},
    )  # fmt: skip

    event_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    """Without a contact only the hour."""
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    contact_id: Mapped[UUID | None] = mapped_column(Uuid)
    mailing_no: Mapped[int | None] = mapped_column(BigInteger)
    """None: it is about no letter."""
    n: Mapped[int | None] = mapped_column(BigInteger)
    link: Mapped[int] = mapped_column(SmallInteger, server_default=text("-1"))
    """Index of the link; -1: none, -2: the one that no person sees."""
    kind: Mapped[str] = mapped_column(Text(collation="C"))
    """One that a manifest declares, or ``own.…`` of the workspace."""
    verdict: Mapped[str] = mapped_column(Text(collation="C"))
    reason: Mapped[str] = mapped_column(Text(collation="C"))
    program: Mapped[str | None] = mapped_column(Text)
    """User-Agent, for thirty days; never without a contact."""
    data: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What whoever told it said about it; None for letters."""


class OwnSignalKind(Base):
    """A kind of signal that a workspace's own programs tell, known since the first of them."""

    __tablename__ = "own_signal_kinds"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    label: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)
    archived_at: Mapped[datetime | None] = mapped_column(Instant)


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


class SignalReaders(Base):
    """How many people read a mailing by hand: the sums over its rows. Nobody can be found in it.

    Rows are added in the transaction that writes signals, or erases somebody's; they are put together on the way.
    """

    __tablename__ = "signal_readers"
    __table_args__ = (Index("ix_signal_readers_mailing_no", "mailing_no"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    mailing_no: Mapped[int] = mapped_column(BigInteger)
    opened: Mapped[int] = mapped_column(BigInteger)
    """Who clicks has opened."""
    clicked: Mapped[int] = mapped_column(BigInteger)


class MailingOrder(Base):
    """An order that came of a mailing: of the one whose link its person followed by hand last, within a week before it.

    It stands beside the order's signal. Without foreign keys, as signals are; who erases a person deletes it.
    """

    __tablename__ = "mailing_orders"
    __table_args__ = (
        CheckConstraint("(amount IS NULL) = (currency IS NULL)", name="total"),
        Index("ix_mailing_orders_mailing_no", "mailing_no", "n"),
        Index("ix_mailing_orders_contact_id", "contact_id"),
    )

    event_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    contact_id: Mapped[UUID] = mapped_column(Uuid)
    mailing_no: Mapped[int] = mapped_column(BigInteger)
    n: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(Instant)
    """When it was made."""
    amount: Mapped[Decimal | None] = mapped_column(Numeric)
    """None: nobody could read what it came to."""
    currency: Mapped[str | None] = mapped_column(Text(collation="C"))
    """Its three letters."""


class MailingOrderSums(Base):
    """How many orders came of a mailing, and what they came to by currency: the sums over its rows.

    Nobody can be found in it. Rows are added in the statement that writes or deletes orders, and put together on the way.
    """

    __tablename__ = "mailing_order_sums"
    __table_args__ = (Index("ix_mailing_order_sums_mailing_no", "mailing_no"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    mailing_no: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str | None] = mapped_column(Text(collation="C"))
    """None: of orders whose totals nobody could read."""
    orders: Mapped[int] = mapped_column(BigInteger)
    amount: Mapped[Decimal | None] = mapped_column(Numeric)


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
