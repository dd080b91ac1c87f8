"""Reads about doubles: who may be one person, what would become of two entries, what was merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import select, text

from app.contacts import queries as contacts
from app.kernel import clock, i18n
from app.kernel.db import session
from app.kernel.errors import BadRequest, NotFound
from app.kernel.paging import Page, decode_cursor, encode_cursor
from app.merging.models import DifferentPeople, Merge
from app.merging.rules import (
    MOST_IN_GROUP,
    UNDO_FOR,
    Candidate,
    Reason,
    pair,
    reasons,
    remaining,
    takes_first,
)

if TYPE_CHECKING:
    from app.contacts.models import Contact

ROWS: Final = 25
_AT_ONCE: Final = 40

# Each walks an index in order and stops once a page is full. Of two spellings of a mailbox one at least is not the plain
# one: only those few are walked, and each looks for another.
_KEYS: Final = {
    Reason.MAILBOX: text(
        "SELECT DISTINCT v.folded FROM addresses v WHERE v.workspace_id = :workspace_id AND v.channel = 'email'"
        " AND v.key <> v.folded AND v.folded > :after AND EXISTS (SELECT FROM addresses o"
        " WHERE o.workspace_id = v.workspace_id AND o.channel = 'email' AND o.folded = v.folded AND o.id <> v.id)"
        " ORDER BY v.folded LIMIT :limit"
    ),
    Reason.NUMBER: text(
        "SELECT number_key FROM contacts WHERE workspace_id = :workspace_id AND number_key > :after"
        " AND merged_into IS NULL GROUP BY number_key HAVING count(*) > 1 ORDER BY number_key LIMIT :limit"
    ),
    Reason.PHONE: text(
        "SELECT phone_key FROM contacts WHERE workspace_id = :workspace_id AND phone_key > :after"
        " AND merged_into IS NULL GROUP BY phone_key HAVING count(*) > 1 ORDER BY phone_key LIMIT :limit"
    ),
}
_COLUMNS: Final = (
    "c.id, trim(c.first_name || ' ' || c.last_name) AS name, coalesce(a.address, '') AS address, c.created_at, a.folded,"
    " c.number_key, c.phone_key"
)
_BY_CONTACT: Final = (
    f"SELECT {_COLUMNS}, k.key FROM unnest(CAST(:keys AS text[])) AS k (key) CROSS JOIN LATERAL"  # noqa: S608  no input in it
    " (SELECT * FROM contacts WHERE workspace_id = :workspace_id AND {column} = k.key AND merged_into IS NULL"
    "  LIMIT :most) AS c LEFT JOIN addresses a ON a.contact_id = c.id AND a.channel = 'email'"
)
_MEMBERS: Final = {
    Reason.MAILBOX: text(
        f"SELECT {_COLUMNS}, k.key FROM unnest(CAST(:keys AS text[])) AS k (key) CROSS JOIN LATERAL"  # noqa: S608  no input in it
        " (SELECT * FROM addresses WHERE workspace_id = :workspace_id AND channel = 'email' AND folded = k.key"
        "  LIMIT :most) AS a JOIN contacts c ON c.id = a.contact_id"
    ),
    Reason.NUMBER: text(_BY_CONTACT.format(column="number_key")),
    Reason.PHONE: text(_BY_CONTACT.format(column="phone_key")),
}


@dataclass(frozen=True, slots=True)
class Double:
    """People who may be one person, oldest first, and all that they share."""

    reasons: tuple[Reason, ...]
    people: tuple[Candidate, ...]


def list_doubles(workspace_id: UUID, cursor: str = "", limit: int = ROWS) -> Page[Double]:
    """One page of probable doubles, reason by reason; who was told apart is not among them.

    Raises:
        BadRequest: the cursor is not one of ours.
    """
    reason, after = _position(cursor)
    found: list[tuple[Double, str]] = []
    for current in list(Reason)[list(Reason).index(reason) :]:
        position = after if current is reason else ""
        while len(found) <= limit:
            keys = _list_keys(workspace_id, current, position)
            groups = _groups(workspace_id, current, keys)
            found += [(groups[key], encode_cursor(current.value, key)) for key in keys if key in groups]
            if len(keys) < _AT_ONCE:
                break
            position = keys[-1]
    shown = found[:limit]
    return Page([double for double, _ in shown], shown[-1][1] if len(found) > limit else None)


def _position(cursor: str) -> tuple[Reason, str]:
    if not cursor:
        return Reason.MAILBOX, ""
    reason, after = decode_cursor(cursor, str, str)
    if reason not in set(Reason):
        raise BadRequest("That page link is not whole. Go back to the first page.")
    return Reason(reason), after


def _list_keys(workspace_id: UUID, reason: Reason, after: str) -> list[str]:
    values = {"workspace_id": workspace_id, "after": after, "limit": _AT_ONCE}
    return list(session().execute(_KEYS[reason], values).scalars())


def _groups(workspace_id: UUID, reason: Reason, keys: Sequence[str]) -> dict[str, Double]:
    """By key; without those that an earlier reason names already, and those that were told apart."""
    if not keys:
        return {}
    values = {"workspace_id": workspace_id, "keys": list(keys), "most": MOST_IN_GROUP}
    members: dict[str, list[Candidate]] = {}
    for row in session().execute(_MEMBERS[reason], values):
        shared = {Reason.MAILBOX: row.folded, Reason.NUMBER: row.number_key, Reason.PHONE: row.phone_key}
        members.setdefault(row.key, []).append(Candidate(row.id, row.name, row.address, row.created_at, shared))
    different = _list_different(workspace_id, [one.id for people in members.values() for one in people])
    groups = {}
    for key, people in members.items():
        left = remaining(people, different)
        shared_by_all = reasons(left)
        if len(left) > 1 and shared_by_all[0] is reason:
            groups[key] = Double(shared_by_all, tuple(left))
    return groups


def _list_different(workspace_id: UUID, ids: Sequence[UUID]) -> set[tuple[UUID, UUID]]:
    query = select(DifferentPeople.one_id, DifferentPeople.other_id).where(
        DifferentPeople.workspace_id == workspace_id,
        DifferentPeople.one_id.in_(ids),
        DifferentPeople.other_id.in_(ids),
    )
    return {pair(row[0], row[1]) for row in session().execute(query)}


# --- Two entries ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of two: ``own`` is the survivor's, as people read it; ``takes``: the other one is offered first."""

    name: str
    label: str
    own: str
    other: str
    takes: bool


def list_choices(workspace_id: UUID, survivor_id: UUID, merged_id: UUID) -> list[Choice]:
    """What may be chosen between two entries: where both say the same, or nothing, there is no choice.

    Raises:
        NotFound: one of them is not of this workspace.
    """
    own, other = contacts.get_contact(workspace_id, survivor_id), contacts.get_contact(workspace_id, merged_id)
    is_newer = other.updated_at > own.updated_at
    found = [
        _choice("first_name", "First name", own.first_name, other.first_name, is_newer=is_newer),
        _choice("last_name", "Last name", own.last_name, other.last_name, is_newer=is_newer),
        _choice("language", "Language", own.language, other.language, is_newer=is_newer),
        *(
            _choice(name, label, *(_address(workspace_id, one, channel) for one in (own, other)), is_newer=False)
            for name, label, channel in (("email", "Email address", "email"), ("postal", "Postal address", "post"))
        ),
        *(
            _choice(
                f"field:{field.key}", field.label, own.fields.get(field.key), other.fields.get(field.key),
                is_newer=is_newer,
            )
            for field in contacts.list_fields(workspace_id, include_archived=True)
        ),
    ]  # fmt: skip
    return [choice for choice in found if choice.own != choice.other]


def list_takeable(workspace_id: UUID) -> set[str]:
    """The names of everything that may be taken from the other entry."""
    own = {f"field:{field.key}" for field in contacts.list_fields(workspace_id, include_archived=True)}
    return own | {"first_name", "last_name", "language", "email", "postal"}


def _address(workspace_id: UUID, contact: Contact, channel: str) -> str:
    found = contacts.find_address(workspace_id, contact.id, channel)
    return found.address if found else ""


def _choice(name: str, label: str, own: object, other: object, *, is_newer: bool) -> Choice:
    takes = takes_first(own, other, is_newer=is_newer)
    return Choice(name, label, _shown(name, own), _shown(name, other), takes)


def _shown(name: str, value: object) -> str:
    if name == "language":
        return i18n.NAMES.get(str(value), str(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


# --- What was merged --------------------------------------------------------------------------------------------


def get_merge(workspace_id: UUID, merge_id: UUID, *, lock: bool = False) -> Merge:
    """One merge.

    Raises:
        NotFound: none of this workspace.
    """
    query = select(Merge).where(Merge.workspace_id == workspace_id, Merge.id == merge_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("This merge is not here.")
    return found


def find_merge(workspace_id: UUID, merged_id: UUID) -> Merge | None:
    """The merge by which an entry is somebody else now."""
    query = select(Merge).where(
        Merge.workspace_id == workspace_id, Merge.merged_id == merged_id, Merge.undone_at.is_(None)
    )
    return session().execute(query).scalar_one_or_none()


def list_merges(workspace_id: UUID, contact_id: UUID) -> list[Merge]:
    """The merges of a person that stand, newest first; those that came with an entry of theirs too."""
    query = select(Merge).where(
        Merge.workspace_id == workspace_id,
        Merge.survivor_id.in_(contacts.entries_of(contact_id)),
        Merge.undone_at.is_(None),
    )
    return list(session().execute(query.order_by(Merge.merged_at.desc(), Merge.id.desc())).scalars())


def why_not_undone(workspace_id: UUID, merge: Merge) -> str:
    """Why a merge cannot be taken back, in a sentence; empty: it can."""
    survivor = contacts.get_contact(workspace_id, merge.survivor_id)
    if survivor.erased_at is not None:
        return "This person was erased, and the entry that was merged into theirs with them."
    if merge.memo is None or merge.merged_at < clock.now() - UNDO_FOR:
        return f"A merge can be taken back for {UNDO_FOR.days} days. They are over."
    newest = list_merges(workspace_id, survivor.merged_into or survivor.id)[:1]
    if newest and newest[0].id != merge.id:
        return "Another entry was merged later. Take that one back first."
    return ""


def export(workspace_id: UUID, contact_id: UUID) -> list[dict[str, Any]]:
    """When which entries of a person were merged, and taken back."""
    query = select(Merge).where(
        Merge.workspace_id == workspace_id, (Merge.survivor_id == contact_id) | (Merge.merged_id == contact_id)
    )
    return [
        {
            "survivor": str(row.survivor_id),
            "merged": str(row.merged_id),
            "merged_at": row.merged_at.isoformat(),
            "taken_back_at": row.undone_at.isoformat() if row.undone_at else None,
        }
        for row in session().execute(query.order_by(Merge.merged_at)).scalars()
    ]
