"""Signals that a workspace's programs tell: read, matched with people, written; what is wrong with each is said.

Idempotent: a signal is known by the id that the program gives it, for ever, whatever else is sent with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, Final
from uuid import UUID, uuid5

from app.consent import service as consent
from app.contacts import addresses
from app.contacts import queries as contacts
from app.kernel import clock
from app.tracking import queries, service
from app.tracking.rules import kinds
from app.tracking.service import Act

MAX_ID: Final = 100
MAX_EMAIL: Final = 320
MAX_DATA_KEYS: Final = 20
MAX_DATA_OCTETS: Final = 4096
AHEAD: Final = timedelta(hours=1)
"""Clocks of programs may be wrong by so much."""
OLDEST: Final = timedelta(days=3653)
_PARTS: Final = frozenset({"id", "kind", "person", "email", "at", "data"})
_DATA_KEY: Final = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{0,39}")
_UNSTORABLE: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Refused:
    """A signal that was not written: its place in what was sent, and what to do."""

    index: int
    problem: str


@dataclass(frozen=True, slots=True)
class Told:
    """How many are written now, how many were there before, and those that are not."""

    stored: int
    repeated: int
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    """One signal that can be read; ``who`` is a person's id or the key of an address, ``kind`` as it was written."""

    event_id: UUID
    kind: str
    who: UUID | str
    at: datetime
    data: dict[str, Any]


def take(workspace_id: UUID, raw: Sequence[Any]) -> Told:
    """Write those of these signals that can be kept.

    Raises:
        BadInput: they name more new kinds than a workspace can have.
    """
    now = clock.now()
    refused: dict[int, str] = {}
    read: dict[int, _Read] = {}
    for index, one in enumerate(raw):
        try:
            read[index] = _read(workspace_id, one, now)
        except ValueError as fault:
            refused[index] = str(fault)
    people = _people(workspace_id, [one.who for one in read.values()])
    for index in [index for index, one in read.items() if one.who not in people]:
        del read[index]
        refused[index] = "Nobody here is this person: sign them up or import them first."
    acts = {index: _act(one, people[one.who]) for index, one in read.items()}
    _know(workspace_id, acts.values())
    done = service.record_acts(workspace_id, list(acts.values()))
    for index, act in acts.items():
        if act.event_id in done.refused:
            refused[index] = "This person does not let you see what they do."
    return Told(
        len(done.stored),
        sum(act.event_id not in done.refused for act in acts.values()) - len(done.stored),
        tuple(Refused(index, refused[index]) for index in sorted(refused)),
    )


def _act(one: _Read, contact_id: UUID) -> Act:
    return Act(one.event_id, contact_id, _stored(one.kind), one.at, one.data or None)


def _know(workspace_id: UUID, acts: Iterable[Act]) -> None:
    own = {act.kind.removeprefix(kinds.OWN) for act in acts if act.kind.startswith(kinds.OWN)}
    if own:
        service.own_kinds.know(workspace_id, own)


def _read(workspace_id: UUID, raw: Any, now: datetime) -> _Read:
    if not isinstance(raw, dict):
        raise ValueError("A signal is an object with id, kind, at, person or email, and data.")  # noqa: TRY004
    if unknown := sorted(set(map(str, raw)) - _PARTS):
        raise ValueError(f"“{unknown[0][:40]}” is not known here. What belongs to the act itself goes into data.")
    if ("person" in raw) == ("email" in raw):
        raise ValueError("Say who did it: person (their id here) or email, one of the two.")
    key = _line(raw.get("id"), "Give it an id of your own: the same id is the same signal, however often it is sent.")
    return _Read(
        uuid5(workspace_id, key), _kind(raw.get("kind")), _who(raw), _moment(raw.get("at"), now), _data(raw.get("data"))
    )


def _line(value: Any, fault: str, longest: int = MAX_ID) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(fault)
    if len(value) > longest or _UNSTORABLE.search(value):
        raise ValueError(f"Use at most {longest} characters on one line.")
    return value.strip()


def _kind(value: Any) -> str:
    word = _line(value, "Say what they did: order, visit, service, or a name of your own such as webinar_attended.")
    found = queries.declared_kinds().get(word)
    if found is None:
        kinds.own_name(word)
    elif not found.is_told:
        raise ValueError(f"“{word}” is what Nod sees by itself. Choose another name.")
    return word


def _stored(word: str) -> str:
    return word if word in queries.declared_kinds() else kinds.own_name(word)


def _who(raw: Mapping[str, Any]) -> UUID | str:
    if "person" in raw:
        try:
            return UUID(str(raw["person"]))
        except ValueError:
            raise ValueError("“person” is the id of somebody here.") from None
    written = _line(raw["email"], "Write their address.", MAX_EMAIL)
    try:
        return addresses.normalise(written).key
    except ValueError:
        raise ValueError("This is no email address.") from None


def _moment(value: Any, now: datetime) -> datetime:
    if value is None:
        return now
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        at = None
    if at is None or at.tzinfo is None:
        raise ValueError("Write when with its time zone, like 2026-11-25T14:30:00Z.")
    if at > now + AHEAD:
        raise ValueError("This is in the future.")
    if at < now - OLDEST:
        raise ValueError("This is more than ten years ago.")
    return at


def _data(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > MAX_DATA_KEYS:
        raise ValueError(f"“data” is an object with at most {MAX_DATA_KEYS} names.")
    for name, one in value.items():
        if not _DATA_KEY.fullmatch(name):
            raise ValueError("Names in data have letters, digits, spaces, - and _, at most 40.")
        if not (one is None or isinstance(one, str | int | float)):
            raise ValueError(f"“{name}” is to be text, a number, true, false or null.")
        if isinstance(one, str) and _UNSTORABLE.search(one):
            raise ValueError(f"“{name}” holds a character that cannot be stored.")
        if isinstance(one, float) and not isfinite(one):
            raise ValueError(f"“{name}” is no number that can be stored.")
    if len(json.dumps(value)) > MAX_DATA_OCTETS:
        raise ValueError(f"“data” may have {MAX_DATA_OCTETS:,} characters.")
    return {name: one for name, one in value.items() if one is not None}


def _people(workspace_id: UUID, wanted: Sequence[UUID | str]) -> dict[UUID | str, UUID]:
    """Whom they mean, of those who are here; nobody of them is erased or merged meanwhile.

    They are held as whoever erases holds them, and before the scores are, so that neither waits for the other in a circle.
    """
    keys = {one for one in wanted if isinstance(one, str)}
    found: dict[UUID | str, UUID] = {one: one for one in wanted if isinstance(one, UUID)}
    found.update(contacts.find_by_keys(workspace_id, keys) if keys else {})
    here = contacts.list_present(workspace_id, set(found.values()))
    held = consent.hold(workspace_id, here) if here else {}
    # Whoever was waited for may have erased them.
    present = contacts.list_present(workspace_id, {one.contact_id for one in held.values()})
    people = {who: held[contact_id].contact_id for who, contact_id in found.items() if contact_id in held}
    return {who: contact_id for who, contact_id in people.items() if contact_id in present}
