"""The verbs of merging: make two entries one, take that back, say that two are two. Each room moves what is its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import delete, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError

from app.accounts import service as accounts
from app.accounts.rules import acts
from app.consent.rules import By
from app.contacts import queries as contacts
from app.kernel import clock, module
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict
from app.kernel.ids import uuid7
from app.kernel.module import Blends, Joining, Moves
from app.merging import moving, queries
from app.merging.models import DifferentPeople, Merge, MergedRow
from app.merging.rules import UNDO_FOR, pair

if TYPE_CHECKING:
    from app.contacts.models import Contact

T = TypeVar("T")
TRIES: Final = 12
WAIT: Final = "400ms"
"""Shorter than PostgreSQL's deadlock timeout: whoever merges gives way, and never the person who acts meanwhile."""
_BUSY: Final = frozenset({"55P03", "40P01"})
"""SQLSTATEs: a lock was not to be had in time, or two waited for each other."""
FORGOTTEN_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Merged:
    """Which merge it is, who the person is now, and whether it is new."""

    merge_id: UUID
    survivor_id: UUID
    is_new: bool


def merge(
    workspace_id: UUID, survivor_id: UUID, merged_id: UUID, *, by: By, takes: Collection[str] | None = None
) -> Merged:
    """Make two entries one: ``merged_id`` goes on as ``survivor_id``, with both histories and the stricter permission.

    The unique key is the pair: whoever merges them once more, or the other way round, changes nothing.

    Args:
        workspace_id: of both.
        survivor_id: the entry that stays.
        merged_id: the other one.
        by: who does it.
        takes: what the survivor takes over (``kernel.module.Joining``); None: what is offered first.

    Raises:
        NotFound: one of them is not of this workspace.
        BadInput: they are the same entry, or there is nothing of such a name to take.
        Conflict: one of them was erased or merged into somebody else, or too much happens around them right now.
    """
    for contact_id in (survivor_id, merged_id):
        contacts.get_contact(workspace_id, contact_id)
    if survivor_id == merged_id:
        raise BadInput("These are one entry. Choose another one to merge with it.")
    if takes is not None and not set(takes) <= queries.list_takeable(workspace_id):
        raise BadInput("There is no such field.", fields={"take": "Choose from the fields of a person."})
    joining = Joining(workspace_id, survivor_id, merged_id, (by.kind, by.id), frozenset(takes or ()))
    return _patiently(lambda: _merge(joining, is_offered=takes is None))


def undo(workspace_id: UUID, merge_id: UUID, *, by: By) -> bool:
    """Let both people be two again, with the histories that were theirs; what came since stays with the survivor.

    A no that was said since holds for both. False when it was taken back before.

    Raises:
        NotFound: none of this workspace.
        Conflict: it cannot be taken back any more, or not before another one.
    """
    queries.get_merge(workspace_id, merge_id)
    return _patiently(lambda: _undo(workspace_id, merge_id, by))


def tell_apart(workspace_id: UUID, one: UUID, others: Collection[UUID]) -> None:
    """Remember that somebody is none of these others; saying it twice changes nothing.

    Raises:
        NotFound: one of them is not of this workspace.
    """
    pairs = sorted({pair(one, other) for other in others if other != one})
    for contact_id in {contact_id for both in pairs for contact_id in both}:
        contacts.get_contact(workspace_id, contact_id)
    if pairs:
        rows = [
            {"one_id": first, "other_id": second, "workspace_id": workspace_id, "said_at": clock.now()}
            for first, second in pairs
        ]
        session().execute(insert(DifferentPeople).values(rows).on_conflict_do_nothing())


def forget_person(workspace_id: UUID, contact_id: UUID) -> None:
    """Drop what would bring an entry back, and who it was said not to be."""
    own = or_(Merge.survivor_id == contact_id, Merge.merged_id == contact_id)
    _forget(select(Merge.id).where(Merge.workspace_id == workspace_id, own))
    session().execute(
        delete(DifferentPeople).where(
            DifferentPeople.workspace_id == workspace_id,
            or_(DifferentPeople.one_id == contact_id, DifferentPeople.other_id == contact_id),
        )
    )


def forget_old() -> int:
    """Drop what merges need to be taken back, once their days are over; how many there were, at most 200."""
    old = select(Merge.id).where(Merge.memo.is_not(None), Merge.merged_at < clock.now() - UNDO_FOR)
    return _forget(old.order_by(Merge.merged_at).limit(FORGOTTEN_AT_ONCE))


def _forget(which: Any) -> int:
    ids = list(session().execute(which).scalars())
    session().execute(delete(MergedRow).where(MergedRow.merge_id.in_(ids)))
    session().execute(update(Merge).where(Merge.id.in_(ids)).values(memo=None))
    return len(ids)


# --- One attempt ------------------------------------------------------------------------------------------------


def _patiently(work: Callable[[], T]) -> T:
    """Try until nobody is in the way: each attempt waits for no lock long, and lets all of its own go when it fails."""
    for attempt in range(TRIES):
        try:
            with session().begin_nested():
                session().execute(text(f"SET LOCAL lock_timeout = '{WAIT}'"))
                done = work()
                session().flush()
        except OperationalError as fault:
            if getattr(fault.orig, "sqlstate", None) not in _BUSY:
                raise
            time.sleep(0.02 * (attempt + 1))
        else:
            session().execute(text("SET LOCAL lock_timeout TO DEFAULT"))
            return done
    raise Conflict("Something else happens with these people right now. Try again in a minute.")


def _hold(workspace_id: UUID, contact_ids: tuple[UUID, ...]) -> None:
    for found in module.installed():
        for way in found.merging:
            if isinstance(way, Moves | Blends) and way.hold is not None:
                way.hold(workspace_id, contact_ids)


def _merge(joining: Joining, *, is_offered: bool) -> Merged:
    workspace_id = joining.workspace_id
    _hold(workspace_id, (joining.survivor_id, joining.merged_id))
    survivor = contacts.get_contact(workspace_id, joining.survivor_id)
    other = contacts.get_contact(workspace_id, joining.merged_id)
    known = _find_done(survivor, other)
    if known is not None:
        return known
    if survivor.erased_at is not None or other.erased_at is not None:
        raise Conflict("One of them was erased. There is nothing left to merge.")
    if survivor.merged_into is not None or other.merged_into is not None:
        raise Conflict("One of them was merged into somebody else before. Open that person, and merge there.")
    joining = replace(joining, takes=_takes(joining, is_offered=is_offered))
    merge_id = uuid7()
    row = Merge(
        id=merge_id, workspace_id=workspace_id, survivor_id=survivor.id, merged_id=other.id, merged_at=clock.now(),
        merged_by=list(joining.by), memo={},
    )  # fmt: skip
    session().add(row)
    session().flush()
    row.memo = moving.join(merge_id, joining)
    _record("person.merged", joining, merge_id)
    return Merged(merge_id, survivor.id, is_new=True)


def _find_done(survivor: Contact, other: Contact) -> Merged | None:
    """The merge that made them one person before, whichever way round."""
    now = survivor.merged_into or survivor.id
    if now != (other.merged_into or other.id):
        return None
    entry = other if other.merged_into is not None else survivor
    done = queries.find_merge(survivor.workspace_id, entry.id)
    assert done is not None
    return Merged(done.id, now, is_new=False)


def _takes(joining: Joining, *, is_offered: bool) -> frozenset[str]:
    """What was chosen, or what is offered first; an address that is the only one is taken in any case."""
    takes = joining.takes
    if is_offered:
        choices = queries.list_choices(joining.workspace_id, joining.survivor_id, joining.merged_id)
        takes = frozenset(choice.name for choice in choices if choice.takes)
    own, other = (
        contacts.find_address(joining.workspace_id, contact_id)
        for contact_id in (joining.survivor_id, joining.merged_id)
    )
    if other is None:
        return takes - {"email"}
    return takes | {"email"} if own is None else takes


def _undo(workspace_id: UUID, merge_id: UUID, by: By) -> bool:
    found = queries.get_merge(workspace_id, merge_id)
    joining = Joining(workspace_id, found.survivor_id, found.merged_id, (by.kind, by.id))
    _hold(workspace_id, (found.survivor_id, found.merged_id))
    found = queries.get_merge(workspace_id, merge_id, lock=True)
    if found.undone_at is not None:
        return False
    why_not = queries.why_not_undone(workspace_id, found)
    if why_not:
        raise Conflict(why_not)
    moving.part(merge_id, joining, found.memo or {})
    _forget(select(Merge.id).where(Merge.id == merge_id))
    found.memo, found.undone_at = None, clock.now()
    tell_apart(workspace_id, found.survivor_id, [found.merged_id])
    _record("person.unmerged", joining, merge_id)
    return True


def _record(act: str, joining: Joining, merge_id: UUID) -> None:
    kind, actor_id = joining.by
    kinds = {"staff": "user", "api_key": "api_key"}
    actor = acts.By(kinds[kind], UUID(actor_id)) if kind in kinds else acts.COMMAND
    accounts.record(
        act, by=actor, workspace_id=joining.workspace_id, of=f"contact:{joining.survivor_id}",
        detail={"merge": str(merge_id), "entry": str(joining.merged_id)},
    )  # fmt: skip
