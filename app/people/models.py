"""Tables of what staff begin about people."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.consent.rules import Renewal
from app.kernel.db import Base


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
