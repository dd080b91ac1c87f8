"""Tables of engagement."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Double, ForeignKey, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base

Instant = DateTime(timezone=True)


class EngagementScore(Base):
    """The score of one person with at least one signal of their own."""

    __tablename__ = "engagement_scores"
    __table_args__ = (Index("ix_engagement_scores_s", "workspace_id", "s", "contact_id"),)

    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    s: Mapped[float] = mapped_column(Double)
    """log2 of the decayed sum at the landmark (``rules``)."""
    human_signals: Mapped[int] = mapped_column(BigInteger)
    last_signal_at: Mapped[datetime] = mapped_column(Instant)


class EngagementSetting(Base):
    """A workspace's own half-life; without a row it is the usual one."""

    __tablename__ = "engagement_settings"
    __table_args__ = (CheckConstraint("half_life_days >= 1", name="half_life"),)

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    half_life_days: Mapped[int] = mapped_column(Integer)
