"""Tables of people. Narrow and apart from permission: a profile write never touches a row that sending locks."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Computed,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.contacts.rules import NUMBER_KEYS, PHONE_KEYS
from app.kernel.db import Base
from app.kernel.sampling import is_sampled


def _first_of(keys: tuple[str, ...]) -> str:
    return f"coalesce({', '.join(f'fields ->> {key!r}' for key in keys)})"


PHONE_SQL = f"substring(regexp_replace({_first_of(PHONE_KEYS)}, '[^0-9]', '', 'g') from '[0-9]{{7,9}}$')"
NUMBER_SQL = f"nullif(lower(btrim({_first_of(NUMBER_KEYS)})), '')"


class Contact(Base):
    """One person within one workspace. After erasure the row stays, empty, so that counts stay true.

    Who was merged into somebody stays as they were, and leads to them (``merged_into``); nobody is merged into
    somebody who was merged.
    """

    __tablename__ = "contacts"
    __table_args__ = (
        Index("ix_contacts_workspace_id_created_at_id", "workspace_id", "created_at", "id"),
        Index(
            "ix_contacts_search",
            "name_folded",
            postgresql_using="gin",
            postgresql_ops={"name_folded": "gin_trgm_ops"},
        ),
        # One index for the fields of every workspace, since what they have is theirs to make. It costs bringing a person
        # in 1 µs of PostgreSQL's CPU, 4 µs with five fields, of about 100.
        Index(
            "ix_contacts_fields",
            "fields",
            postgresql_using="gin",
            postgresql_ops={"fields": "jsonb_path_ops"},
        ),
        Index("ix_contacts_merged_into", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
        Index(
            "ix_contacts_sample", "workspace_id", "id", postgresql_include=["erased_at", "merged_into"],
            postgresql_where=text(is_sampled("id")),
        ),
        Index(
            "ix_contacts_phone_key", "workspace_id", "phone_key",
            postgresql_where=text("phone_key IS NOT NULL AND merged_into IS NULL"),
        ),
        Index(
            "ix_contacts_number_key", "workspace_id", "number_key",
            postgresql_where=text("number_key IS NOT NULL AND merged_into IS NULL"),
        ),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    """Without a foreign key, as in an address: checking it for each person costs more than bringing them in."""
    first_name: Mapped[str] = mapped_column(Text, server_default="")
    last_name: Mapped[str] = mapped_column(Text, server_default="")
    name_folded: Mapped[str] = mapped_column(Text(collation="C"), server_default="")
    """Both names as ``rules.fold_name`` writes them; what a search looks at."""
    language: Mapped[str] = mapped_column(Text, server_default="en")
    fields: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    erased_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    merged_into: Mapped[UUID | None] = mapped_column(ForeignKey("contacts.id"))
    """Who they are now."""
    phone_key: Mapped[str | None] = mapped_column(Text(collation="C"), Computed(PHONE_SQL, persisted=True))
    """The last nine digits of their telephone number, where it has seven; for finding doubles."""
    number_key: Mapped[str | None] = mapped_column(Text(collation="C"), Computed(NUMBER_SQL, persisted=True))
    """What another program calls them, for finding doubles."""

    @property
    def name(self) -> str:
        """First and last name, as far as known."""
        return f"{self.first_name} {self.last_name}".strip()


class ContactAddress(Base):
    """Where a person is reached on a channel; one current address a channel.

    The channel ``former`` (``rules.FORMER``) holds the address of somebody who was merged: nothing is sent there, and
    whoever comes with it is who they were merged into.
    """

    __tablename__ = "addresses"
    __table_args__ = (
        UniqueConstraint("workspace_id", "channel", "key"),
        UniqueConstraint("contact_id", "channel"),
        Index("ix_addresses_folded", "workspace_id", "channel", "folded"),
        Index(
            "ix_addresses_spellings", "workspace_id", "folded",
            postgresql_where=text("channel = 'email' AND key <> folded"),
        ),
        Index("ix_addresses_search", "key", postgresql_using="gin", postgresql_ops={"key": "gin_trgm_ops"}),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"))
    channel: Mapped[str] = mapped_column(Text, server_default="email")
    raw: Mapped[str] = mapped_column(Text)
    """As typed."""
    address: Mapped[str] = mapped_column(Text(collation="C"))
    """Normalised; what mail is sent to."""
    key: Mapped[str] = mapped_column(Text(collation="C"))
    """Identity of the mailbox: the address without the case of its local part."""
    folded: Mapped[str] = mapped_column(Text(collation="C"))
    """For limits and finding doubles, never for sending."""
    domain: Mapped[str] = mapped_column(Text(collation="C"))
    needs_smtputf8: Mapped[bool] = mapped_column(Boolean, server_default="false")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class CustomField(Base):
    """A typed field that a workspace adds to its people."""

    __tablename__ = "custom_fields"
    __table_args__ = (UniqueConstraint("workspace_id", "key"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    key: Mapped[str] = mapped_column(Text(collation="C"))
    label: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    choices: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")
    position: Mapped[int] = mapped_column(Integer, server_default="0")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    archived_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
