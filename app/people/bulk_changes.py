"""What acts on many people change, a slice at a time, and how that is taken back where nobody wrote over it since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from app.contacts import queries as contacts
from app.contacts import service as contacts_service
from app.groups import queries as groups
from app.groups import service as groups_service
from app.groups.rules import Kind
from app.kernel import clock
from app.kernel.errors import NotFound
from app.people.models import BulkAct
from app.people.rules import ActKind
from app.tags import queries as tags
from app.tags import service as tags_service


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to somebody.

    Attributes:
        since: the moment that tells it from what another hand did.
        before: what they had, as plain JSON; None: nothing, or the moment says it.
    """

    since: datetime
    before: Any = None


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a slice.

    Attributes:
        changed: by person; everybody else was left as they were.
        left_out: how many could not be changed.
        fault: why nobody can be any more; empty: nothing.
    """

    changed: Mapping[UUID, Change] = field(default_factory=dict)
    left_out: int = 0
    fault: str = ""


def do(act: BulkAct, people: Mapping[UUID, Any]) -> Done:
    """Change these."""
    match ActKind(act.kind):
        case ActKind.PUT_ON | ActKind.TAKE_OFF:
            return _tag(act, people)
        case ActKind.JOIN | ActKind.LEAVE:
            return _company(act, people)
        case ActKind.SET | ActKind.CLEAR:
            return _field(act, people)


def undo(act: BulkAct, changed: Mapping[UUID, Change]) -> int:
    """Take it back from these; how many got back what they had."""
    since = {contact_id: change.since for contact_id, change in changed.items()}
    before = {contact_id: change.before for contact_id, change in changed.items()}
    match ActKind(act.kind):
        case ActKind.PUT_ON:
            return tags_service.take_off_since(act.workspace_id, act.of_id, since)
        case ActKind.TAKE_OFF:
            return len(tags_service.put_on_many(act.workspace_id, act.of_id, since).people)
        case ActKind.JOIN:
            return groups_service.leave_company_since(act.workspace_id, act.of_id, since, before)
        case ActKind.LEAVE:
            return groups_service.rejoin_company(act.workspace_id, act.of_id, before)
        case ActKind.SET | ActKind.CLEAR:
            key = contacts.get_field(act.workspace_id, act.of_id).key
            return contacts_service.restore_field_of_many(act.workspace_id, key, act.value, before)


def _tag(act: BulkAct, people: Mapping[UUID, Any]) -> Done:
    if not tags.is_listed(act.workspace_id, act.of_id):
        return Done(fault="The tag was taken out of the list meanwhile.")
    if act.kind == ActKind.PUT_ON.value:
        now = clock.now()
        done = tags_service.put_on_many(act.workspace_id, act.of_id, dict.fromkeys(people, now))
        return Done(dict.fromkeys(done.people, Change(now)), done.full)
    carried = tags_service.take_off_many(act.workspace_id, act.of_id, people)
    return Done({contact_id: Change(since) for contact_id, since in carried.items()})


def _company(act: BulkAct, people: Mapping[UUID, Any]) -> Done:
    try:
        groups.get_group(act.workspace_id, Kind.COMPANY, act.of_id)
    except NotFound:
        return Done(fault="The company was deleted meanwhile.")
    put = groups_service.join_company if act.kind == ActKind.JOIN.value else groups_service.leave_company
    now = clock.now()
    before = put(act.workspace_id, act.of_id, people)
    return Done({contact_id: Change(now, had) for contact_id, had in before.items()})


def _field(act: BulkAct, people: Mapping[UUID, Any]) -> Done:
    found = contacts.get_field(act.workspace_id, act.of_id)
    if found.archived_at is not None and act.kind == ActKind.SET.value:
        return Done(fault="The field is no longer asked for.")
    now = clock.now()
    before = contacts_service.set_field_of_many(act.workspace_id, found.key, act.value, people)
    return Done({contact_id: Change(now, had) for contact_id, had in before.items()})
