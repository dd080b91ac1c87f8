"""Putting an event right: by another event, never by changing the first."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.consent import history, ledger
from app.consent.history import HistoryEntry
from app.consent.law import laws_of
from app.consent.rules import Basis, By, Channel, Kind, Proof, Purpose, State
from app.consent.rules.jurisdictions import Jurisdiction
from app.consent.service import write
from app.consent.service.write import Held
from app.contacts import queries as contacts
from app.kernel import clock
from app.kernel.db import array_of, session
from app.kernel.errors import BadInput, Conflict, NotFound, Problem

_CALL_OFF = text(
    "UPDATE consent_requests SET state = 'cancelled', done_at = :now WHERE workspace_id = :workspace_id"
    " AND contact_id = ANY(CAST(CAST(:people AS text) AS uuid[])) AND event_id = ANY(CAST(CAST(:events AS text) AS uuid[]))"
    " AND state = 'open'"
)


@dataclass(frozen=True, slots=True)
class Corrected:
    """What became of events that were said to be wrong: the corrections, and why others stay, by the wrong event."""

    made: dict[UUID, UUID]
    refused: dict[UUID, Problem]


def correct(workspace_id: UUID, contact_id: UUID, event_id: UUID, remark: str, *, by: By) -> UUID:
    """Enter that an event says something wrong, such as a yes of the wrong person.

    Whatever permission stands on that event becomes a no, and a question that it put is called off. A correction gives
    nothing: for a yes the person is asked.

    Raises:
        NotFound: no such event of this person.
        BadInput: no remark.
        Conflict: a no and what only tells of closing cannot be corrected, nothing can twice, and nothing about somebody
            who was erased.
    """
    done = correct_all(workspace_id, {event_id: contact_id}, remark, by=by)
    if event_id in done.refused:
        raise done.refused[event_id]
    return done.made[event_id]


def correct_all(workspace_id: UUID, wrong: Mapping[UUID, UUID], remark: str, *, by: By) -> Corrected:
    """As ``correct`` for many, by the same few statements; what cannot be corrected is told, and keeps nothing else back.

    Args:
        workspace_id: of all.
        wrong: the person of each event.
        remark: what is wrong about all of them.
        by: who says so.

    Raises:
        BadInput: no remark.
    """
    entries = history.get_entries(workspace_id, wrong)
    # Whose the events are, so that nobody of another workspace is held; and of two corrections at once the second sees the first.
    held = write.hold(workspace_id, {_whose(entry) for entry in entries.values()})
    people = {one.contact_id for one in held.values()}
    corrected, here = history.corrected(workspace_id, people), contacts.list_present(workspace_id, people)
    refused: dict[UUID, Problem] = {}
    right: list[tuple[Held, HistoryEntry]] = []
    for event_id, contact_id in wrong.items():
        entry = entries.get(event_id)
        if entry is None or contact_id not in held[_whose(entry)].everywhere:
            refused[event_id] = NotFound("This event is not here.")
            continue
        person = held[_whose(entry)]
        if fault := _fault(entry, corrected, person.contact_id in here):
            refused[event_id] = Conflict(fault)
        else:
            right.append((person, entry))
    return Corrected(_enter(workspace_id, right, remark, by) if right else {}, refused)


def _whose(entry: HistoryEntry) -> UUID:
    return UUID(entry.body["contact"])


def _enter(
    workspace_id: UUID, right: Sequence[tuple[Held, HistoryEntry]], remark: str, by: By
) -> dict[UUID, UUID]:
    if not remark.strip():
        raise BadInput("Say what is wrong about it.", fields={"remark": "Say what is wrong about it."})
    laws = laws_of(workspace_id, {person.contact_id for person, _ in right})
    addresses = contacts.find_addresses(workspace_id, set(laws))
    events = ledger.append_all(
        [
            ledger.Entry(
                Kind.CORRECTED, workspace_id, person.contact_id, by,
                _about(workspace_id, entry, laws[person.contact_id]),
                {
                    **write.personal_of(addresses.get(person.contact_id, ("", ""))[1], Proof()),
                    "detail": remark.strip()[:500],
                },
                method="correction",
            )
            for person, entry in right
        ]
    )  # fmt: skip
    made = {entry.event_id: event_id for (_, entry), event_id in zip(right, events, strict=True)}
    everywhere = [(one, entry.event_id) for person, entry in right for one in person.everywhere]
    write.end(workspace_id, [(one, event_id, made[event_id]) for one, event_id in everywhere])
    _call_off(workspace_id, {one for one, _ in everywhere}, made)
    return made


def _fault(entry: HistoryEntry, corrected: Collection[UUID], is_here: bool) -> str:
    if not entry.can_be_corrected:
        return "A no stands. Only the person can change it, by saying yes."
    if entry.event_id in corrected:
        return "This was corrected before."
    return "" if is_here else "This person was erased. There is nothing left to correct."


def _about(workspace_id: UUID, entry: HistoryEntry, law: Jurisdiction) -> dict[str, object]:
    body = entry.body
    channel, basis = Channel(body.get("channel") or Channel.EMAIL), Basis(body.get("basis") or Basis.CONSENT)
    return {
        **write.what(workspace_id, None, [], channel, State.NO, basis=basis, law=law),
        **write.purposes(Purpose(str((body.get("purpose") or {}).get("key") or Purpose.MARKETING))),
        "interests": body.get("interests") or [],
        "corrects": str(entry.event_id),
    }


def _call_off(workspace_id: UUID, people: Collection[UUID], events: Collection[UUID]) -> None:
    """Questions that should not have been put get no answer any more."""
    values = {"workspace_id": workspace_id, "people": array_of(people), "events": array_of(events), "now": clock.now()}
    session().execute(_CALL_OFF, values)
