"""The table of notes."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base


class Note(Base):
    """What somebody of the staff wrote about a person."""

    __tablename__ = "notes"
    __table_args__ = (Index("ix_notes_contact_id", "contact_id", "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    """Who wrote it."""
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    changed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
