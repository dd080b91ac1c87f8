"""Tables of forms. A version is never changed: it is what somebody saw when they said yes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Date, DateTime, ForeignKey, Index, Integer, LargeBinary, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.forms.rules import Definition
from app.forms.style import Policy, Style
from app.kernel.db import Base

Instant = DateTime(timezone=True)


class Form(Base):
    """A sign-up form; its words stand in its versions."""

    __tablename__ = "forms"
    __table_args__ = (Index("ix_forms_workspace_id_created_at", "workspace_id", "created_at"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    public_id: Mapped[str] = mapped_column(Text(collation="C"), unique=True)
    name: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text(collation="C"))
    """Shown when the browser asks for none of the form's languages."""
    current_version: Mapped[int] = mapped_column(Integer)
    allowed_origins: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")
    """Websites that may frame the form and read its answers."""
    style: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    policy: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    challenge_until: Mapped[datetime | None] = mapped_column(Instant)
    """Until then a post has to bring a solved puzzle, or time: many asked here and next to nobody said yes."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    archived_at: Mapped[datetime | None] = mapped_column(Instant)

    @property
    def look(self) -> Style:
        """Its colours, font and corners."""
        return Style.from_json(self.style)

    @property
    def rules(self) -> Policy:
        """Which addresses it takes."""
        return Policy.from_json(self.policy)


class FormVersion(Base):
    """One version in one language, append-only."""

    __tablename__ = "form_versions"

    form_id: Mapped[UUID] = mapped_column(ForeignKey("forms.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    language: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    definition: Mapped[dict[str, Any]] = mapped_column(JSONB)
    sha256: Mapped[str] = mapped_column(Text)
    consent_text_id: Mapped[UUID] = mapped_column(ForeignKey("consent_texts.id"))
    tracking_text_id: Mapped[UUID | None] = mapped_column(ForeignKey("consent_texts.id"))
    notice_text_id: Mapped[UUID | None] = mapped_column(ForeignKey("consent_texts.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[UUID | None] = mapped_column(Uuid)

    @property
    def words(self) -> Definition:
        """The definition, read."""
        return Definition.from_json(self.definition)


class FormCount(Base):
    """What happened with one version of a form on one day (UTC); a yes counts for the version that is online then."""

    __tablename__ = "form_counts"

    form_id: Mapped[UUID] = mapped_column(ForeignKey("forms.id"), primary_key=True)
    counted_on: Mapped[date] = mapped_column(Date, primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    source: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True, server_default="page")
    """Through which door: ``page``, or ``html``, ``component``, ``frame``, ``api``, and the website it stood on."""
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    views: Mapped[int] = mapped_column(Integer, server_default="0")
    submits: Mapped[int] = mapped_column(Integer, server_default="0")
    confirms: Mapped[int] = mapped_column(Integer, server_default="0")


class Submission(Base):
    """One post: what the person told beside the address, kept apart until their yes proves who they are."""

    __tablename__ = "submissions"
    __table_args__ = (
        UniqueConstraint("form_id", "fingerprint"),
        Index("ix_submissions_request_id", "request_id"),
        Index("ix_submissions_contact", "contact_id", "workspace_id"),
        Index("ix_submissions_created_at", "created_at"),
        Index("ix_submissions_waiting", "created_at", postgresql_where="post IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    form_id: Mapped[UUID] = mapped_column(ForeignKey("forms.id"))
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    contact_id: Mapped[UUID | None] = mapped_column(ForeignKey("contacts.id"))
    request_id: Mapped[UUID | None] = mapped_column(Uuid)
    values: Mapped[dict[str, Any]] = mapped_column(JSONB)
    source: Mapped[str] = mapped_column(Text(collation="C"), server_default="page")
    post: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """The whole answer while it waits for a worker; nothing afterwards."""
    created_at: Mapped[datetime] = mapped_column(Instant)
