"""Two entries of one person: what either has refused stays refused, and both histories stay as they were written.

Nothing in the ledger is changed: a merge and its end are events of both entries. The other entry's permissions stay as
they are under a veto of their own, so that taking a merge back lifts that and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import exists, select, text, update

from app.consent import events, queries
from app.consent.models import ConsentEvent, ConsentRequest, Permission, Reach
from app.consent.rules import By, Channel, Kind, Level, Proof, Purpose, RequestState, State
from app.consent.rules.merging import MERGED, Barred, Said, at_mailbox, barred, stricter
from app.consent.service import write
from app.contacts import queries as contacts
from app.kernel import clock
from app.kernel.db import session
from app.kernel.events import publish
from app.kernel.module import Joining

Subject = tuple[str, str, UUID | None]
"""Purpose, channel and interest of a permission."""
_SAID: Final = tuple(field.name for field in fields(Said))
_BARRED: Final = tuple(field.name for field in fields(Barred))
_PARTS: Final = (("suppressed_at", "suppressed_reason"), ("objected_at",), ("paused_until",), ("digest", "digest_from"))
"""What of a row of reach was said at one time; each goes back by itself."""

# Whoever confirms holds their question first, so it comes first here as well.
_HOLD_QUESTIONS = text(
    "SELECT FROM consent_requests WHERE workspace_id = :workspace_id AND contact_id = ANY(:ids) AND state = 'open'"
    " ORDER BY id FOR UPDATE"
)
_HOLD_PERMISSIONS = text(
    "SELECT FROM permissions WHERE workspace_id = :workspace_id AND contact_id = ANY(:ids) ORDER BY id FOR UPDATE"
)


def hold(workspace_id: UUID, contact_ids: tuple[UUID, ...]) -> None:
    """Lock all that says what may be written to these entries: nobody says yes or no meanwhile."""
    values = {"workspace_id": workspace_id, "ids": list(contact_ids)}
    session().execute(_HOLD_QUESTIONS, values)
    write.hold(workspace_id, contact_ids)
    session().execute(_HOLD_PERMISSIONS, values)


@dataclass(frozen=True, slots=True)
class Both:
    """A permission of two entries: what each has said, and what stands for both; None: nothing."""

    own: Said | None
    other: Said | None
    result: Said | None


def preview(workspace_id: UUID, survivor_id: UUID, merged_id: UUID, *, takes_mailbox: bool) -> dict[Subject, Both]:
    """What would stand for each permission that either entry has, were they merged now.

    Args:
        workspace_id: of both.
        survivor_id: who goes on.
        merged_id: the other entry.
        takes_mailbox: the survivor is reached at the other one's mailbox from then on.
    """
    own, other = _said(workspace_id, survivor_id), _said(workspace_id, merged_id)
    # Otherwise staff would have a way to a yes: by merging whoever said it into an entry of any address.
    is_bound = _have_two_mailboxes(workspace_id, survivor_id, merged_id)
    found = {}
    for subject in sorted(own | other, key=str):
        mine, theirs = own.get(subject), other.get(subject)
        if is_bound and subject[:2] == (Purpose.MARKETING, Channel.EMAIL):
            result = at_mailbox(theirs, mine) if takes_mailbox else at_mailbox(mine, theirs)
        else:
            result = stricter(mine, theirs)
        found[subject] = Both(mine, theirs, result)
    return found


def _have_two_mailboxes(workspace_id: UUID, survivor_id: UUID, merged_id: UUID) -> bool:
    """Whether they are reached at two that are not one in other writing; the same before and after the addresses moved."""
    known = contacts.list_addresses(workspace_id, [survivor_id, merged_id])
    return len({found.folded for found in known}) > 1


def merge(joining: Joining) -> dict[str, Any]:
    """Let the survivor have the stricter word of both, and nothing go out to the other entry any more.

    Returns:
        What stood before and stands now, for ``unmerge``.
    """
    workspace_id, survivor_id = joining.workspace_id, joining.survivor_id
    both = preview(workspace_id, survivor_id, joining.merged_id, takes_mailbox="email" in joining.takes)
    stands = {subject: _standing(found) for subject, found in both.items()}
    result = {subject: said for subject, said in stands.items() if said is not None}
    changes = {subject: said for subject, said in result.items() if said != both[subject].own}
    stated = _state(joining, result, changes)
    memo: list[dict[str, Any]] = []
    for subject, said in changes.items():
        if said.state == State.NO:
            said = Said(**{**asdict(said), "event_id": stated[subject[1]]})
        _write(workspace_id, survivor_id, subject, said)
        before = both[subject].own
        memo.append(
            {"subject": _plain(subject), "before": _json(asdict(before)) if before else None, "after": _json(asdict(said))}
        )
    _tell(joining, changes, stated)
    if _have_two_mailboxes(workspace_id, survivor_id, joining.merged_id):
        _end_questions(joining)
    return {"permissions": memo, "reach": _bar(joining)}


def _end_questions(joining: Joining) -> None:
    """Questions that went to the mailbox that is given up: who reads mail there answers for that one, and is asked anew."""
    kept_id = joining.merged_id if "email" in joining.takes else joining.survivor_id
    session().execute(
        update(ConsentRequest)
        .where(
            ConsentRequest.workspace_id == joining.workspace_id,
            ConsentRequest.contact_id.in_((joining.survivor_id, joining.merged_id)),
            ConsentRequest.channel == Channel.EMAIL.value,
            ConsentRequest.state == RequestState.OPEN.value,
            ConsentRequest.event_id == ConsentEvent.id,
            ConsentEvent.contact_id != kept_id,
        )
        .values(state=RequestState.CANCELLED.value, done_at=clock.now())
        .execution_options(synchronize_session="fetch")
    )


def _standing(both: Both) -> Said | None:
    """What is written for the survivor: nothing stays unwritten, or is a no where there was a word before."""
    if both.result is None and both.own is not None:
        return replace(both.own, state=State.NO.value)
    return both.result


def unmerge(joining: Joining, memo: dict[str, Any]) -> None:
    """Let both entries stand where they stood; what the person said since stays, and a no holds for both."""
    workspace_id = joining.workspace_id
    noes = _noes_since(joining)
    channels = {Channel.EMAIL.value, *noes}
    told = {
        channel: _append(
            Kind.UNMERGED, joining, joining.merged_id, channel, noes.get(channel, []), {"from": str(joining.survivor_id)}
        )
        for channel in sorted(channels)
    }
    about = {"entry": str(joining.merged_id)}
    mine = _append(Kind.UNMERGED, joining, joining.survivor_id, Channel.EMAIL.value, [], about)
    for found in memo["permissions"]:
        _give_back(joining, found, mine)
    for found in memo["reach"]:
        _unbar(workspace_id, joining.survivor_id, found)
    for channel, interest_ids in noes.items():
        session().execute(
            update(Permission)
            .where(
                Permission.workspace_id == workspace_id,
                Permission.contact_id == joining.merged_id,
                Permission.channel == channel,
                Permission.interest_id.in_(interest_ids),
                Permission.state == State.NO.value,
            )
            .values(event_id=told[channel])
        )
    _lift(workspace_id, joining.merged_id)
    for contact_id, event_id in ((joining.survivor_id, mine), (joining.merged_id, told[Channel.EMAIL.value])):
        _close_without_question(workspace_id, contact_id, event_id)


# --- Permissions ------------------------------------------------------------------------------------------------


def _said(workspace_id: UUID, contact_id: UUID) -> dict[Subject, Said]:
    query = select(Permission).where(Permission.workspace_id == workspace_id, Permission.contact_id == contact_id)
    rows = session().execute(query.execution_options(populate_existing=True)).scalars()
    return {
        (row.purpose, row.channel, row.interest_id): Said(*(getattr(row, name) for name in _SAID)) for row in rows
    }


def _write(workspace_id: UUID, contact_id: UUID, subject: Subject, said: Said) -> None:
    purpose, channel, interest_id = subject
    level = Level(said.level) if said.level else None
    # Told of what we may see by the usual way; the columns that it does not write follow.
    write.set_permission(
        workspace_id, contact_id, Purpose(purpose), Channel(channel), interest_id, State(said.state), said.event_id, level
    )
    session().execute(
        update(Permission)
        .where(
            Permission.workspace_id == workspace_id,
            Permission.contact_id == contact_id,
            Permission.purpose == purpose,
            Permission.channel == channel,
            Permission.interest_id == interest_id if interest_id else Permission.interest_id.is_(None),
        )
        .values(**{name: getattr(said, name) for name in ("basis", "valid_until", "paused_until")})
    )


def _state(joining: Joining, result: dict[Subject, Said], changes: dict[Subject, Said]) -> dict[str, UUID]:
    """The survivor's event of each channel: the noes that stand for both, and the yeses that came with the other entry."""
    channels = {Channel.EMAIL.value, *(subject[1] for subject in result)}
    found = {}
    for channel in sorted(channels):
        noes = [
            interest_id
            for (purpose, where, interest_id), said in result.items()
            if purpose == Purpose.MARKETING and where == channel and said.state == State.NO and interest_id
        ]
        carried = [
            {"purpose": purpose, "interest": str(interest_id) if interest_id else None, "event": str(said.event_id)}
            for (purpose, where, interest_id), said in changes.items()
            if where == channel and said.state != State.NO
        ]
        about = {"entry": str(joining.merged_id), "carried": carried}
        found[channel] = _append(Kind.MERGED, joining, joining.survivor_id, channel, noes, about)
    _append(
        Kind.MERGED, joining, joining.merged_id, Channel.EMAIL.value, [], {"into": str(joining.survivor_id)}
    )
    return found


def _append(
    kind: Kind, joining: Joining, contact_id: UUID, channel: str, noes: Sequence[UUID], about: dict[str, Any]
) -> UUID:
    workspace_id = joining.workspace_id
    stated: dict[str, Any] = {**write.purposes(Purpose.MARKETING), "channel": channel}
    if noes:
        interests = queries.get_interests(workspace_id, noes)
        stated = write.what(workspace_id, contact_id, interests, Channel(channel), State.NO)
    personal = write.personal(workspace_id, contact_id, Proof())
    return write.append(
        kind, workspace_id, contact_id, By(*joining.by), {**stated, **about}, personal, method="merge"
    )


def _tell(joining: Joining, changes: dict[Subject, Said], stated: dict[str, UUID]) -> None:
    """What became a no is told to whoever listens, as any no is."""
    noes: dict[str, list[UUID]] = {}
    for (purpose, channel, interest_id), said in changes.items():
        if purpose == Purpose.MARKETING and said.state == State.NO and interest_id is not None:
            noes.setdefault(channel, []).append(interest_id)
    for channel, interest_ids in noes.items():
        publish(
            events.Withdrawn(joining.workspace_id, joining.survivor_id, tuple(interest_ids), stated[channel])
        )


def _noes_since(joining: Joining) -> dict[str, list[UUID]]:
    """By channel: the interests of which the other entry has a no that was said as the survivor."""
    query = (
        select(Permission.channel, Permission.interest_id)
        .join(ConsentEvent, ConsentEvent.id == Permission.event_id)
        .where(
            Permission.workspace_id == joining.workspace_id,
            Permission.contact_id == joining.merged_id,
            Permission.purpose == Purpose.MARKETING.value,
            Permission.interest_id.is_not(None),
            Permission.state == State.NO.value,
            ConsentEvent.contact_id != joining.merged_id,
        )
    )
    found: dict[str, list[UUID]] = {}
    for channel, interest_id in session().execute(query):
        if interest_id is not None:
            found.setdefault(channel, []).append(interest_id)
    return found


def _give_back(joining: Joining, found: dict[str, Any], event_id: UUID) -> None:
    """A permission of the survivor as it was, where nothing was said since; one that they never had becomes a no."""
    purpose, channel, interest = found["subject"]
    subject: Subject = (purpose, channel, UUID(interest) if interest else None)
    now = _said(joining.workspace_id, joining.survivor_id).get(subject)
    if now is None or _json(asdict(now)) != found["after"]:
        return
    before = found["before"]
    if before is not None:
        _write(joining.workspace_id, joining.survivor_id, subject, _said_of(before))
        return
    level = Level.NONE.value if purpose == Purpose.TRACKING else None
    gone = {"state": State.NO.value, "level": level, "event_id": event_id, "paused_until": None}
    _write(joining.workspace_id, joining.survivor_id, subject, Said(**{**asdict(now), **gone}))


def _close_without_question(workspace_id: UUID, contact_id: UUID, event_id: UUID) -> None:
    """What is asked for by a question that has ended meanwhile is a no."""
    open_ = exists().where(
        ConsentRequest.workspace_id == workspace_id,
        ConsentRequest.contact_id == contact_id,
        ConsentRequest.channel == Permission.channel,
        ConsentRequest.state == RequestState.OPEN.value,
    )
    session().execute(
        update(Permission)
        .where(
            Permission.workspace_id == workspace_id,
            Permission.contact_id == contact_id,
            Permission.state == State.ASKED.value,
            ~open_,
        )
        .values(state=State.NO.value, event_id=event_id, updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )


# --- Reach ------------------------------------------------------------------------------------------------------


def _reach(workspace_id: UUID, contact_id: UUID) -> dict[str, Reach]:
    query = select(Reach).where(Reach.workspace_id == workspace_id, Reach.contact_id == contact_id)
    rows = session().execute(query.with_for_update().execution_options(populate_existing=True)).scalars()
    return {row.channel: row for row in rows}


def _barred(reach: Reach | None) -> Barred:
    return Barred(*(getattr(reach, name) for name in _BARRED)) if reach else Barred()


def _bar(joining: Joining) -> list[dict[str, Any]]:
    """Vetoes and wishes of both for the survivor; the other entry is out of reach for as long as it is merged."""
    workspace_id = joining.workspace_id
    others = _reach(workspace_id, joining.merged_id)
    for channel in sorted(others):
        write.make_reach(workspace_id, Channel(channel), [joining.survivor_id])
    memo = []
    for channel, own in sorted(_reach(workspace_id, joining.survivor_id).items()):
        before = _barred(own)
        takes = channel == Channel.EMAIL and "email" in joining.takes
        after = barred(before, _barred(others.get(channel)), takes_mailbox=takes)
        _set(own, asdict(after))
        memo.append({"channel": channel, "before": _json(asdict(before)), "after": _json(asdict(after))})
    for other in others.values():
        if other.suppressed_at is None:
            other.suppressed_at, other.suppressed_reason = clock.now(), MERGED
    session().flush()
    return memo


def _unbar(workspace_id: UUID, contact_id: UUID, found: dict[str, Any]) -> None:
    reach = _reach(workspace_id, contact_id)[found["channel"]]
    now = _json(asdict(_barred(reach)))
    for names in _PARTS:
        if all(now[name] == found["after"][name] for name in names):
            _set(reach, {name: _moment(name, found["before"][name]) for name in names})
    if now["event_id"] == found["after"]["event_id"]:
        reach.event_id = UUID(found["before"]["event_id"]) if found["before"]["event_id"] else None
    session().flush()


def _lift(workspace_id: UUID, contact_id: UUID) -> None:
    """The other entry may be reached again, unless somebody said no meanwhile."""
    for reach in _reach(workspace_id, contact_id).values():
        if reach.suppressed_reason == MERGED:
            reach.suppressed_at = reach.suppressed_reason = None
    session().flush()


def _set(reach: Reach, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(reach, name, value)


# --- As JSON ----------------------------------------------------------------------------------------------------


def _plain(subject: Subject) -> list[str | None]:
    return [subject[0], subject[1], str(subject[2]) if subject[2] else None]


def _json(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else str(value) if isinstance(value, UUID) else value
        for name, value in values.items()
    }


def _moment(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if value and name.endswith(("_at", "_until", "_from")) else value


def _said_of(plain: dict[str, Any]) -> Said:
    values = {name: _moment(name, value) for name, value in plain.items()}
    return Said(**{**values, "event_id": UUID(plain["event_id"])})
