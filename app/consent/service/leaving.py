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
    held = write.hold_one(workspace_id, contact_id)
    contact_id = held.contact_id
    gone = [found for found in interest_ids if _lives(workspace_id, held, found, channel)]
    if not gone:
        return None
    about = write.what(workspace_id, contact_id, queries.get_interests(workspace_id, gone), channel, State.NO)
    personal = write.personal(workspace_id, contact_id, proof)
    event_id = write.append(Kind.WITHDRAWN, workspace_id, contact_id, by, about, personal, method=method)
    _refuse(workspace_id, held, gone, channel, event_id)
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
    held = write.hold_one(workspace_id, contact_id)
    contact_id = held.contact_id
    write.ensure_reach(workspace_id, contact_id, channel)
    rows = [row for row in write.list_reach(workspace_id, held.everywhere, channel) if not _has_stopped(held, row)]
    if not rows:
        return None
    known = {found for one in held.everywhere for found in queries.choices(workspace_id, one, channel).interests}
    gone = [found for found in sorted(known) if _lives(workspace_id, held, found, channel)]
    about = write.what(workspace_id, contact_id, queries.get_interests(workspace_id, gone), channel, State.NO)
    personal = write.personal(workspace_id, contact_id, proof)
    event_id = write.append(Kind.OBJECTED, workspace_id, contact_id, by, about, personal, method=method)
    _refuse(workspace_id, held, gone, channel, event_id)
    for row in rows:
        # One that came with another entry stays when this one is taken back.
        row.event_id = row.event_id if row.objected_at else event_id
        row.objected_at = clock.now()
    write.close_requests(workspace_id, contact_id)
    session().flush()
    publish(events.Objected(workspace_id, contact_id, event_id))
    return event_id


def _has_stopped(held: write.Held, reach: Reach) -> bool:
    if reach.objected_at is None:
        return False
    return reach.contact_id != held.contact_id or held.stands(reach.objected_at)


def _lives(workspace_id: UUID, held: write.Held, interest_id: UUID, channel: Channel) -> bool:
    """Whether anything is permitted or asked, of the person or of an entry that was merged into theirs."""
    found = (queries.choices(workspace_id, one, channel).interests.get(interest_id) for one in held.everywhere)
    if any(state in {State.YES, State.ASKED} for state in found):
        return True
    return bool(held.entries) and interest_id in _not_since(workspace_id, held, channel)


def _not_since(workspace_id: UUID, held: write.Held, channel: Channel) -> set[UUID]:
    """Interests of which the person has a no that was not said since the last merge."""
    return {
        found.interest_id
        for found in queries.list_permissions(workspace_id, held.contact_id)
        if found.interest_id and found.channel == channel and found.state == State.NO
        and not held.stands(found.updated_at)
    }  # fmt: skip


def _refuse(
    workspace_id: UUID, held: write.Held, interest_ids: Sequence[UUID], channel: Channel, event_id: UUID
) -> None:
    states = queries.choices(workspace_id, held.contact_id, channel).interests
    anew = _not_since(workspace_id, held, channel) if held.entries else set()
    for interest_id in interest_ids:
        if states.get(interest_id, State.NO) is not State.NO or interest_id in anew:
            write.set_permission(
                workspace_id, held.contact_id, Purpose.MARKETING, channel, interest_id, State.NO, event_id
            )
    if held.entries:
        write.refuse(workspace_id, held.entries, channel, interest_ids, event_id)


def give_back(
    workspace_id: UUID, contact_id: UUID, withdrawn_event_id: UUID, *, by: By, proof: Proof
) -> bool:
    """Undo a withdrawal: exactly what that event took, if nothing was decided since.

    For the person's own undo, straight after leaving; the caller checks its short-lived token.
    """
    contact_id = write.hold_one(workspace_id, contact_id).contact_id
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
            .where(
                Reach.workspace_id == workspace_id,
                Reach.contact_id == contact_id,
                Reach.event_id == withdrawn_event_id,
            )
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
    held = write.hold_one(workspace_id, contact_id)
    contact_id = held.contact_id
    seen = _seen_more(workspace_id, held.entries, level, channel)
    is_same = queries.choices(workspace_id, contact_id, channel).tracking is level
    if is_same and not seen and _has_chosen(workspace_id, held, channel):
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
    for entry in seen:
        write.set_permission(workspace_id, entry, Purpose.TRACKING, channel, None, state, event_id, level)
    return event_id


def _has_chosen(workspace_id: UUID, held: write.Held, channel: Channel) -> bool:
    """Whether what we may see is what they chose since the last merge; without one, whatever it is."""
    return not held.entries or any(
        found.purpose == Purpose.TRACKING and found.channel == channel and held.stands(found.updated_at)
        for found in queries.list_permissions(workspace_id, held.contact_id)
    )


def _seen_more(workspace_id: UUID, entries: Sequence[UUID], level: Level, channel: Channel) -> list[UUID]:
    """Entries that were merged and let us see more than this."""
    order = list(Level)
    return [
        entry
        for entry in entries
        if order.index(queries.choices(workspace_id, entry, channel).tracking) > order.index(level)
    ]
