"""Tables of imports. What a file says stands here until it is taken, what it changed for thirty days more."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.imports.rules import ImportState
from app.kernel.db import Base

Instant = DateTime(timezone=True)


class Import(Base):
    """One file that somebody gave us, and how far it has come."""

    __tablename__ = "imports"
    __table_args__ = (
        CheckConstraint(f"state IN ({', '.join(repr(found.value) for found in ImportState)})", name="state"),
        Index("ix_imports_workspace_id", "workspace_id", "created_at"),
        Index(
            "ix_imports_at_work", "began_at", postgresql_where=text("state IN ('reading', 'taking', 'undoing')")
        ),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    name: Mapped[str] = mapped_column(Text)
    """Of the file, as it was called where it came from."""
    octets: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(Text(collation="C"))
    layout: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """How it is written (``reading.Layout``)."""
    plan: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What each column is, and what is done (``rules.Plan``)."""
    state: Mapped[str] = mapped_column(Text(collation="C"))
    fault: Mapped[str] = mapped_column(Text, server_default="")
    """Why it went no further, in words for people."""
    rows: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Read so far; the number of the last one."""
    octets_read: Mapped[int] = mapped_column(BigInteger, server_default="0")
    checked: Mapped[dict[str, int] | None] = mapped_column(JSONB(none_as_null=True))
    """How many rows are new, changed and unchanged, how many are left out, by reason, and how many would have a permission."""
    began_at: Mapped[datetime | None] = mapped_column(Instant)
    """When what it is at now began."""
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    undone_at: Mapped[datetime | None] = mapped_column(Instant)


class ImportChunk(Base):
    """A piece of the file; gone once the file is taken."""

    __tablename__ = "import_chunks"

    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id"), primary_key=True)
    no: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    octets: Mapped[bytes] = mapped_column(LargeBinary)


class ImportRow(Base):
    """A row as it was read. Once the file is taken only those that were left out stay, for thirty days."""

    __tablename__ = "import_rows"
    __table_args__ = (
        Index("ix_import_rows_faults", "import_id", "n", postgresql_where=text("fault IS NOT NULL")),
        # By whom a person who is erased is found in here.
        Index("ix_import_rows_hash", "hash", postgresql_where=text("fault IS NOT NULL")),
    )

    import_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Counts rows with something in them, from 1, without the heading."""
    fault: Mapped[str | None] = mapped_column(Text)
    """Why it is left out."""
    contact_id: Mapped[UUID | None] = mapped_column(Uuid)
    """Who it will be, if they are new; made when it was read, so that taking it is one statement for thousands."""
    address_id: Mapped[UUID | None] = mapped_column(Uuid)
    raw: Mapped[str | None] = mapped_column(Text)
    address: Mapped[str | None] = mapped_column(Text(collation="C"))
    key: Mapped[str | None] = mapped_column(Text(collation="C"))
    folded: Mapped[str | None] = mapped_column(Text(collation="C"))
    domain: Mapped[str | None] = mapped_column(Text(collation="C"))
    needs_smtputf8: Mapped[bool | None]
    hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    """``consent.service.address_hash`` of the key."""
    first_name: Mapped[str | None] = mapped_column(Text)
    """NULL: the file has none; so also the last name, the language and a field."""
    last_name: Mapped[str | None] = mapped_column(Text)
    name_folded: Mapped[str | None] = mapped_column(Text(collation="C"))
    language: Mapped[str | None] = mapped_column(Text)
    fields: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    tags: Mapped[dict[str, str] | None] = mapped_column(JSONB(none_as_null=True))
    """Words by their fold."""
    company: Mapped[str | None] = mapped_column(Text)
    company_folded: Mapped[str | None] = mapped_column(Text(collation="C"))
    said_at: Mapped[datetime | None] = mapped_column(Instant)
    """When they said yes, or no where the row tells that."""
    source: Mapped[str | None] = mapped_column(Text)
    ip: Mapped[str | None] = mapped_column(Text)
    cells: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    """As they stood in the file, where the row is left out."""


class ImportSlice(Base):
    """A part of the rows that is taken in one transaction; taken once it has counts."""

    __tablename__ = "import_slices"

    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id"), primary_key=True)
    first_n: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last_n: Mapped[int] = mapped_column(BigInteger)
    counts: Mapped[dict[str, int] | None] = mapped_column(JSONB(none_as_null=True))
    done_at: Mapped[datetime | None] = mapped_column(Instant)


class ImportChange(Base):
    """What a file did to one person: made them, changed what stood there, gave them a permission."""

    __tablename__ = "import_changes"
    __table_args__ = (Index("ix_import_changes_contact_id", "contact_id"),)

    import_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    contact_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    is_made: Mapped[bool]
    """The file brought them in."""
    event_id: Mapped[UUID | None] = mapped_column(Uuid)
    """The permission that it gave them, in the ledger."""
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """First name, last name, language and fields before, where it changed them."""
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """The same after."""
    added: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """``tags``: the ids of those that it put on them; ``company``: that into which it put them; ``company_before``."""


class Export(Base):
    """A file that somebody asked for: theirs alone, written in the background, gone after a week."""

    __tablename__ = "exports"
    __table_args__ = (
        CheckConstraint("what IN ('people', 'signals', 'suppressed')", name="what"),
        CheckConstraint("form IN ('csv', 'jsonl', 'xlsx')", name="form"),
        Index("ix_exports_user_id", "user_id", "created_at"),
        Index("ix_exports_open", "created_at", postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    what: Mapped[str] = mapped_column(Text(collation="C"))
    form: Mapped[str] = mapped_column(Text(collation="C"))
    which: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Of people: ``word``, ``interest`` and ``segment``, empty for all of them."""
    total: Mapped[int] = mapped_column(BigInteger)
    """How many people were to be looked at when it began; 0: nobody knows."""
    rows: Mapped[int] = mapped_column(BigInteger, server_default="0")
    octets: Mapped[int] = mapped_column(BigInteger, server_default="0")
    position: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    """Behind whom it goes on; an empty list: all rows are written, and become a workbook."""
    chunks: Mapped[int] = mapped_column(Integer, server_default="0")
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    fault: Mapped[str] = mapped_column(Text, server_default="")
    """Why it came to nothing; empty: it did not."""
    expires_at: Mapped[datetime] = mapped_column(Instant)


class ExportPerson(Base):
    """Somebody of a segment that is being written: who was in it when it began."""

    __tablename__ = "export_people"
    __table_args__ = (Index("ix_export_people_contact_id", "contact_id"),)

    export_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    contact_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)


class ExportChunk(Base):
    """A piece of it."""

    __tablename__ = "export_chunks"

    export_id: Mapped[UUID] = mapped_column(ForeignKey("exports.id"), primary_key=True)
    no: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    octets: Mapped[bytes] = mapped_column(LargeBinary)
