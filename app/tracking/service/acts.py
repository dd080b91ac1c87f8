"""Signals that are about no letter: what a person did elsewhere, told by another room or by a workspace's program.

They are written straight to the tables, in the caller's transaction: who tells is answered when they are there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert, text

from app.consent import queries as consent
from app.consent.rules import Level
from app.kernel.db import array_of, session
from app.kernel.events import publish
from app.tracking import queries
from app.tracking.events import RecordedSignal, SignalsRecorded
from app.tracking.models import Signal
from app.tracking.rules.hits import NO_LINK
from app.tracking.rules.verdicts import Reason, Verdict
from app.tracking.service import months, orders
from app.tracking.service.orders import Order

_LOCK: Final = 0x6E6F6461
"""First half of the lock's key ("noda"); the second is the workspace."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a person did.

    Attributes:
        event_id: the same act has the same one, however often it is told.
        kind: of a manifest, or one of the workspace's own.
        data: what is to be remembered of it; small.
    """

    event_id: UUID
    contact_id: UUID
    kind: str
    at: datetime
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of acts: by event id, those that are written now, were there before, and may not be kept."""

    stored: frozenset[UUID]
    repeated: frozenset[UUID]
    refused: frozenset[UUID]


def record_acts(workspace_id: UUID, acts: Sequence[Act], *, are_new: bool = False) -> Recorded:
    """Write what may be kept of acts of people of this workspace, and tell of it; the unique key is the event's id.

    Who does not let us see what they do is kept out of kinds that need it; all else is the workspace's own business.

    Args:
        workspace_id: whose people.
        acts: theirs.
        are_new: whoever tells has made sure that none of them was told before, nor is at this moment.
    """
    once = {act.event_id: act for act in acts}
    known = set() if are_new else _known(workspace_id, once)
    new = [act for act in once.values() if act.event_id not in known]
    kept = _allowed(workspace_id, new)
    if kept:
        months.make({act.at for act in kept})
        session().execute(insert(Signal), [_row(workspace_id, act) for act in kept])
        told = [Order(act.event_id, act.contact_id, act.at, act.data) for act in kept if act.kind == orders.ORDER]
        orders.settle_new(workspace_id, told)
        publish(SignalsRecorded(workspace_id, tuple(_told(act) for act in kept)))
    stored = frozenset(act.event_id for act in kept)
    return Recorded(stored, frozenset(known), frozenset(once) - stored - known)


_TURN: Final = text("SELECT pg_advisory_xact_lock(:key, hashtext(CAST(:workspace_id AS text)))")
_KNOWN: Final = text(
    "SELECT s.event_id FROM unnest(CAST(CAST(:ids AS text) AS uuid[])) AS w (event_id)"
    " JOIN LATERAL (SELECT event_id FROM signals WHERE event_id = w.event_id AND workspace_id = :workspace_id OFFSET 0)"
    " AS s ON true"
)


def _known(workspace_id: UUID, event_ids: Collection[UUID]) -> set[UUID]:
    # The months' tables know an event by its id and time. Of two who tell the same at once, the second one waits.
    session().execute(_TURN, {"key": _LOCK, "workspace_id": workspace_id})
    values = {"ids": array_of(event_ids), "workspace_id": workspace_id}
    return set(session().execute(_KNOWN, values).scalars())


def _allowed(workspace_id: UUID, acts: Iterable[Act]) -> list[Act]:
    kinds = queries.signal_kinds(workspace_id)
    found = list(acts)
    asked = {act.contact_id for act in found if kinds[act.kind].needs_tracking}
    levels = consent.tracking_levels(asked, lock=True) if asked else {}
    return [
        act
        for act in found
        if not kinds[act.kind].needs_tracking or levels.get(act.contact_id) is Level.INDIVIDUAL
    ]


def _row(workspace_id: UUID, act: Act) -> dict[str, Any]:
    return {
        "event_id": act.event_id, "at": act.at, "workspace_id": workspace_id, "contact_id": act.contact_id,
        "link": NO_LINK, "kind": act.kind, "verdict": Verdict.HUMAN.value, "reason": Reason.TOLD.value,
        "data": dict(act.data) if act.data else None,
    }  # fmt: skip


def _told(act: Act) -> RecordedSignal:
    return RecordedSignal(act.contact_id, None, None, act.kind, NO_LINK, act.at, Verdict.HUMAN)
