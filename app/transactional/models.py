"""Tables of transactional mail. What became of a mail is its message's to say and is kept nowhere else."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, LargeBinary, Text, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base

Instant = DateTime(timezone=True)


class Template(Base):
    """A letter that programs name. What they get is the version that was published last, whatever the draft says."""

    __tablename__ = "transactional_templates"
    __table_args__ = (UniqueConstraint("workspace_id", "slug", "language"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    slug: Mapped[str] = mapped_column(Text(collation="C"))
    """What programs call it; the same in each of its languages, and never another one."""
    language: Mapped[str] = mapped_column(Text(collation="C"))
    """Its letter's."""
    letter_id: Mapped[UUID] = mapped_column(ForeignKey("letters.id"), unique=True)
    version_id: Mapped[UUID | None] = mapped_column(ForeignKey("letter_versions.id"))
    """What is sent; NULL: nothing was published yet."""
    published_at: Mapped[datetime | None] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant)
    archived_at: Mapped[datetime | None] = mapped_column(Instant)


class Mail(Base):
    """One mail that a program asked for; its id is the key of its message in the outbox."""

    __tablename__ = "transactional_mails"
    __table_args__ = (
        UniqueConstraint("workspace_id", "key_hash"),
        Index("ix_transactional_mails_newest", "workspace_id", "created_at", "id"),
        Index("ix_transactional_mails_contact_id", "contact_id"),
        Index(
            "ix_transactional_mails_address_key", "workspace_id", "address_key",
            postgresql_where=text("address_key IS NOT NULL"),
        ),
        Index("ix_transactional_mails_kept", "created_at", postgresql_where=text("address IS NOT NULL")),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    template_id: Mapped[UUID] = mapped_column(ForeignKey("transactional_templates.id"))
    version_id: Mapped[UUID] = mapped_column(ForeignKey("letter_versions.id"))
    """What was published when it was asked for."""
    contact_id: Mapped[UUID | None] = mapped_column(ForeignKey("contacts.id"))
    """Whose address it was then; NULL: nobody's here."""
    address: Mapped[str | None] = mapped_column(Text(collation="C"))
    """Where it goes; forgotten after ``rules.KEPT``, and with its person."""
    address_key: Mapped[str | None] = mapped_column(Text(collation="C"))
    """Of the same mailbox (``contacts.addresses.Address.key``)."""
    data: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What the program told; forgotten as soon as a mail server has the mail."""
    key_hash: Mapped[bytes] = mapped_column(LargeBinary)
    """Keyed hash of the Idempotency-Key: the same one is the same mail, for ever."""
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    """Keyed hash of what was asked, so that a key that is used for something else is noticed."""
    created_at: Mapped[datetime] = mapped_column(Instant)
