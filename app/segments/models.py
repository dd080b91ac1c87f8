"""Tables of segments: who is meant is worked out when somebody asks; only of those that are followed it is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, DateTime, ForeignKey, Identity, Index, Integer, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base

Instant = DateTime(timezone=True)


class Segment(Base):
    """A tree of rules with a name; what it says stands in its newest version."""

    __tablename__ = "segments"
    __table_args__ = (
        Index(
            "uq_segments_name",
            "workspace_id",
            "name",
            unique=True,
            postgresql_where=text("archived_at IS NULL"),
        ),
        Index("ix_segments_workspace_id", "workspace_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    name: Mapped[str] = mapped_column(Text(collation="C"))
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    created_by: Mapped[UUID | None] = mapped_column(Uuid)
    created_at: Mapped[datetime] = mapped_column(Instant)
    changed_at: Mapped[datetime] = mapped_column(Instant)
    archived_at: Mapped[datetime | None] = mapped_column(Instant)


class SegmentVersion(Base):
    """What a segment has said from a moment on; never changed."""

    __tablename__ = "segment_versions"

    segment_id: Mapped[UUID] = mapped_column(ForeignKey("segments.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    tree: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_by: Mapped[UUID | None] = mapped_column(Uuid)
    created_at: Mapped[datetime] = mapped_column(Instant)


class SegmentFollow(Base):
    """A segment of which it is told who comes and goes.

    ``version`` is the one that ``members`` were found by; None until the first look, which tells of nobody.
    """

    __tablename__ = "segment_follows"
    __table_args__ = (Index("ix_segment_follows_next_look_at", "next_look_at"),)

    segment_id: Mapped[UUID] = mapped_column(ForeignKey("segments.id"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    since: Mapped[datetime] = mapped_column(Instant)
    looked_at: Mapped[datetime | None] = mapped_column(Instant)
    next_look_at: Mapped[datetime] = mapped_column(Instant)
    version: Mapped[int | None] = mapped_column(Integer)
    members: Mapped[int] = mapped_column(BigInteger, server_default="0")
    fault: Mapped[str] = mapped_column(Text, server_default="")
    """Why the last look came to nothing; empty: it did not."""


class SegmentMember(Base):
    """Somebody who was in a followed segment at the last look; many come and go at once, so without foreign keys."""

    __tablename__ = "segment_members"
    __table_args__ = (Index("ix_segment_members_contact_id", "contact_id"),)

    segment_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    contact_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)


class SegmentChange(Base):
    """Somebody came or went; in the order of ``no`` within a segment, kept for ``following.KEPT``."""

    __tablename__ = "segment_changes"
    __table_args__ = (
        Index("ix_segment_changes_segment", "segment_id", "no"),
        Index("ix_segment_changes_contact", "workspace_id", "contact_id", "at"),
        Index("ix_segment_changes_at", "at"),
    )

    no: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    segment_id: Mapped[UUID] = mapped_column(Uuid)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    contact_id: Mapped[UUID] = mapped_column(Uuid)
    entered: Mapped[bool] = mapped_column(Boolean)
    version: Mapped[int] = mapped_column(Integer)
    """What the segment said by then."""
    at: Mapped[datetime] = mapped_column(Instant)
    """When it was seen, a minute or so after it was so."""


class FieldIndex(Base):
    """A workspace's own field that has an index of its own, or will have: segments look for people by it.

    Whether the index is there says the catalogue of PostgreSQL.
    """

    __tablename__ = "field_indexes"

    field_id: Mapped[UUID] = mapped_column(ForeignKey("custom_fields.id"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    used_at: Mapped[datetime] = mapped_column(Instant)
    """When a living segment was last seen to use it, on an hour or so."""
