"""One tag put on many people, or taken off them: frozen when it is asked for, done in slices, taken back for a week.

Small acts are done within the request, others by the job ``people.bulk``: the tables say what is left to do, so whoever
is killed is followed by the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text, update

from app.accounts import service as accounts_service
from app.accounts.rules import acts
from app.kernel import clock, jobs
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict, NotFound
from app.kernel.ids import uuid7
from app.people import bulk_slices, queries, rules
from app.people.models import BulkAct, BulkActPerson
from app.people.queries import Search
from app.people.rules import ActKind, ActState
from app.tags import queries as tags
from app.tags import rules as tag_rules
from app.tags import service as tags_service

AT_ONCE: Final = 200
"""So many people are not worth waiting for a worker."""
SHOWN: Final = 20
_CHOOSE: Final = (
    "INSERT INTO bulk_act_people (act_id, contact_id, workspace_id) SELECT :act_id, found.id, :workspace_id"
    " FROM ({found}) AS found"
)


@dataclass(frozen=True, slots=True)
class Whom:
    """Whom an act is about.

    Args:
        people: chosen one by one; those of another workspace are nobody.
        search: instead of them everybody whom this finds.
        words: the search in words, without an address.
    """

    people: Sequence[UUID] = ()
    search: Search | None = None
    words: str = ""


def start(workspace_id: UUID, kind: ActKind, raw: str, whom: Whom, *, by: UUID) -> UUID:
    """Put a tag on them, or take it off; few are done at once, many in the background.

    Args:
        workspace_id: whose people.
        kind: what is done with the tag.
        raw: the tag as somebody wrote it; a new one that is put on comes into the list.
        whom: the people.
        by: the user.

    Raises:
        BadInput: ``tag`` is none, or not in the list; ``who`` are nobody.
    """
    word, tag_id = _tag(workspace_id, kind, raw)
    act_id, now = uuid7(), clock.now()
    total = _freeze(workspace_id, act_id, whom)
    if not total:
        raise BadInput(fields={"who": "Nobody of them is here any more. Choose people from the list."})
    found = BulkAct(
        id=act_id, workspace_id=workspace_id, user_id=by, created_at=now, kind=kind.value, tag_id=tag_id, word=word,
        whom=whom.words if whom.search is not None else f"{rules.people(total)}, chosen one by one", total=total,
        state=ActState.DOING.value, seen=0, changed=0, left_out=0, undone=0, fault="",
    )  # fmt: skip
    session().add(found)
    session().flush()
    _record("people.tagged", found, by, {"act": kind.value, "tag": word, "people": total})
    _begin(found)
    return act_id


def _tag(workspace_id: UUID, kind: ActKind, raw: str) -> tuple[str, UUID]:
    try:
        words = tag_rules.fold([raw])
    except ValueError as fault:
        raise BadInput(fields={"tag": str(fault)}) from None
    if kind is ActKind.PUT_ON:
        (tag_id,) = tags_service.ensure(workspace_id, words).values()
        return tags.get_tag(workspace_id, tag_id).word, tag_id
    for tag_id, word in tags.list_words(workspace_id):
        if tag_rules.fold([word]).keys() == words.keys():
            return word, tag_id
    raise BadInput(fields={"tag": "There is no tag like this in the list. Choose one of those that are suggested."})


def _freeze(workspace_id: UUID, act_id: UUID, whom: Whom) -> int:
    """Keep whom it is about now: all slices, and the undo, are of these people."""
    if whom.search is not None:
        found, values = queries.found_sql(workspace_id, whom.search)
    else:
        found, values = queries.chosen_sql(workspace_id, whom.people)
    done = session().execute(text(_CHOOSE.format(found=found)), values | {"act_id": act_id, "workspace_id": workspace_id})
    return int(done.rowcount)  # type: ignore[attr-defined]


def undo(workspace_id: UUID, act_id: UUID, *, by: UUID) -> None:
    """Take an act back, done or still going on, on those whom it changed; doing it twice changes nothing.

    Raises:
        NotFound: none of this workspace.
        Conflict: its week is over.
    """
    found = get_act(workspace_id, act_id, lock=True)
    state = ActState(found.state)
    if state in {ActState.UNDOING, ActState.UNDONE}:
        return
    if not rules.may_undo(state, found.ended_at, clock.now()):
        raise Conflict(f"What was done can be undone for {rules.UNDO_FOR.days} days. Put the tag on or take it off anew.")
    begun = update(BulkAct).where(BulkAct.id == act_id, BulkAct.state == state.value)
    session().execute(begun.values(state=ActState.UNDOING.value, seen=0, position=None))
    session().refresh(found)
    _record("people.tagging_undone", found, by, {"act": found.kind, "tag": found.word, "people": found.changed})
    _begin(found)


def _begin(found: BulkAct) -> None:
    if found.total <= AT_ONCE:
        while bulk_slices.go_on(found.id):
            pass
        session().refresh(found)
    else:
        jobs.ring_job(bulk_slices.JOB)


def _record(act: str, found: BulkAct, by: UUID, detail: dict[str, Any]) -> None:
    accounts_service.record(
        act, by=acts.user(by), workspace_id=found.workspace_id, of=f"bulk_act:{found.id}", detail=detail
    )


def get_act(workspace_id: UUID, act_id: UUID, *, lock: bool = False) -> BulkAct:
    """One act, as it is now; with ``lock`` no slice of it is done meanwhile.

    Raises:
        NotFound: none of this workspace.
    """
    query = select(BulkAct).where(BulkAct.workspace_id == workspace_id, BulkAct.id == act_id)
    query = (query.with_for_update() if lock else query).execution_options(populate_existing=True)
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("This is not here. What was done is listed for a month.")
    return found


def list_acts(workspace_id: UUID) -> Sequence[BulkAct]:
    """The latest of the workspace, whoever began them, the newest first."""
    query = select(BulkAct).where(BulkAct.workspace_id == workspace_id)
    return session().execute(query.order_by(BulkAct.created_at.desc(), BulkAct.id).limit(SHOWN)).scalars().all()


def export(workspace_id: UUID, contact_id: UUID) -> list[dict[str, Any]]:
    """What such acts did to a person in the last week, or are about to."""
    query = (
        select(BulkAct.created_at, BulkAct.kind, BulkAct.word)
        .join(BulkActPerson, BulkActPerson.act_id == BulkAct.id)
        .where(BulkAct.workspace_id == workspace_id, BulkActPerson.contact_id == contact_id)
        .order_by(BulkAct.created_at)
    )
    return [{"at": at.isoformat(), "act": kind, "tag": word} for at, kind, word in session().execute(query)]
