"""Tables of content. A version is never changed: it is what people were sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
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

from app.kernel.db import Base

Instant = DateTime(timezone=True)


class Letter(Base):
    """A piece being written: its draft. ``revision`` counts each saving, so that two writers notice each other."""

    __tablename__ = "letters"
    __table_args__ = (
        CheckConstraint("purpose IN ('campaign', 'transactional')", name="purpose"),
        CheckConstraint("(purpose = 'transactional') = (data_samples IS NOT NULL)", name="data_samples"),
        CheckConstraint("translation_of IS NULL OR purpose = 'campaign'", name="translation_of"),
        Index(
            "uq_letters_translation", "translation_of", "language", unique=True,
            postgresql_where=text("translation_of IS NOT NULL AND archived_at IS NULL"),
        ),
        Index("ix_letters_workspace_id_updated_at", "workspace_id", "updated_at"),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    name: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text(collation="C"))
    """Of its words; dates and the footer follow it."""
    translation_of: Mapped[UUID | None] = mapped_column(ForeignKey("letters.id"))
    """The main letter that says the same; it goes to whoever reads this language. NULL: it is one itself."""
    purpose: Mapped[str] = mapped_column(Text(collation="C"), server_default="campaign")
    """``campaign``: to many who said yes, each can leave; ``transactional``: answers what one person did."""
    data_samples: Mapped[list[list[str]] | None] = mapped_column(JSONB(none_as_null=True))
    """Of a transactional letter: the names that it is told with each mail, and an example of each, in their order."""
    subject: Mapped[str] = mapped_column(Text, server_default="")
    preheader: Mapped[str] = mapped_column(Text, server_default="")
    source: Mapped[str] = mapped_column(Text, server_default="")
    own_text: Mapped[str] = mapped_column(Text, server_default="")
    """The text part, where somebody wrote one; empty: made from the content."""
    blocks: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    """What the source is written from (``blocks.writing.Block``); NULL: somebody writes it by hand."""
    step: Mapped[int] = mapped_column(Integer, server_default="0")
    """The step of its history that the draft is at; later ones can be done again."""
    revision: Mapped[int] = mapped_column(Integer, server_default="1")
    snippet_changes: Mapped[int] = mapped_column(Integer, server_default="0")
    """How often a snippet in it has changed: what readers get is another letter then, though nobody has saved it."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    updated_by: Mapped[UUID | None] = mapped_column(Uuid)
    archived_at: Mapped[datetime | None] = mapped_column(Instant)
    series_id: Mapped[UUID | None] = mapped_column(Uuid)
    """Letters that share this show each entry of a feed in one of them only (``FeedMark``)."""

    @property
    def edition(self) -> int:
        """What was looked at, tested or agreed to: another one when the draft or a snippet in it has changed."""
        return self.revision + self.snippet_changes


class LetterStep(Base):
    """What a letter of blocks was after one change, so that it can be undone."""

    __tablename__ = "letter_steps"

    letter_id: Mapped[UUID] = mapped_column(ForeignKey("letters.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    subject: Mapped[str] = mapped_column(Text)
    preheader: Mapped[str] = mapped_column(Text)
    blocks: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    at: Mapped[datetime] = mapped_column(Instant)
    by: Mapped[UUID | None] = mapped_column(Uuid)


class KeptBlock(Base):
    """A filled-in block that somebody keeps for other letters; each use is a copy."""

    __tablename__ = "kept_blocks"
    __table_args__ = (UniqueConstraint("workspace_id", "name"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text(collation="C"))
    values: Mapped[dict[str, Any]] = mapped_column(JSONB)
    only: Mapped[dict[str, str]] = mapped_column(JSONB, server_default="{}")
    """Who sees it (``blocks.writing.Block.only``)."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[UUID | None] = mapped_column(Uuid)


class Snippet(Base):
    """Words that stand in many letters (``content.snippets``); ``revision`` counts each saving of something else."""

    __tablename__ = "snippets"
    __table_args__ = (UniqueConstraint("workspace_id", "key"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    key: Mapped[str] = mapped_column(Text(collation="C"))
    """Its name in merge tags; never changed, as letters name it."""
    name: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    """Clean rich text with merge tags."""
    revision: Mapped[int] = mapped_column(Integer, server_default="1")
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    updated_by: Mapped[UUID | None] = mapped_column(Uuid)
    archived_at: Mapped[datetime | None] = mapped_column(Instant)


class LetterVersion(Base):
    """A letter as it is sent, compiled once; append-only."""

    __tablename__ = "letter_versions"
    __table_args__ = (UniqueConstraint("letter_id", "number"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    letter_id: Mapped[UUID] = mapped_column(ForeignKey("letters.id"))
    number: Mapped[int] = mapped_column(Integer)
    language: Mapped[str] = mapped_column(Text(collation="C"))
    subject: Mapped[str] = mapped_column(Text)
    preheader: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    blocks: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    """What the source was written from; NULL: by hand."""
    own_text: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text)
    """Compiled, with its merge tags."""
    text: Mapped[str] = mapped_column(Text)
    """The text part, with its merge tags."""
    links: Mapped[list[str]] = mapped_column(JSONB)
    """Addresses that it links to, with their merge tags, each once; a link's index is its place here."""
    needs: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """``{"fields": {key: kind}}``: the workspace's own fields that its tags may name; of a transactional letter also
    ``data`` and ``wanted``, with snippets what each said (``letters.Written``)."""
    translations: Mapped[dict[str, str] | None] = mapped_column(JSONB(none_as_null=True))
    """The versions that go out with it, ids by language; NULL: everybody gets this one."""
    fingerprint: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[UUID | None] = mapped_column(Uuid)


class LetterPublication(Base):
    """A version that everybody may read, without names and personal links."""

    __tablename__ = "letter_publications"
    __table_args__ = (UniqueConstraint("version_id"),)

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("letter_versions.id"))
    topic: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime] = mapped_column(Instant)
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)


class Feed(Base):
    """A feed of the web that letters show, as it was fetched last."""

    __tablename__ = "feeds"
    __table_args__ = (UniqueConstraint("workspace_id", "address"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    address: Mapped[str] = mapped_column(Text(collation="C"))
    title: Mapped[str] = mapped_column(Text)
    fetched_at: Mapped[datetime] = mapped_column(Instant)
    """When it could be read last."""
    looked_at: Mapped[datetime] = mapped_column(Instant)
    fault: Mapped[str] = mapped_column(Text, server_default="")
    """Why it could not be read when it was looked at last; empty: it could."""


class FeedEntry(Base):
    """An entry that a feed held when it was fetched last, in plain text; ``place`` counts from 0 in the feed's order."""

    __tablename__ = "feed_entries"

    feed_id: Mapped[UUID] = mapped_column(ForeignKey("feeds.id"), primary_key=True)
    key: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    place: Mapped[int] = mapped_column(Integer)
    title: Mapped[str] = mapped_column(Text)
    summary: Mapped[str] = mapped_column(Text)
    link: Mapped[str] = mapped_column(Text)
    picture: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime | None] = mapped_column(Instant)
    first_seen_at: Mapped[datetime] = mapped_column(Instant)


class FeedMark(Base):
    """An entry that a letter of a series was launched with, or left out then; no later letter of the series shows it."""

    __tablename__ = "feed_marks"
    __table_args__ = (Index("ix_feed_marks_letter_id", "letter_id"),)

    series_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    feed_id: Mapped[UUID] = mapped_column(ForeignKey("feeds.id"), primary_key=True)
    key: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    letter_id: Mapped[UUID] = mapped_column(ForeignKey("letters.id"))
    is_shown: Mapped[bool] = mapped_column(Boolean)
    """It stood in that letter; else the feed held it then, and there was no room."""
    at: Mapped[datetime] = mapped_column(Instant)


class Picture(Base):
    """A picture in letters; its key is made from its bytes, so its address never shows another one."""

    __tablename__ = "pictures"
    __table_args__ = (
        UniqueConstraint("workspace_id", "key"),
        Index("ix_pictures_key", "key"),
        Index("ix_pictures_workspace_id_created_at", "workspace_id", "created_at", "id"),
        Index("ix_pictures_workspace_id_origin", "workspace_id", "origin"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    key: Mapped[str] = mapped_column(Text(collation="C"))
    origin: Mapped[str | None] = mapped_column(Text(collation="C"))
    """The key of the file that it was made from, so that the same file gives the same picture."""
    name: Mapped[str] = mapped_column(Text)
    alt: Mapped[str] = mapped_column(Text, server_default="")
    """What those read who do not see it, where a letter says nothing else."""
    folded: Mapped[str] = mapped_column(Text(collation="C"), server_default="")
    """Both, as they are searched."""
    kind: Mapped[str] = mapped_column(Text(collation="C"))
    """png, jpeg, gif or webp."""
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    shown_width: Mapped[int | None] = mapped_column(Integer)
    """Pixels that it takes in a letter; it may have twice as many, for sharp screens. None: all of its own, up to 600."""
    data: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[UUID | None] = mapped_column(Uuid)
