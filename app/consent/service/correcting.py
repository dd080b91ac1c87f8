"""Putting an event right: by another event, never by changing the first."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, update

from app.consent import history
from app.consent.models import ConsentRequest, Permission
from app.consent.rules import Basis, By, Channel, Kind, Level, Proof, Purpose, RequestState, State
from app.consent.service import write
from app.contacts import queries as contacts
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict, NotFound


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
    held = write.hold_one(workspace_id, contact_id)
    contact_id = held.contact_id
    entry = history.get_entry(workspace_id, event_id)
    if entry is None or UUID(entry.body["contact"]) not in held.everywhere:
        raise NotFound("This event is not here.")
    if not remark.strip():
        raise BadInput("Say what is wrong about it.", fields={"remark": "Say what is wrong about it."})
    _refuse_final(workspace_id, contact_id, entry)
    query = select(Permission).where(
        Permission.workspace_id == workspace_id,
        Permission.contact_id.in_(held.everywhere),
        Permission.event_id == event_id,
    )
    standing = list(session().execute(query.with_for_update()).scalars())
    about = {
        **write.what(
            workspace_id, contact_id, [], Channel(entry.body.get("channel") or Channel.EMAIL), State.NO,
            basis=Basis(entry.body.get("basis") or Basis.CONSENT),
        ),
        **write.purposes(Purpose(str((entry.body.get("purpose") or {}).get("key") or Purpose.MARKETING))),
        "interests": entry.body.get("interests") or [],
        "corrects": str(event_id),
    }  # fmt: skip
    personal = {**write.personal(workspace_id, contact_id, Proof()), "detail": remark.strip()[:500]}
    made = write.append(Kind.CORRECTED, workspace_id, contact_id, by, about, personal, method="correction")
    for permission in standing:
        write.set_permission(
            workspace_id,
            permission.contact_id,
            Purpose(permission.purpose),
            Channel(permission.channel),
            permission.interest_id,
            State.NO,
            made,
            Level.NONE if permission.purpose == Purpose.TRACKING else None,
        )
    _call_off(workspace_id, contact_id, event_id)
    return made


def _refuse_final(workspace_id: UUID, contact_id: UUID, entry: history.HistoryEntry) -> None:
    if not entry.can_be_corrected:
        raise Conflict("A no stands. Only the person can change it, by saying yes.")
    # Locked: of two corrections at once the second must see the first.
    write.ensure_reach(workspace_id, contact_id)
    if entry.event_id in history.corrected(workspace_id, contact_id):
        raise Conflict("This was corrected before.")
    if contacts.get_contact(workspace_id, contact_id).erased_at is not None:
        raise Conflict("This person was erased. There is nothing left to correct.")


def _call_off(workspace_id: UUID, contact_id: UUID, event_id: UUID) -> None:
    """A question that should not have been put gets no answer any more."""
    session().execute(
        update(ConsentRequest)
        .where(
            ConsentRequest.workspace_id == workspace_id,
            ConsentRequest.contact_id == contact_id,
            ConsentRequest.event_id == event_id,
            ConsentRequest.state == RequestState.OPEN.value,
        )
        .values(state=RequestState.CANCELLED.value, done_at=clock.now())
    )
