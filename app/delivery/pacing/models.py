"""Tables of pacing: small, and a row only where something is limited, held or watched.

A route is the text of a transport's id, or ``default`` for the installation's own mail server. There is no key to
transports: what is learnt about one that is being taken away must never fail the results it comes with.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Double, ForeignKey, Index, Integer, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base

Instant = DateTime(timezone=True)
_Name = Text(collation="C")


class PaceRow(Base):
    """How fast a route, or one group of domains on it, may be used (``rules.Pace``), with its bucket."""

    __tablename__ = "paces"
    __table_args__ = (
        CheckConstraint("rest IN ('patience', 'away', 'refused')", name="rest"),
        CheckConstraint("own_rate > 0", name="own_rate"),
        CheckConstraint("connections > 0", name="connections"),
    )

    route: Mapped[str] = mapped_column(_Name, primary_key=True)
    domain_group: Mapped[str] = mapped_column(_Name, primary_key=True)
    """Empty for the route as a whole."""
    own_rate: Mapped[float | None] = mapped_column(Double)
    connections: Mapped[int | None] = mapped_column(Integer)
    """Of a route as a whole: how many may be open in all workers together; NULL: the usual number."""
    rate: Mapped[float | None] = mapped_column(Double)
    goal: Mapped[float | None] = mapped_column(Double)
    start: Mapped[float | None] = mapped_column(Double)
    rated_at: Mapped[datetime | None] = mapped_column(Instant)
    rest: Mapped[str | None] = mapped_column(_Name)
    rest_until: Mapped[datetime | None] = mapped_column(Instant)
    rests: Mapped[int] = mapped_column(Integer, server_default="0")
    faults: Mapped[int] = mapped_column(Integer, server_default="0")
    probe_until: Mapped[datetime | None] = mapped_column(Instant)
    says: Mapped[str] = mapped_column(Text, server_default="")
    tokens: Mapped[float] = mapped_column(Double, server_default="0")
    """Messages that may go at ``filled_at``; below zero where system mail went ahead."""
    filled_at: Mapped[datetime] = mapped_column(Instant)


class SlotRow(Base):
    """How many connections of a route an owner may have open, for as long as its lease."""

    __tablename__ = "slots"
    __table_args__ = (Index("ix_slots_owner", "owner"),)

    route: Mapped[str] = mapped_column(_Name, primary_key=True)
    owner: Mapped[str] = mapped_column(_Name, primary_key=True)
    held: Mapped[int] = mapped_column(Integer)
    wanted: Mapped[int] = mapped_column(Integer)
    since: Mapped[datetime] = mapped_column(Instant)
    lease_until: Mapped[datetime] = mapped_column(Instant)


class SenderWatch(Base):
    """The last results of a sender's domain, while refusals of the sender are among them."""

    __tablename__ = "sender_watches"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    domain: Mapped[str] = mapped_column(_Name, primary_key=True)
    lately: Mapped[str] = mapped_column(_Name)
    """A letter each, the newest last: ``x`` refused because of the sender, ``-`` anything else."""
    updated_at: Mapped[datetime] = mapped_column(Instant)


class ContentRefusal(Base):
    """How often a reply refused the content of a mailing."""

    __tablename__ = "content_refusals"

    mailing_no: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("mailings.no"), primary_key=True, autoincrement=False
    )
    reply: Mapped[str] = mapped_column(_Name, primary_key=True)
    """Without what differs from one message to the next."""
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"))
    number: Mapped[int] = mapped_column(Integer)


class DeliveryTally(Base):
    """Counts that hold over all processes and restarts, for the figures."""

    __tablename__ = "delivery_tallies"

    name: Mapped[str] = mapped_column(_Name, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
