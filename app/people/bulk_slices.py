"""The work on acts on many people: some thousand a transaction, done, taken back, tidied up."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select, text

from app.kernel import clock, jobs
from app.kernel.db import array_of, session, text_array_of, transaction
from app.people import bulk_changes, rules
from app.people.bulk_changes import Change
from app.people.models import BulkAct, BulkActPerson
from app.people.rules import ActState

JOB: Final = "people.bulk"
SLICE: Final = 5_000
WORK_SECONDS: Final = 20.0
"""So long a worker stays with these before it looks at other work."""
_OPEN: Final = (ActState.DOING.value, ActState.UNDOING.value)
# Locked before anything else of these people: whoever is erased leaves this table first, so neither waits in a circle.
_NEXT = text(
    "SELECT contact_id, carried_at, before FROM bulk_act_people WHERE act_id = :id AND NOT (:is_doing AND carried_at IS NOT NULL)"
    " AND (CAST(:after AS uuid) IS NULL OR contact_id > CAST(:after AS uuid)) ORDER BY contact_id LIMIT :limit FOR UPDATE"
)
_KEEP = text(
    "UPDATE bulk_act_people b SET carried_at = w.since, before = CAST(w.before AS jsonb)"
    " FROM unnest(CAST(CAST(:ids AS text) AS uuid[]), CAST(CAST(:moments AS text) AS timestamptz[]),"
    " CAST(CAST(:before AS text) AS text[])) AS w (id, since, before)"
    " WHERE b.act_id = :id AND b.contact_id = w.id"
)
_FORGET = text(
    "DELETE FROM bulk_act_people WHERE act_id = :id AND contact_id IN (SELECT unnest(CAST(CAST(:ids AS text) AS uuid[])))"
)
_TIDY = text(
    "DELETE FROM bulk_act_people b USING (SELECT p.act_id, p.contact_id FROM bulk_acts a JOIN bulk_act_people p"
    " ON p.act_id = a.id WHERE a.state = 'done' AND a.ended_at < :before LIMIT :limit) AS old"
    " WHERE b.act_id = old.act_id AND b.contact_id = old.contact_id"
)


def run() -> None:
    """Go on with every act that is under way; a job."""
    until = time.monotonic() + WORK_SECONDS
    while time.monotonic() < until:
        with transaction():
            query = select(BulkAct.id).where(BulkAct.state.in_(_OPEN)).order_by(BulkAct.created_at)
            waiting = list(session().execute(query).scalars())
        if not any([_slice(act_id) for act_id in waiting]):  # noqa: C419  each gets its turn
            return
    with transaction():
        jobs.ring_job(JOB)


def _slice(act_id: UUID) -> bool:
    with transaction():
        return go_on(act_id)


def go_on(act_id: UUID) -> bool:
    """Do the next slice of an act, in the caller's transaction; False where nothing is left, or another one is at it."""
    query = select(BulkAct).where(BulkAct.id == act_id, BulkAct.state.in_(_OPEN))
    locked = query.with_for_update(skip_locked=True).execution_options(populate_existing=True)
    found = session().execute(locked).scalar_one_or_none()
    if found is None:
        return False
    is_doing = found.state == ActState.DOING.value
    values = {"id": act_id, "is_doing": is_doing, "limit": SLICE}
    rows = session().execute(_NEXT, values | {"after": found.position}).all()
    if not rows and found.position is not None:
        # Somebody may stand behind us by now: they were merged into somebody whom we had passed.
        found.position = None
        rows = session().execute(_NEXT, values | {"after": None}).all()
    people = {row[0]: None if row[1] is None else Change(row[1], row[2]) for row in rows}
    if people:
        (_do if is_doing else _undo)(found, people)
        found.seen += len(people)
        found.position = rows[-1][0]
    if not rows:
        _end(found)
    session().flush()
    return True


def _do(found: BulkAct, people: Mapping[UUID, Change | None]) -> None:
    """Change these, and keep who was changed and what they had."""
    done = bulk_changes.do(found, people)
    found.fault = done.fault or found.fault
    found.left_out += done.left_out
    found.changed += len(done.changed)
    values = {
        "id": found.id,
        "ids": array_of(done.changed),
        "moments": array_of(change.since.isoformat() for change in done.changed.values()),
        "before": text_array_of(
            None if change.before is None else json.dumps(change.before) for change in done.changed.values()
        ),
    }
    session().execute(_KEEP, values)
    _forget(found, people.keys() - done.changed.keys())


def _undo(found: BulkAct, people: Mapping[UUID, Change | None]) -> None:
    """Take back what was done to these; whom it had not come to, or did not change, is as they are."""
    changed = {contact_id: change for contact_id, change in people.items() if change is not None}
    found.undone += bulk_changes.undo(found, changed)
    _forget(found, people.keys())


def _forget(found: BulkAct, people: Any) -> None:
    if people:
        session().execute(_FORGET, {"id": found.id, "ids": array_of(people)})


def _end(found: BulkAct) -> None:
    if found.state == ActState.DOING.value:
        found.state, found.ended_at = ActState.DONE.value, clock.now()
    else:
        found.state, found.undone_at = ActState.UNDONE.value, clock.now()


def tidy() -> None:
    """Forget whom acts changed that can no longer be taken back, and in the end the acts; a job."""
    with transaction():
        now = clock.now()
    more = True
    while more:
        with transaction():
            gone = session().execute(_TIDY, {"before": now - rules.UNDO_FOR, "limit": SLICE})
            more = bool(gone.rowcount)  # type: ignore[attr-defined]
    with transaction():
        old = BulkAct.created_at < now - rules.ACTS_KEPT
        session().execute(delete(BulkAct).where(old, BulkAct.state.not_in(_OPEN)))


def erase(_workspace_id: UUID, contact_id: UUID) -> None:
    """That somebody was among those of an act."""
    session().execute(delete(BulkActPerson).where(BulkActPerson.contact_id == contact_id))
