"""Reads about people; every one within a workspace."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import CompoundSelect, Uuid, literal, select, text, union_all

from app.contacts.models import Contact, ContactAddress, CustomField
from app.contacts.rules import FORMER, ZONE_KEYS, FieldKind, country_among
from app.kernel.db import array_of, once, session
from app.kernel.errors import Conflict, NotFound


def get_contact(workspace_id: UUID, contact_id: UUID) -> Contact:
    """The person.

    Raises:
        NotFound: none of this workspace.
    """
    query = select(Contact).where(Contact.workspace_id == workspace_id, Contact.id == contact_id)
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("This person is not here.")
    return found


def get_living(workspace_id: UUID, contact_id: UUID) -> Contact:
    """A person on whom something can be written.

    Raises:
        NotFound: none of this workspace.
        Conflict: the person was erased, or merged into somebody.
    """
    found = get_contact(workspace_id, contact_id)
    if found.erased_at is not None:
        raise Conflict("This person was erased. There is nothing left to write on.")
    if found.merged_into is not None:
        raise Conflict("This entry was merged into another one. Open that one, and write there.")
    return found


def title_of(workspace_id: UUID, contact_id: UUID) -> str:
    """What a page calls a person: by their name, else their address.

    Raises:
        NotFound: none of this workspace.
    """
    found = get_contact(workspace_id, contact_id)
    if found.name:
        return found.name
    address = find_address(workspace_id, contact_id)
    return address.address if address else "Somebody"


def current_id(workspace_id: UUID, contact_id: UUID) -> UUID:
    """Who somebody is now: whoever they were merged into, else they themselves; an unknown id stays as it is."""
    query = select(Contact.merged_into).where(Contact.workspace_id == workspace_id, Contact.id == contact_id)
    return session().execute(query).scalar_one_or_none() or contact_id


def entries_of(contact_id: UUID) -> CompoundSelect[Any]:
    """A SELECT of a person's id and those of the entries that were merged into theirs, for an IN."""
    merged = select(Contact.id).where(Contact.merged_into == contact_id)
    return union_all(select(literal(contact_id, Uuid)), merged)


def list_merged(workspace_id: UUID, contact_id: UUID) -> list[UUID]:
    """The entries that were merged into a person, oldest first; mostly none."""
    query = select(Contact.id).where(Contact.workspace_id == workspace_id, Contact.merged_into == contact_id)
    return list(session().execute(query.order_by(Contact.id)).scalars())


def find_address(workspace_id: UUID, contact_id: UUID, channel: str = "email") -> ContactAddress | None:
    """Where the person is reached on a channel; None once erased or never known."""
    query = select(ContactAddress).where(
        ContactAddress.workspace_id == workspace_id,
        ContactAddress.contact_id == contact_id,
        ContactAddress.channel == channel,
    )
    return session().execute(query).scalar_one_or_none()


def list_addresses(workspace_id: UUID, contact_ids: Collection[UUID]) -> list[ContactAddress]:
    """The email addresses of these entries, those of merged ones too."""
    query = select(ContactAddress).where(
        ContactAddress.workspace_id == workspace_id,
        ContactAddress.contact_id.in_(contact_ids),
        ContactAddress.channel.in_(("email", FORMER)),
    )
    return list(session().execute(query.order_by(ContactAddress.id)).scalars())


def find_recipients(
    workspace_id: UUID, contact_ids: Collection[UUID], channel: str = "email"
) -> dict[UUID, tuple[Contact, ContactAddress]]:
    """These people with where they are reached; who has no address (any more) is missing. One query."""
    query = (
        select(Contact, ContactAddress)
        .join(ContactAddress, ContactAddress.contact_id == Contact.id)
        .where(
            Contact.workspace_id == workspace_id,
            Contact.id.in_(contact_ids),
            ContactAddress.channel == channel,
        )
    )
    return {contact.id: (contact, address) for contact, address in session().execute(query)}


@dataclass(slots=True)
class ReaderRow:
    """What a letter may say about the person it goes to, and where it goes."""

    first_name: str
    last_name: str
    fields: dict[str, Any]
    address: str
    language: str = ""

    @property
    def name(self) -> str:
        """First and last name, as far as known."""
        return f"{self.first_name} {self.last_name}".strip()


# Most people have no fields, and an empty object takes ten times as long to read as nothing does.
_READERS = text(
    "SELECT c.id, c.first_name, c.last_name, nullif(c.fields, '{}'), a.address, c.language FROM contacts c"
    " JOIN addresses a ON a.contact_id = c.id AND a.channel = :channel"
    " WHERE c.workspace_id = :workspace_id AND c.id = ANY(CAST(CAST(:ids AS text) AS uuid[]))"
)


def find_readers(
    workspace_id: UUID, contact_ids: Collection[UUID], channel: str = "email"
) -> dict[UUID, ReaderRow]:
    """As ``find_recipients``, as plain rows: for hundreds at once, many times a second."""
    values = {"workspace_id": workspace_id, "ids": array_of(contact_ids), "channel": channel}
    rows = session().execute(_READERS, values).all()
    return {row[0]: ReaderRow(row[1], row[2], row[3] or {}, row[4], row[5]) for row in rows}


# Each looked up by itself, by the only index that fits: in tables that grow quickly the planner would read all of a
# workspace for each of them. Nobody's address is in another workspace than they are.
_ADDRESSES = text(
    "SELECT a.contact_id, a.key, a.address FROM unnest(CAST(CAST(:ids AS text) AS uuid[])) AS w (id) CROSS JOIN LATERAL"
    " (SELECT * FROM addresses WHERE contact_id = w.id AND channel = :channel OFFSET 0) AS a"
    " WHERE a.workspace_id = :workspace_id"
)


def find_addresses(
    workspace_id: UUID, contact_ids: Collection[UUID], channel: str = "email"
) -> dict[UUID, tuple[str, str]]:
    """Key and address of these people, who have one; for thousands at once."""
    values = {"workspace_id": workspace_id, "ids": array_of(contact_ids), "channel": channel}
    return {row[0]: (row[1], row[2]) for row in session().execute(_ADDRESSES, values)}


# Whoever comes with the address of somebody who was merged is who they are now.
_BY_KEYS = text(
    "SELECT key, contact_id FROM addresses WHERE workspace_id = :workspace_id AND channel = :channel AND key = ANY(:keys)"
    " UNION ALL SELECT a.key, c.merged_into FROM addresses a JOIN contacts c ON c.id = a.contact_id"
    " WHERE :channel = 'email' AND a.workspace_id = :workspace_id AND a.channel = 'former' AND a.key = ANY(:keys)"
    " AND NOT EXISTS (SELECT FROM addresses o WHERE o.workspace_id = a.workspace_id AND o.channel = 'email' AND o.key = a.key)"
)


def fields_of(workspace_id: UUID, contact_ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """What the workspace's own fields hold of these people, by key; a page of them. One query."""
    query = select(Contact.id, Contact.fields).where(Contact.workspace_id == workspace_id, Contact.id.in_(contact_ids))
    return {row.id: row.fields for row in session().execute(query)}


def find_by_key(workspace_id: UUID, key: str, channel: str = "email") -> Contact | None:
    """The person with this mailbox (``Address.key``)."""
    contact_id = find_by_keys(workspace_id, [key], channel).get(key)
    return get_contact(workspace_id, contact_id) if contact_id else None


def find_by_keys(workspace_id: UUID, keys: Collection[str], channel: str = "email") -> dict[str, UUID]:
    """The people with these mailboxes, by ``Address.key``; who is not here is missing. One query."""
    values = {"workspace_id": workspace_id, "channel": channel, "keys": list(keys)}
    return {key: contact_id for key, contact_id in session().execute(_BY_KEYS, values)}  # noqa: C416  rows, not pairs


def list_present(workspace_id: UUID, contact_ids: Collection[UUID]) -> set[UUID]:
    """Those of these who are here and not erased; they may be merged."""
    query = select(Contact.id).where(
        Contact.workspace_id == workspace_id, Contact.id.in_(contact_ids), Contact.erased_at.is_(None)
    )
    return set(session().execute(query).scalars())


_HELD = text(
    "SELECT c.id FROM unnest(CAST(CAST(:ids AS text) AS uuid[])) AS w (id) JOIN contacts c ON c.id = w.id"
    " WHERE c.workspace_id = :workspace_id AND c.erased_at IS NULL AND c.merged_into IS NULL ORDER BY c.id FOR SHARE OF c"
)


def hold_present(workspace_id: UUID, contact_ids: Collection[UUID]) -> set[UUID]:
    """Those of these who are here and neither erased nor merged; nobody does that to them until the transaction ends."""
    values = {"workspace_id": workspace_id, "ids": array_of(contact_ids)}
    return set(session().execute(_HELD, values).scalars())


def list_by_beginning(workspace_id: UUID, beginning: str, limit: int = 8) -> list[tuple[Contact, str]]:
    """People whose email address begins like this, with their address; a range of the unique index."""
    query = (
        select(Contact, ContactAddress.address)
        .join(ContactAddress, ContactAddress.contact_id == Contact.id)
        .where(
            ContactAddress.workspace_id == workspace_id,
            ContactAddress.channel == "email",
            ContactAddress.key.startswith(beginning.strip().lower(), autoescape=True),
        )
        .order_by(ContactAddress.key)
        .limit(limit)
    )
    return [(contact, address) for contact, address in session().execute(query)]


def list_by_folded(workspace_id: UUID, folded: str, channel: str = "email") -> list[UUID]:
    """Everyone whose address is a spelling of the same mailbox (``Address.folded``); only for limits."""
    query = select(ContactAddress.contact_id).where(
        ContactAddress.workspace_id == workspace_id,
        ContactAddress.channel == channel,
        ContactAddress.folded == folded,
    )
    return list(session().execute(query.limit(1000)).scalars())


def list_fields(workspace_id: UUID, *, include_archived: bool = False) -> list[CustomField]:
    """The workspace's own fields, in their order."""
    query = select(CustomField).where(CustomField.workspace_id == workspace_id)
    if not include_archived:
        query = query.where(CustomField.archived_at.is_(None))
    return list(session().execute(query.order_by(CustomField.position, CustomField.key)).scalars())


def field_kinds(workspace_id: UUID) -> dict[str, str]:
    """The kind of each of these fields, by key; read once in a transaction."""
    return once(kinds_key(workspace_id), lambda: {field.key: field.kind for field in list_fields(workspace_id)})


def kinds_key(workspace_id: UUID) -> tuple[str, UUID]:
    """Under which ``field_kinds`` are remembered, for whoever changes them."""
    return ("contacts.field_kinds", workspace_id)


def country_in(workspace_id: UUID, told: Mapping[str, Sequence[str]]) -> str:
    """The country among what somebody tells of a workspace's own fields (raw, by key), two letters or empty."""
    return country_among(list_fields(workspace_id), told) if told else ""


@dataclass(frozen=True, slots=True)
class PlaceSql:
    """Where people of a workspace are, as SQL about a row ``c`` of contacts; texts, empty where it is not known.

    Attributes:
        zone: their time zone as somebody wrote it.
        country: two letters.
        binds: what both bind.
    """

    zone: str
    country: str
    binds: dict[str, Any]


def place_sql(workspace_id: UUID) -> PlaceSql:
    """The first of the fields that hold a time zone, and the first field of the kind country that is filled in."""
    countries = [field.key for field in list_fields(workspace_id) if field.kind == FieldKind.COUNTRY]
    binds = {f"zone_key_{i}": key for i, key in enumerate(ZONE_KEYS)}
    binds |= {f"country_key_{i}": key for i, key in enumerate(countries)}
    return PlaceSql(_first_filled("zone_key", len(ZONE_KEYS)), _first_filled("country_key", len(countries)), binds)


def _first_filled(name: str, count: int) -> str:
    return f"coalesce({', '.join([f'c.fields ->> :{name}_{i}' for i in range(count)] + [repr('')])})"


def list_places(workspace_id: UUID, place: PlaceSql, limit: int = 10_000) -> list[tuple[str, str]]:
    """Where people of a workspace are, each pair of time zone and country once; the most frequent."""
    statement = text(
        f"SELECT {place.zone}, {place.country} FROM contacts c WHERE c.workspace_id = :workspace_id"  # noqa: S608  no input in it
        " AND c.fields <> '{}' GROUP BY 1, 2 ORDER BY count(*) DESC LIMIT :limit"
    )
    values = {"workspace_id": workspace_id, "limit": limit, **place.binds}
    return [(zone, country) for zone, country in session().execute(statement, values)]


def get_field(workspace_id: UUID, field_id: UUID) -> CustomField:
    """One of the workspace's own fields.

    Raises:
        NotFound: none of this workspace.
    """
    query = select(CustomField).where(CustomField.workspace_id == workspace_id, CustomField.id == field_id)
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("This field is not here.")
    return found
