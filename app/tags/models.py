"""Tables of tags: the list of a workspace, and who carries which."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, Text, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base


class Tag(Base):
    """A word of the workspace's list."""

    __tablename__ = "tags"
    __table_args__ = (
        Index("uq_tags_folded", "workspace_id", "folded", unique=True, postgresql_where=text("removed_at IS NULL")),
        Index("ix_tags_removed", "removed_at", postgresql_where=text("removed_at IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    word: Mapped[str] = mapped_column(Text)
    """As whoever made it wrote it."""
    folded: Mapped[str] = mapped_column(Text(collation="C"))
    """As ``rules.fold`` tells it from others."""
    import_id: Mapped[UUID | None] = mapped_column(Uuid)
    """The file that brought it: taken back, it goes again where nobody carries it."""
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    removed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """Nobody sees it from then on; a job takes it off people and deletes it."""


class ContactTag(Base):
    """A person carries a tag."""

    __tablename__ = "contact_tags"
    __table_args__ = (Index("ix_contact_tags_tag_id", "tag_id", "contact_id"),)

    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    tag_id: Mapped[UUID] = mapped_column(ForeignKey("tags.id"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    added_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
