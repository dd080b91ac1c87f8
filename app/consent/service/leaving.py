"""Taking back: one interest, everything, tracking alone; and taking that back."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from app.consent import events, history, queries
from app.consent.models import (
    Permission,
    Reach,
)
from app.consent.rules import (
    Basis,
    By,
    Channel,
    Kind,
    Level,
    Proof,
    Purpose,
    Shown,
    State,
)
from app.consent.service import write
from app.kernel import clock
from app.kernel.db import session
from app.kernel.events import publish


def withdraw(
    workspace_id: UUID,
    contact_id: UUID,
    interest_ids: Sequence[UUID],
    *,
    by: By,
    proof: Proof,
    method: str = "web",
    channel: Channel = Channel.EMAIL,
) -> UUID | None:
    """Take back these interests; effective at the next begin.

    Returns:
        The event's id, or None when nothing was permitted or asked.
    """
    states = queries.choices(workspace_id, contact_id, channel).interests
    gone = [found for found in interest_ids if states.get(found) in {State.YES, State.ASKED}]
    if not gone:
        return None
    about = write.what(workspace_id, contact_id, queries.get_interests(workspace_id, gone), channel, State.NO)
    personal = write.personal(workspace_id, contact_id, proof)
    event_id = write.append(Kind.WITHDRAWN, workspace_id, contact_id, by, about, personal, method=method)
    for interest_id in gone:
        write.set_permission(
            workspace_id, contact_id, Purpose.MARKETING, channel, interest_id, State.NO, event_id
        )
    publish(events.Withdrawn(workspace_id, contact_id, tuple(gone), event_id))
    return event_id


def stop_everything(
    workspace_id: UUID,
    contact_id: UUID,
    *,
    by: By,
    proof: Proof,
    method: str = "web",
    channel: Channel = Channel.EMAIL,
) -> UUID | None:
    """The person objects to all of it on a channel; None when they had objected before."""
    reach = write.ensure_reach(workspace_id, contact_id, channel)
    if reach.objected_at is not None:
        return None
    states = queries.choices(workspace_id, contact_id, channel).interests
    gone = [found for found, state in states.items() if state is not State.NO]
    about = write.what(workspace_id, contact_id, queries.get_interests(workspace_id, gone), channel, State.NO)
    personal = write.personal(workspace_id, contact_id, proof)
    event_id = write.append(Kind.OBJECTED, workspace_id, contact_id, by, about, personal, method=method)
    for interest_id in gone:
        write.set_permission(
            workspace_id, contact_id, Purpose.MARKETING, channel, interest_id, State.NO, event_id
        )
    reach.objected_at, reach.event_id = clock.now(), event_id
    write.close_requests(workspace_id, contact_id)
    session().flush()
    publish(events.Objected(workspace_id, contact_id, event_id))
    return event_id


def give_back(
    workspace_id: UUID, contact_id: UUID, withdrawn_event_id: UUID, *, by: By, proof: Proof
) -> bool:
    """Undo a withdrawal: exactly what that event took, if nothing was decided since.

    For the person's own undo, straight after leaving; the caller checks its short-lived token.
    """
    interests = select(Permission).where(
        Permission.workspace_id == workspace_id,
        Permission.contact_id == contact_id,
        Permission.event_id == withdrawn_event_id,
    )
    taken = list(session().execute(interests.with_for_update()).scalars())
    reach = (
        session()
        .execute(
            select(Reach)
            .where(Reach.workspace_id == workspace_id, Reach.event_id == withdrawn_event_id)
            .with_for_update()
        )
        .scalar_one_or_none()
    )
    ids = [found.interest_id for found in taken if found.interest_id]
    before = history.interest_states_before(workspace_id, contact_id, withdrawn_event_id, ids)
    again = [found for found in ids if before.get(found) is State.YES]
    if not again and reach is None:
        return False
    channel = Channel(taken[0].channel if taken else Channel.EMAIL)
    grounds = {found.interest_id: found for found in taken}
    about = {
        **write.what(
            workspace_id,
            contact_id,
            queries.get_interests(workspace_id, again),
            channel,
            State.YES,
            basis=Basis(grounds[again[0]].basis) if again else Basis.CONSENT,
            valid_until=grounds[again[0]].valid_until if again else None,
        ),
        "undoes": str(withdrawn_event_id),
    }
    event_id = write.append(
        Kind.CHANGED, workspace_id, contact_id, by, about, write.personal(workspace_id, contact_id, proof)
    )
    for interest_id in again:
        write.set_permission(
            workspace_id, contact_id, Purpose.MARKETING, channel, interest_id, State.YES, event_id, basis=None
        )
    if reach is not None:
        reach.objected_at, reach.event_id = None, event_id
    session().flush()
    return True


def set_tracking(
    workspace_id: UUID,
    contact_id: UUID,
    level: Level,
    *,
    by: By,
    proof: Proof,
    shown: Shown | None = None,
    channel: Channel = Channel.EMAIL,
) -> UUID | None:
    """How far the person lets us see opens and clicks; None when nothing changed."""
    if queries.choices(workspace_id, contact_id, channel).tracking is level:
        return None
    state = State.NO if level is Level.NONE else State.YES
    about = {
        **write.what(workspace_id, contact_id, [], channel, state),
        **write.purposes(Purpose.TRACKING),
        **(write.shown(workspace_id, shown) if shown else {}),
        "tracking": level.value,
    }
    event_id = write.append(
        Kind.CHANGED, workspace_id, contact_id, by, about, write.personal(workspace_id, contact_id, proof)
    )
    write.set_permission(workspace_id, contact_id, Purpose.TRACKING, channel, None, state, event_id, level)
    return event_id
