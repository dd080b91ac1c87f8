"""The work on acts on many people: some thousand a transaction, done, taken back, tidied up."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select, text

from app.kernel import clock, jobs
from app.kernel.db import array_of, session, transaction
from app.people import rules
from app.people.models import BulkAct, BulkActPerson
from app.people.rules import ActKind, ActState
from app.tags import queries as tags
from app.tags import service as tags_service

JOB: Final = "people.bulk"
SLICE: Final = 5_000
WORK_SECONDS: Final = 20.0
"""So long a worker stays with these before it looks at other work."""
_OPEN: Final = (ActState.DOING.value, ActState.UNDOING.value)
# Locked before anything else of these people: whoever is erased leaves this table first, so neither waits in a circle.
_NEXT = text(
    "SELECT contact_id, carried_at FROM bulk_act_people WHERE act_id = :id AND NOT (:is_doing AND carried_at IS NOT NULL)"
    " AND (CAST(:after AS uuid) IS NULL OR contact_id > CAST(:after AS uuid)) ORDER BY contact_id LIMIT :limit FOR UPDATE"
)
_KEEP = text(
    "UPDATE bulk_act_people b SET carried_at = w.since"
    " FROM unnest(CAST(CAST(:ids AS text) AS uuid[]), CAST(CAST(:moments AS text) AS timestamptz[])) AS w (id, since)"
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
    people = {row[0]: row[1] for row in rows}
    if people:
        (_do if is_doing else _undo)(found, people)
        found.seen += len(people)
        found.position = rows[-1][0]
    if not rows:
        _end(found)
    session().flush()
    return True


def _do(found: BulkAct, people: Mapping[UUID, datetime | None]) -> None:
    """Change these, and keep who was changed."""
    changed: Mapping[UUID, datetime] = {}
    if not tags.is_listed(found.workspace_id, found.tag_id):
        found.fault = "The tag was taken out of the list meanwhile."
    elif found.kind == ActKind.PUT_ON.value:
        now = clock.now()
        done = tags_service.put_on_many(found.workspace_id, found.tag_id, dict.fromkeys(people, now))
        changed, found.left_out = dict.fromkeys(done.people, now), found.left_out + done.full
    else:
        changed = tags_service.take_off_many(found.workspace_id, found.tag_id, people)
    found.changed += len(changed)
    moments = array_of(since.isoformat() for since in changed.values())
    session().execute(_KEEP, {"id": found.id, "ids": array_of(changed), "moments": moments})
    _forget(found, people.keys() - changed.keys())


def _undo(found: BulkAct, people: Mapping[UUID, datetime | None]) -> None:
    """Take back what was done to these; whom it had not come to, or did not change, is as they are."""
    changed = {contact_id: since for contact_id, since in people.items() if since is not None}
    if found.kind == ActKind.PUT_ON.value:
        found.undone += tags_service.take_off_since(found.workspace_id, found.tag_id, changed)
    else:
        found.undone += len(tags_service.put_on_many(found.workspace_id, found.tag_id, changed).people)
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
