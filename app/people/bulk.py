"""A tag, a company or a value for many people, or taken from them: frozen when asked for, done in slices, taken back for a week.

Small acts are done within the request, others by the job ``people.bulk``: the tables say what is left to do, so whoever
is killed is followed by the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import select, text, update

from app.accounts import service as accounts_service
from app.accounts.rules import acts
from app.contacts import queries as contacts
from app.contacts import service as contacts_service
from app.contacts.rules import FieldKind
from app.groups import queries as groups
from app.groups import service as groups_service
from app.groups.rules import Kind
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

if TYPE_CHECKING:
    from app.contacts.models import CustomField

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


@dataclass(frozen=True, slots=True)
class What:
    """What an act does.

    Args:
        kind: which of its ways.
        name: the tag or the company as somebody wrote it, or the key of the field.
        value: what the field is set to, as somebody wrote it; several of a field of several choices.
    """

    kind: ActKind
    name: str
    value: Sequence[str] = ()


def start(workspace_id: UUID, what: What, whom: Whom, *, by: UUID) -> UUID:
    """Do it to them; few are done at once, many in the background.

    A new tag that is put on comes into the list, and a new company is made.

    Args:
        workspace_id: whose people.
        what: is done.
        whom: the people.
        by: the user.

    Raises:
        BadInput: ``tag``, ``name``, ``field`` or ``value`` does not fit, or is not here; ``who`` are nobody.
    """
    of_id, word, value = _read(workspace_id, what, by)
    act_id, now = uuid7(), clock.now()
    total = _freeze(workspace_id, act_id, whom)
    if not total:
        raise BadInput(fields={"who": "Nobody of them is here any more. Choose people from the list."})
    found = BulkAct(
        id=act_id, workspace_id=workspace_id, user_id=by, created_at=now, kind=what.kind.value, of_id=of_id, word=word,
        value=value, whom=whom.words if whom.search is not None else f"{rules.people(total)}, chosen one by one",
        total=total, state=ActState.DOING.value, seen=0, changed=0, left_out=0, undone=0, fault="",
    )  # fmt: skip
    session().add(found)
    session().flush()
    _record(f"people.{_PAST[what.kind]}", found, by, {"people": total})
    _begin(found)
    return act_id


_PAST: Final = {
    ActKind.PUT_ON: "tagged", ActKind.TAKE_OFF: "tagged", ActKind.JOIN: "grouped", ActKind.LEAVE: "grouped",
    ActKind.SET: "field_set", ActKind.CLEAR: "field_set",
}  # fmt: skip
_UNDONE: Final = {"tagged": "tagging_undone", "grouped": "grouping_undone", "field_set": "field_undone"}
_OF: Final = {"tagged": "tag", "grouped": "company", "field_set": "field"}


def _read(workspace_id: UUID, what: What, by: UUID) -> tuple[UUID, str, Any]:
    """The id of what it is about, what that is called, and the value as it is stored."""
    match what.kind:
        case ActKind.PUT_ON | ActKind.TAKE_OFF:
            return (*_tag(workspace_id, what.kind, what.name), None)
        case ActKind.JOIN | ActKind.LEAVE:
            return (*_company(workspace_id, what.kind, what.name, by), None)
        case ActKind.SET | ActKind.CLEAR:
            return _field(workspace_id, what)


def _tag(workspace_id: UUID, kind: ActKind, raw: str) -> tuple[UUID, str]:
    try:
        words = tag_rules.fold([raw])
    except ValueError as fault:
        raise BadInput(fields={"tag": str(fault)}) from None
    if kind is ActKind.PUT_ON:
        (tag_id,) = tags_service.ensure(workspace_id, words).values()
        return tag_id, tags.get_tag(workspace_id, tag_id).word
    for tag_id, word in tags.list_words(workspace_id):
        if tag_rules.fold([word]).keys() == words.keys():
            return tag_id, word
    raise BadInput(fields={"tag": "There is no tag like this in the list. Choose one of those that are suggested."})


def _company(workspace_id: UUID, kind: ActKind, raw: str, by: UUID) -> tuple[UUID, str]:
    if kind is ActKind.JOIN:
        made = groups_service.find_or_create(workspace_id, Kind.COMPANY, raw, by=acts.user(by))
        return made.id, made.name
    known = groups.find_by_name(workspace_id, Kind.COMPANY, raw)
    if known is None:
        raise BadInput(fields={"name": "There is no company like this. Choose one of those that are suggested."})
    return known.id, known.name


def _field(workspace_id: UUID, what: What) -> tuple[UUID, str, Any]:
    known = {found.key: found for found in contacts.list_fields(workspace_id)}
    field = known.get(what.name)
    if field is None:
        raise BadInput(fields={"field": "Choose one of your fields."})
    if what.kind is ActKind.CLEAR:
        return field.id, field.label, None
    try:
        value = contacts_service.read_fields(workspace_id, {field.key: _written(field, what.value)})[field.key]
    except BadInput as fault:
        raise BadInput(fields={"value": fault.fields[field.key]}) from None
    if value is None:
        raise BadInput(fields={"value": "Write a value. To take theirs away, press Empty."})
    return field.id, field.label, value


def _written(field: CustomField, value: Sequence[str]) -> Sequence[str]:
    """Several choices may stand in one line, with commas between."""
    if field.kind == FieldKind.MULTI_CHOICE and len(value) == 1 and value[0] not in field.choices:
        return value[0].split(",")
    return value


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
        raise Conflict(f"What was done can be undone for {rules.UNDO_FOR.days} days. Do the opposite to these people instead.")
    begun = update(BulkAct).where(BulkAct.id == act_id, BulkAct.state == state.value)
    session().execute(begun.values(state=ActState.UNDOING.value, seen=0, position=None))
    session().refresh(found)
    _record(f"people.{_UNDONE[_PAST[ActKind(found.kind)]]}", found, by, {"people": found.changed})
    _begin(found)


def _begin(found: BulkAct) -> None:
    if found.total <= AT_ONCE:
        while bulk_slices.go_on(found.id):
            pass
        session().refresh(found)
    else:
        jobs.ring_job(bulk_slices.JOB)


def _record(act: str, found: BulkAct, by: UUID, counted: dict[str, int]) -> None:
    detail = {"act": found.kind, _of(found.kind): found.word, **counted}
    accounts_service.record(
        act, by=acts.user(by), workspace_id=found.workspace_id, of=f"bulk_act:{found.id}", detail=detail
    )


def _of(kind: str) -> str:
    """What an act of this kind is about: a tag, a company or a field."""
    return _OF[_PAST[ActKind(kind)]]


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
        select(BulkAct.created_at, BulkAct.kind, BulkAct.word, BulkAct.value, BulkActPerson.before)
        .join(BulkActPerson, BulkActPerson.act_id == BulkAct.id)
        .where(BulkAct.workspace_id == workspace_id, BulkActPerson.contact_id == contact_id)
        .order_by(BulkAct.created_at)
    )
    return [
        {"at": at.isoformat(), "act": kind, _of(kind): word}
        | ({} if value is None else {"value": value})
        | ({} if before is None else {"before": before})
        for at, kind, word, value, before in session().execute(query)
    ]
