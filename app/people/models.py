"""Tables of what staff begin about people."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.consent.rules import Renewal
from app.kernel.db import Base
from app.people.rules import ActKind, ActState


class RenewalRound(Base):
    """A round of questions to many: may we go on?"""

    __tablename__ = "renewals"
    __table_args__ = (
        Index("uq_renewals_open", "workspace_id", unique=True, postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    started_by: Mapped[UUID]
    started_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text(collation="C"), server_default=Renewal.ENDING.value)
    """Why, as ``consent.rules.Renewal`` names it."""
    until: Mapped[datetime | None]
    """Who is asked where permissions end: those whose own does before this moment."""
    before: Mapped[datetime | None]
    """Who is asked for other words: also those whose yes is older than this."""
    asked: Mapped[int] = mapped_column(Integer, server_default="0")
    ended_at: Mapped[datetime | None]


class BulkAct(Base):
    """Something done to many people of the list: a tag, a company, or a field."""

    __tablename__ = "bulk_acts"
    __table_args__ = (
        CheckConstraint(f"kind IN ({', '.join(repr(found.value) for found in ActKind)})", name="kind"),
        CheckConstraint(f"state IN ({', '.join(repr(found.value) for found in ActState)})", name="state"),
        Index("ix_bulk_acts_workspace_id", "workspace_id", "created_at"),
        Index("ix_bulk_acts_open", "created_at", postgresql_where=text("state IN ('doing', 'undoing')")),
        Index("ix_bulk_acts_created_at", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(Text(collation="C"))
    of_id: Mapped[UUID] = mapped_column(Uuid)
    """The tag, company or field. Without a foreign key: a tag may leave the list, the act stays."""
    word: Mapped[str] = mapped_column(Text)
    """What that was called then."""
    value: Mapped[Any] = mapped_column(JSONB(none_as_null=True), nullable=True)
    """What a field is set to, as it is stored; NULL: nothing."""
    whom: Mapped[str] = mapped_column(Text)
    """Who was chosen, in words; no address."""
    state: Mapped[str] = mapped_column(Text(collation="C"))
    total: Mapped[int] = mapped_column(BigInteger)
    """How many were chosen."""
    seen: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """How many of them it has come to, doing or undoing."""
    changed: Mapped[int] = mapped_column(BigInteger, server_default="0")
    left_out: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Who carries too many tags for another one."""
    undone: Mapped[int] = mapped_column(BigInteger, server_default="0")
    fault: Mapped[str] = mapped_column(Text, server_default="")
    """Why it did not come to everybody; empty: it did."""
    position: Mapped[UUID | None] = mapped_column(Uuid)
    """Behind whom it goes on."""
    ended_at: Mapped[datetime | None]
    undone_at: Mapped[datetime | None]


class BulkActPerson(Base):
    """Somebody whom an act has still to come to, or whom it changed; nobody once it is undone or can no longer be."""

    __tablename__ = "bulk_act_people"
    __table_args__ = (Index("ix_bulk_act_people_contact_id", "contact_id"),)

    act_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    contact_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    carried_at: Mapped[datetime | None]
    """Since when they carry the tag by this act, or carried it before it was taken off; NULL: still to come.

    The moment tells a tag of this act from one that another hand put on them since. Of a company it is when they came
    into it, of others when they were changed.
    """
    before: Mapped[Any] = mapped_column(JSONB(none_as_null=True), nullable=True)
    """What they had: the value of a field, or the company with ``group_id``, ``role`` and ``joined_at``; NULL: nothing."""


class ListColumns(Base):
    """What a user wants to see of each person on the list."""

    __tablename__ = "list_columns"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    columns: Mapped[list[str]]
    """Keys of ``columns.BUILT_IN``, and ``field:`` with the key of a field."""
