"""Putting an event right: by another event, never by changing the first."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from app.consent import history
from app.consent.models import Permission
from app.consent.rules import By, Channel, Kind, Proof, Purpose, State
from app.consent.service import write
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict, NotFound

# What a person said or did themselves about leaving stands, whatever anybody thinks of it.
_FINAL = frozenset({Kind.WITHDRAWN, Kind.OBJECTED, Kind.SUPPRESSED, Kind.ERASED, Kind.CORRECTED})


def correct(workspace_id: UUID, contact_id: UUID, event_id: UUID, remark: str, *, by: By) -> UUID:
    """Enter that an event says something wrong, such as a yes of the wrong person.

    Whatever permission stands on that event becomes a no. A correction gives nothing: for a yes the person is asked.

    Raises:
        NotFound: no such event of this person.
        BadInput: no remark.
        Conflict: a no, a veto, an erasure and a correction cannot be corrected.
    """
    entry = history.get_entry(workspace_id, event_id)
    if entry is None or entry.body["contact"] != str(contact_id):
        raise NotFound("This event is not here.")
    if not remark.strip():
        raise BadInput("Say what is wrong about it.", fields={"remark": "Say what is wrong about it."})
    if entry.kind in _FINAL:
        raise Conflict("A no stands. Only the person can change it, by saying yes.")
    query = select(Permission).where(
        Permission.workspace_id == workspace_id,
        Permission.contact_id == contact_id,
        Permission.event_id == event_id,
    )
    standing = list(session().execute(query.with_for_update()).scalars())
    about = {
        **write.purposes(Purpose(str((entry.body.get("purpose") or {}).get("key") or Purpose.MARKETING))),
        "channel": entry.body.get("channel") or Channel.EMAIL.value,
        "interests": entry.body.get("interests") or [],
        "state": State.NO.value,
        "corrects": str(event_id),
    }
    personal = {**write.personal(workspace_id, contact_id, Proof()), "detail": remark.strip()[:500]}
    made = write.append(Kind.CORRECTED, workspace_id, contact_id, by, about, personal, method="correction")
    for permission in standing:
        write.set_permission(
            workspace_id,
            contact_id,
            Purpose(permission.purpose),
            Channel(permission.channel),
            permission.interest_id,
            State.NO,
            made,
        )
    return made
