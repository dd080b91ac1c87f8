"""Tables of permission.

Append-only: texts, events, leaves, seals, signatures (the application's role cannot change them, a trigger is
the second lock), personal and mails (only the function ``consent_erase`` deletes there).
Projection: requests, permissions, reach, suppressions. Every veto is a column on a row that sending locks.

Each foreign key costs as much as the row that it is checked for. Where one row names the event, the person and the
workspace, only what says most is one: an event has its person, what is kept of it has the event, and no event is ever
deleted.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.consent.rules import Basis
from app.kernel.db import Base
from app.kernel.sampling import is_sampled

Instant = DateTime(timezone=True)


class Interest(Base):
    """A list that people choose."""

    __tablename__ = "interests"
    __table_args__ = (UniqueConstraint("workspace_id", "name"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    name: Mapped[str] = mapped_column(Text(collation="C"))
    description: Mapped[str] = mapped_column(Text, server_default="")
    pace: Mapped[str] = mapped_column(Text, server_default="")
    position: Mapped[int] = mapped_column(Integer, server_default="0")
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    product_class: Mapped[str] = mapped_column(Text(collation="C"), server_default="")
    """What kind of own goods it is about: a soft opt-in covers the class that was sold, and no other."""
    is_third_party: Mapped[bool] = mapped_column(Boolean, server_default="false")
    """Offers of others: nothing but the person's consent covers them."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    archived_at: Mapped[datetime | None] = mapped_column(Instant)
    reworded_at: Mapped[datetime | None] = mapped_column(Instant)
    """When its meaning last changed: who said yes before said yes to something else."""


class PurposeText(Base):
    """What a purpose means, in words; a change is a new version."""

    __tablename__ = "purposes"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    key: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)


class ConsentText(Base):
    """A wording exactly as shown, stored once."""

    __tablename__ = "consent_texts"
    __table_args__ = (
        UniqueConstraint("workspace_id", "kind", "language", "sha256"),
        UniqueConstraint("workspace_id", "kind", "language", "version"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    kind: Mapped[str] = mapped_column(Text(collation="C"))
    language: Mapped[str] = mapped_column(Text(collation="C"))
    version: Mapped[int] = mapped_column(Integer)
    body: Mapped[str] = mapped_column(Text)
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(Instant)


class ConsentEvent(Base):
    """One event of the ledger. ``body`` is what is hashed; the other columns repeat it for look-ups."""

    __tablename__ = "consent_events"
    __table_args__ = (
        Index("ix_consent_events_contact", "contact_id", "workspace_id", "received_at"),
        Index("ix_consent_events_request", "request_id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"))
    kind: Mapped[str] = mapped_column(Text(collation="C"))
    request_id: Mapped[UUID | None] = mapped_column(Uuid)
    received_at: Mapped[datetime] = mapped_column(Instant)
    commitment: Mapped[bytes | None] = mapped_column(LargeBinary)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class ConsentPersonal(Base):
    """The personal part of an event; commitment = SHA-256(salt ‖ body)."""

    __tablename__ = "consent_personal"
    __table_args__ = (Index("ix_consent_personal_contact", "contact_id", "workspace_id"),)

    event_id: Mapped[UUID] = mapped_column(ForeignKey("consent_events.id"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    contact_id: Mapped[UUID] = mapped_column(Uuid)
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class ConsentMail(Base):
    """The source of a question's mail, encrypted (``sources``); its hash is in the event's personal part."""

    __tablename__ = "consent_mails"
    __table_args__ = (Index("ix_consent_mails_contact", "contact_id", "workspace_id"),)

    event_id: Mapped[UUID] = mapped_column(ForeignKey("consent_events.id"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"))
    locked: Mapped[bytes] = mapped_column(LargeBinary)


class ConsentUnsealed(Base):
    """Events that no seal holds yet."""

    __tablename__ = "consent_unsealed"
    __table_args__ = (Index("ix_consent_unsealed_workspace", "workspace_id", "event_id"),)

    event_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    inserted_at: Mapped[datetime] = mapped_column(Instant)


class ConsentLeaf(Base):
    """Which event is which leaf of which seal."""

    __tablename__ = "consent_leaves"

    workspace_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    seal_no: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    event_id: Mapped[UUID] = mapped_column(Uuid, unique=True)


class ConsentSeal(Base):
    """A Merkle root over some events, chained to the seal before it."""

    __tablename__ = "consent_seals"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(Integer)
    root: Mapped[bytes] = mapped_column(LargeBinary)
    prev: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_at: Mapped[datetime] = mapped_column(Instant)


class ConsentSignature(Base):
    """The last seal of a day, signed (Ed25519)."""

    __tablename__ = "consent_signatures"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    seal_no: Mapped[int]
    seal_hash: Mapped[bytes] = mapped_column(LargeBinary)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    signature: Mapped[bytes] = mapped_column(LargeBinary)
    signed_at: Mapped[datetime] = mapped_column(Instant)


class ConsentRequest(Base):
    """A question put to a person, until it is answered, cancelled or too old."""

    __tablename__ = "consent_requests"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'confirmed', 'cancelled', 'expired')", name="state"),
        Index("ix_consent_requests_contact", "contact_id", "workspace_id", "created_at"),
        Index("ix_consent_requests_open", "expires_at", postgresql_where="state = 'open'"),
        Index("ix_consent_requests_form", "form_id", "created_at", postgresql_where="form_id IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"))
    event_id: Mapped[UUID] = mapped_column(ForeignKey("consent_events.id"))
    channel: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text(collation="C"))
    interests: Mapped[list[str]] = mapped_column(JSONB)
    tracking: Mapped[str | None] = mapped_column(Text)
    shown: Mapped[dict[str, Any]] = mapped_column(JSONB)
    language: Mapped[str] = mapped_column(Text)
    form_id: Mapped[UUID | None] = mapped_column(Uuid)
    nonce: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    done_at: Mapped[datetime | None] = mapped_column(Instant)
    suspect_at: Mapped[datetime | None] = mapped_column(Instant)
    """When a link that no person sees was followed: one more tap is asked for."""
    renewal: Mapped[str | None] = mapped_column(Text(collation="C"))
    """Why it asks whether we may go on; None: it asks for the first time."""
    reminded_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the question was mailed once more."""


class Permission(Base):
    """May we write to this person for this purpose, on this channel, about this interest?"""

    __tablename__ = "permissions"
    __table_args__ = (
        UniqueConstraint(
            "contact_id", "workspace_id", "purpose", "channel", "interest_id",
            name="uq_permissions_subject", postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("state IN ('asked', 'yes', 'no')", name="state"),
        CheckConstraint("level IS NULL OR level IN ('none', 'date', 'aggregate', 'individual')", name="level"),
        CheckConstraint(f"basis IN ({', '.join(repr(basis.value) for basis in Basis)})", name="basis"),
        CheckConstraint("basis <> 'legitimate_interest_post' OR channel = 'post'", name="post"),
        CheckConstraint("basis <> 'implied_casl' OR state <> 'yes' OR valid_until IS NOT NULL", name="implied"),
        Index("ix_permissions_interest", "workspace_id", "interest_id", "state"),
        Index("ix_permissions_ends", "valid_until", postgresql_where=text("state = 'yes' AND valid_until IS NOT NULL")),
        Index(
            "ix_permissions_sample", "workspace_id", "purpose", "channel", "interest_id",
            postgresql_include=["contact_id", "state", "level", "valid_until", "paused_until"],
            postgresql_where=text(is_sampled("contact_id")),
        ),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"))
    purpose: Mapped[str] = mapped_column(Text(collation="C"))
    channel: Mapped[str] = mapped_column(Text(collation="C"))
    interest_id: Mapped[UUID | None] = mapped_column(ForeignKey("interests.id"))
    state: Mapped[str] = mapped_column(Text(collation="C"))
    level: Mapped[str | None] = mapped_column(Text(collation="C"))
    basis: Mapped[str] = mapped_column(Text(collation="C"), server_default="consent")
    valid_until: Mapped[datetime | None] = mapped_column(Instant)
    paused_until: Mapped[datetime | None] = mapped_column(Instant)
    event_id: Mapped[UUID] = mapped_column(ForeignKey("consent_events.id"))
    """The event that made it what it is."""
    updated_at: Mapped[datetime] = mapped_column(Instant)


class Reach(Base):
    """Whether a person may be reached on a channel at all."""

    __tablename__ = "reach"
    __table_args__ = (
        UniqueConstraint("workspace_id", "contact_id", "channel", name="uq_reach_subject"),
        CheckConstraint("digest IN ('weekly', 'monthly')", name="digest"),
        CheckConstraint("(digest IS NULL) = (digest_from IS NULL)", name="digest_from"),
        Index("ix_reach_digests", "digest_from", postgresql_where="digest IS NOT NULL"),
        Index("ix_reach_contact_id", "contact_id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"))
    channel: Mapped[str] = mapped_column(Text(collation="C"))
    suppressed_at: Mapped[datetime | None] = mapped_column(Instant)
    suppressed_reason: Mapped[str | None] = mapped_column(Text)
    objected_at: Mapped[datetime | None] = mapped_column(Instant)
    erased_at: Mapped[datetime | None] = mapped_column(Instant)
    event_id: Mapped[UUID | None] = mapped_column(ForeignKey("consent_events.id"))
    """The event behind the newest veto."""
    paused_until: Mapped[datetime | None] = mapped_column(Instant)
    """The person's own pause: nothing to many before then."""
    digest: Mapped[str | None] = mapped_column(Text(collation="C"))
    """``weekly`` or ``monthly``: one mail about what was missed, instead of every mail."""
    digest_from: Mapped[datetime | None] = mapped_column(Instant)
    """Until when they have been told what they missed."""


class Suppression(Base):
    """A keyed hash of an address that must not come back by import or API; it outlives the person behind it."""

    __tablename__ = "suppressions"
    __table_args__ = (
        Index("ix_suppressions_newest", "workspace_id", "created_at", "channel", "address_hash"),
        Index("ix_suppressions_contact_id", "contact_id", postgresql_where=text("contact_id IS NOT NULL")),
    )

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    channel: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    address_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    reason: Mapped[str] = mapped_column(Text(collation="C"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    source: Mapped[str] = mapped_column(Text(collation="C"), server_default="")
    """How it came about: ``person``, ``staff``, ``system`` or ``import``."""
    contact_id: Mapped[UUID | None] = mapped_column(ForeignKey("contacts.id"))
    """Whose address it was, until they are erased."""


class PermissionSettings(Base):
    """What a workspace decides about permission beyond what its people say; without a row all is off."""

    __tablename__ = "permission_settings"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    keeps_last_open: Mapped[bool] = mapped_column(Boolean, server_default="false")
    """Whether the day of the last open is kept of who was never asked, where their law lets us."""
    notice_url: Mapped[str] = mapped_column(Text, server_default="")
    """Where the privacy notice stood whose words are kept."""
    notice_text_id: Mapped[UUID | None] = mapped_column(ForeignKey("consent_texts.id"))
    """Its words as they were read last."""
