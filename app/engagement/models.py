"""Tables of engagement."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base

Instant = DateTime(timezone=True)


class EngagementScore(Base):
    """The score of one person with at least one signal of their own, by one set of rules."""

    __tablename__ = "engagement_scores"
    __table_args__ = (Index("ix_engagement_scores_s", "workspace_id", "rules_no", "s", "contact_id"),)

    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    rules_no: Mapped[int] = mapped_column(
        Integer, primary_key=True, autoincrement=False, server_default=text("1")
    )
    """Only the scores of the rules in force are shown; others are being made, or are being cleared away."""
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    s: Mapped[float] = mapped_column(Double)
    """log2 of the decayed sum at the landmark (``rules``)."""
    human_signals: Mapped[int] = mapped_column(BigInteger)
    last_signal_at: Mapped[datetime] = mapped_column(Instant)


class EngagementSetting(Base):
    """The rules in force of a workspace that has its own; without a row they are the usual ones, number 1."""

    __tablename__ = "engagement_settings"
    __table_args__ = (CheckConstraint("half_life_days >= 1", name="half_life"),)

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    rules_no: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    half_life_days: Mapped[int] = mapped_column(Integer)
    weights: Mapped[dict[str, float]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    """By kind of signal; a kind that is missing has the weight of its manifest."""


class EngagementRecount(Base):
    """A workspace whose people are being counted anew, by rules that are not in force yet."""

    __tablename__ = "engagement_recounts"
    __table_args__ = (CheckConstraint("half_life_days >= 1", name="half_life"),)

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    rules_no: Mapped[int] = mapped_column(Integer)
    half_life_days: Mapped[int] = mapped_column(Integer)
    weights: Mapped[dict[str, float]] = mapped_column(JSONB)
    counted_to: Mapped[UUID] = mapped_column(Uuid)
    """Everybody up to this contact has a score by the new rules."""
    counted: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int | None] = mapped_column(BigInteger)
    is_over: Mapped[bool] = mapped_column(Boolean)
    """The rules are in force, or were given up: scores of other rules are left to be cleared away."""
