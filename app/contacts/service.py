"""The verbs about people. Nothing here gives or takes a permission."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from app.contacts import queries
from app.contacts.addresses import Address
from app.contacts.models import Contact, ContactAddress, CustomField
from app.contacts.rules import KEY, FieldKind, FieldValue, clean_name, fold_name, read_field
from app.kernel import clock
from app.kernel.db import array_of, forget_once, session, text_array_of
from app.kernel.errors import BadInput, Conflict
from app.kernel.ids import uuid7

EMAIL = "email"
POST = "post"
MAX_LINES = 6
MAX_LABEL = 80
_LABEL_FAULT = f"Write a label of at most {MAX_LABEL} characters on one line."
_CHOSEN = frozenset({FieldKind.CHOICE, FieldKind.MULTI_CHOICE})


_FIND_OR_MAKE = sql(
    "WITH known AS (SELECT contact_id FROM addresses"
    " WHERE workspace_id = :workspace_id AND channel = 'email' AND key = :key"
    " UNION ALL SELECT c.merged_into FROM addresses a JOIN contacts c ON c.id = a.contact_id"
    " WHERE a.workspace_id = :workspace_id AND a.channel = 'former' AND a.key = :key LIMIT 1),"
    " made AS (INSERT INTO contacts (id, workspace_id, language, created_at, updated_at)"
    " SELECT :contact_id, :workspace_id, :language, :now, :now WHERE NOT EXISTS (SELECT FROM known) RETURNING id),"
    " addressed AS (INSERT INTO addresses"
    " (id, workspace_id, contact_id, channel, raw, address, key, folded, domain, needs_smtputf8, created_at)"
    " SELECT :id, :workspace_id, made.id, 'email', :raw, :address, :key, :folded, :domain, :needs_smtputf8, :now"
    " FROM made ON CONFLICT (workspace_id, channel, key) DO NOTHING RETURNING contact_id)"
    " SELECT (SELECT contact_id FROM known), (SELECT contact_id FROM addressed)"
)


def find_or_create(workspace_id: UUID, address: Address, *, language: str = "en") -> tuple[Contact, bool]:
    """As ``find_or_make``, with the person's row."""
    contact_id, is_new = find_or_make(workspace_id, address, language=language)
    return queries.get_contact(workspace_id, contact_id), is_new


def find_or_make(workspace_id: UUID, address: Address, *, language: str = "en") -> tuple[UUID, bool]:
    """The person with this address, made when new; the unique key is (workspace, channel, address key).

    A known person's data stays as it is: whoever typed the address has proved nothing yet. With the address of somebody
    who was merged comes who they are now.

    Returns:
        The person's id, and whether they are new.
    """
    values = {
        "id": uuid7(), "contact_id": uuid7(), "workspace_id": workspace_id, "language": language, "now": clock.now(),
        "raw": address.raw, "address": address.address, "key": address.key, "folded": address.folded,
        "domain": address.domain, "needs_smtputf8": address.needs_smtputf8,
    }  # fmt: skip
    known, made = session().execute(_FIND_OR_MAKE, values).one()
    if known is None and made is None:
        # Another transaction made the same one meanwhile, and has committed by now.
        session().execute(delete(Contact).where(Contact.id == values["contact_id"]))
        return find_or_make(workspace_id, address, language=language)
    return known or made, made is not None


def change_address(workspace_id: UUID, contact_id: UUID, address: Address) -> None:
    """Let the person be reached here from now on; only after they have shown that they read mail there.

    Raises:
        Conflict: somebody else has this mailbox, or the person has none to change.
    """
    row = queries.find_address(workspace_id, contact_id)
    other = queries.find_by_key(workspace_id, address.key)
    if row is None or (other is not None and other.id != contact_id):
        raise Conflict("This address belongs to somebody else here.")
    row.raw, row.address, row.key = address.raw, address.address, address.key
    row.folded, row.domain = address.folded, address.domain
    row.needs_smtputf8 = address.needs_smtputf8
    try:
        session().flush()
    except IntegrityError as fault:
        raise Conflict("This address belongs to somebody else here.") from fault


def give_address(workspace_id: UUID, contact_id: UUID, address: Address, *, since: datetime) -> None:
    """Let somebody without an email address be reached here; the caller has seen that it is nobody's."""
    row = ContactAddress(
        id=uuid7(), workspace_id=workspace_id, contact_id=contact_id, channel=EMAIL, raw=address.raw,
        address=address.address, key=address.key, folded=address.folded, domain=address.domain,
        needs_smtputf8=address.needs_smtputf8, created_at=since,
    )  # fmt: skip
    session().add(row)
    session().flush()


def set_postal(workspace_id: UUID, contact_id: UUID, text: str) -> None:
    """Where letters on paper go, as lines; empty: nowhere.

    Raises:
        BadInput: more than six lines, a line of more than 80 characters, or one that cannot be printed.
    """
    lines = [" ".join(line.split()) for line in text.strip().splitlines()]
    if len(lines) > MAX_LINES or any(len(line) > MAX_LABEL or not line.isprintable() for line in lines):
        raise BadInput(
            "The postal address does not fit.",
            fields={"postal": f"Write at most {MAX_LINES} lines of at most {MAX_LABEL} characters."},
        )
    session().execute(
        delete(ContactAddress).where(
            ContactAddress.workspace_id == workspace_id,
            ContactAddress.contact_id == contact_id,
            ContactAddress.channel == POST,
        )
    )
    if lines:
        written = "\n".join(lines)
        # Households share one: the key is the person's, so that none of them takes it from another.
        row = ContactAddress(
            id=uuid7(), workspace_id=workspace_id, contact_id=contact_id, channel=POST, raw=text, address=written,
            key=str(contact_id), folded="", domain="", needs_smtputf8=False, created_at=clock.now(),
        )  # fmt: skip
        session().add(row)
        session().flush()


def update_profile(
    workspace_id: UUID,
    contact_id: UUID,
    *,
    first_name: str | None = None,
    last_name: str | None = None,
    language: str | None = None,
) -> None:
    """Change what is given.

    Raises:
        BadInput: names the field that does not fit.
    """
    contact = queries.get_contact(workspace_id, contact_id)
    faults: dict[str, str] = {}
    for key, raw in (("first_name", first_name), ("last_name", last_name)):
        if raw is None:
            continue
        try:
            setattr(contact, key, clean_name(raw))
        except ValueError as error:
            faults[key] = str(error)
    if faults:
        raise BadInput("The name does not fit.", fields=faults)
    if language is not None:
        contact.language = language
    contact.name_folded = fold_name(contact.name)
    contact.updated_at = clock.now()


def read_fields(workspace_id: UUID, raw: Mapping[str, str | Sequence[str]]) -> dict[str, FieldValue]:
    """Typed values of a workspace's own fields.

    Raises:
        BadInput: names each field that is unknown or does not fit.
    """
    known = {field.key: field for field in queries.list_fields(workspace_id)}
    values: dict[str, FieldValue] = {}
    faults: dict[str, str] = {}
    for key, text in raw.items():
        field = known.get(key)
        if field is None:
            faults[key] = "There is no such field."
            continue
        try:
            values[key] = read_field(FieldKind(field.kind), text, field.choices)
        except ValueError as error:
            faults[key] = str(error)
    if faults:
        raise BadInput("Some fields do not fit.", fields=faults)
    return values


def set_fields(workspace_id: UUID, contact_id: UUID, raw: Mapping[str, str | Sequence[str]]) -> None:
    """Set custom fields; an empty value removes one.

    Raises:
        BadInput: as ``read_fields``.
    """
    values = read_fields(workspace_id, raw)
    contact = queries.get_contact(workspace_id, contact_id)
    merged: dict[str, Any] = {**contact.fields, **values}
    contact.fields = {key: value for key, value in merged.items() if value is not None}
    contact.updated_at = clock.now()


# Locked in one order, so that two who do this at once never wait for each other in a circle.
_SET_OF_MANY = sql(
    "WITH held AS MATERIALIZED (SELECT c.id, c.fields -> :key AS before FROM contacts c"
    " WHERE c.workspace_id = :workspace_id AND c.id = ANY(CAST(CAST(:ids AS text) AS uuid[])) AND c.erased_at IS NULL"
    " AND c.merged_into IS NULL AND c.fields -> :key IS DISTINCT FROM CAST(:value AS jsonb) ORDER BY c.id FOR UPDATE)"
    " UPDATE contacts c SET updated_at = :now, fields = CASE WHEN CAST(:value AS jsonb) IS NULL THEN c.fields - :key"
    " ELSE c.fields || jsonb_build_object(:key, CAST(:value AS jsonb)) END FROM held h WHERE c.id = h.id"
    " RETURNING c.id, h.before"
)
_RESTORE_OF_MANY = sql(
    "WITH held AS MATERIALIZED (SELECT c.id, CAST(w.before AS jsonb) AS before FROM contacts c"
    " JOIN unnest(CAST(CAST(:ids AS text) AS uuid[]), CAST(CAST(:before AS text) AS text[])) AS w (id, before)"
    " ON w.id = c.id WHERE c.workspace_id = :workspace_id AND c.erased_at IS NULL AND c.merged_into IS NULL"
    " AND c.fields -> :key IS NOT DISTINCT FROM CAST(:value AS jsonb) ORDER BY c.id FOR UPDATE OF c)"
    " UPDATE contacts c SET updated_at = :now, fields = CASE WHEN h.before IS NULL THEN c.fields - :key"
    " ELSE c.fields || jsonb_build_object(:key, h.before) END FROM held h WHERE c.id = h.id RETURNING c.id"
)


def set_field_of_many(
    workspace_id: UUID, key: str, value: FieldValue, people: Collection[UUID]
) -> dict[UUID, Any]:
    """Set one field of thousands at once, as it is stored; None takes theirs away.

    Who is not of this workspace, was erased or merged, or has just that, is left as they are.

    Returns:
        What each had who was changed; None: nothing.
    """
    values = _of_many(workspace_id, key, value) | {"ids": array_of(people)}
    return {row[0]: row[1] for row in session().execute(_SET_OF_MANY, values)}


def restore_field_of_many(workspace_id: UUID, key: str, value: FieldValue, before: Mapping[UUID, Any]) -> int:
    """Give those back what they had who still have what ``set_field_of_many`` set; how many did."""
    kept = text_array_of(None if had is None else json.dumps(had) for had in before.values())
    values = _of_many(workspace_id, key, value) | {"ids": array_of(before), "before": kept}
    return len(session().execute(_RESTORE_OF_MANY, values).all())


def _of_many(workspace_id: UUID, key: str, value: FieldValue) -> dict[str, Any]:
    stored = None if value is None else json.dumps(value)
    return {"workspace_id": workspace_id, "key": key, "value": stored, "now": clock.now()}


def define_field(
    workspace_id: UUID, label: str, kind: str, *, key: str = "", choices: Sequence[str] = ()
) -> CustomField:
    """Add a field of a kind that then never changes; the unique key is (workspace, key).

    Raises:
        BadInput: label, key, kind or choices do not fit.
        Conflict: the key is taken.
    """
    label, offered = label.strip(), _choices(choices)
    key = key or re.sub(r"[^a-z0-9]+", "_", fold_name(label)).strip("_")[:40]
    faults = {}
    if not _is_label(label):
        faults["label"] = _LABEL_FAULT
    if not KEY.fullmatch(key):
        faults["key"] = "Use small letters, digits and underscores, beginning with a letter."
    if kind not in list(FieldKind):
        faults["kind"] = "Choose one of the kinds offered."
    elif kind in _CHOSEN and len(offered) < 2:
        faults["choices"] = "Write at least two choices, one a line."
    if faults:
        raise BadInput("The field does not fit.", fields=faults)
    field_id = uuid7()
    made = session().execute(
        insert(CustomField)
        .values(
            id=field_id, workspace_id=workspace_id, key=key, label=label, kind=kind, choices=offered,
            position=len(queries.list_fields(workspace_id, include_archived=True)), created_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=["workspace_id", "key"])
        .returning(CustomField)
    ).scalar_one_or_none()  # fmt: skip
    if made is None:
        raise Conflict(f"There is a field with the key {key} already. Choose another one.")
    forget_once(queries.kinds_key(workspace_id))
    return made


def change_field(
    workspace_id: UUID, field_id: UUID, label: str, *, more_choices: Sequence[str] = ()
) -> CustomField:
    """Give a field another label and further choices; its key, its kind and what people chose stay.

    Raises:
        NotFound: none of this workspace.
        BadInput: the label does not fit, or the field is not a choice.
    """
    field = queries.get_field(workspace_id, field_id)
    label, further = label.strip(), _choices(more_choices)
    faults = {}
    if not _is_label(label):
        faults["label"] = _LABEL_FAULT
    if further and field.kind not in _CHOSEN:
        faults["choices"] = "This field takes any answer of its kind."
    if faults:
        raise BadInput("The field does not fit.", fields=faults)
    field.label = label
    field.choices = list(dict.fromkeys([*field.choices, *further]))
    return field


def archive_field(workspace_id: UUID, field_id: UUID) -> None:
    """Take a field out of forms and pages; what people told stays until they are erased.

    Raises:
        NotFound: none of this workspace.
    """
    field = queries.get_field(workspace_id, field_id)
    field.archived_at = field.archived_at or clock.now()
    forget_once(queries.kinds_key(workspace_id))


def restore_field(workspace_id: UUID, field_id: UUID) -> None:
    """Ask for it again.

    Raises:
        NotFound: none of this workspace.
    """
    queries.get_field(workspace_id, field_id).archived_at = None
    forget_once(queries.kinds_key(workspace_id))


def _choices(raw: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(choice.strip() for choice in raw if choice.strip()))


def _is_label(label: str) -> bool:
    return 1 <= len(label) <= MAX_LABEL and label.isprintable()


def erase(workspace_id: UUID, contact_id: UUID) -> None:
    """Empty the person's row and delete the addresses; the id stays, so that sums stay true."""
    contact = queries.get_contact(workspace_id, contact_id)
    now = clock.now()
    contact.first_name = contact.last_name = contact.name_folded = ""
    contact.fields = {}
    contact.erased_at = contact.erased_at or now
    contact.updated_at = now
    session().execute(
        delete(ContactAddress).where(
            ContactAddress.workspace_id == workspace_id, ContactAddress.contact_id == contact_id
        )
    )
