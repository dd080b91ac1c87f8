"""The table of files."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, Integer, LargeBinary, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base


class File(Base):
    """What somebody of the staff put with a person."""

    __tablename__ = "contact_files"
    __table_args__ = (Index("ix_contact_files_contact_id", "contact_id", "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    """Who put it there."""
    name: Mapped[str] = mapped_column(Text)
    octets: Mapped[int] = mapped_column(Integer)
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    """Read where it is asked for, and nowhere else."""
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
