"""Tables of what staff begin about people."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base


class Renewal(Base):
    """A round of questions to all whose permission ends soon: may we go on?"""

    __tablename__ = "renewals"
    __table_args__ = (
        Index("uq_renewals_open", "workspace_id", unique=True, postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    started_by: Mapped[UUID]
    started_at: Mapped[datetime]
    until: Mapped[datetime]
    """Who is asked: those whose permission ends before this moment."""
    asked: Mapped[int] = mapped_column(Integer, server_default="0")
    ended_at: Mapped[datetime | None]
