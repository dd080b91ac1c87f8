"""Entering that an event of a person's history is wrong: what it says, what a correction does, and the button."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.consent import history
from app.consent import queries as consent
from app.consent.history import HistoryEntry
from app.consent.rules import Purpose, State
from app.contacts import queries as contacts
from app.kernel import i18n
from app.kernel.errors import BadInput, Conflict, NotFound
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted
from app.people import service
from app.people.pages import blueprint, staff
from app.people.schemas import Correction


@blueprint.get("/people/<uuid:contact_id>/events/<uuid:event_id>/wrong")
@guards.member("people.write")
def ask_correct(contact_id: UUID, event_id: UUID) -> str:
    """The event, what a correction does, and the button."""
    return _page(contact_id, event_id, {})


@blueprint.post("/people/<uuid:contact_id>/events/<uuid:event_id>/wrong")
@guards.member("people.write")
def correct(contact_id: UUID, event_id: UUID) -> Response:
    """Enter it; another event, which only takes away."""
    actor = current_actor()
    _entry(contact_id, event_id)
    try:
        remark = posted(Correction())["remark"]
    except BadInput as problem:
        return make_response(_page(contact_id, event_id, problem.fields), problem.status)
    service.correct(actor.workspace_id, contact_id, event_id, remark, by=staff(actor))
    return redirect(url_for("people.show", contact_id=contact_id, _anchor="timeline"), 303)


def _entry(contact_id: UUID, event_id: UUID) -> HistoryEntry:
    workspace_id = current_actor().workspace_id
    contacts.get_contact(workspace_id, contact_id)
    entries = [contact_id, *contacts.list_merged(workspace_id, contact_id)]
    entry = history.get_entry(workspace_id, event_id)
    if entry is None or UUID(entry.body["contact"]) not in entries:
        raise NotFound("This event is not here.")
    return entry


def _page(contact_id: UUID, event_id: UUID, faults: Mapping[str, str]) -> str:
    workspace_id = current_actor().workspace_id
    entry = _entry(contact_id, event_id)
    if not entry.can_be_corrected or event_id in history.corrected(workspace_id, [contact_id]):
        raise Conflict("There is nothing to correct here. A no stands, and nothing is corrected twice.")
    contact = contacts.get_contact(workspace_id, contact_id)
    if contact.erased_at is not None:
        raise Conflict("This person was erased. There is nothing left to correct.")
    return render_template(
        "people/wrong.html",
        title=contacts.title_of(workspace_id, contact_id),
        what=entry.sentence,
        facts=_facts(entry, accounts.brand(workspace_id).time_zone),
        ends=_ends(workspace_id, contact_id, entry),
        action=url_for("people.correct", contact_id=contact_id, event_id=event_id),
        back_url=url_for("people.show", contact_id=contact_id),
        people_url=url_for("people.index"),
        values=request.form,
        errors=faults,
    )


def _facts(entry: HistoryEntry, zone: str) -> list[tuple[str, str]]:
    pairs = [
        ("What happened", entry.sentence),
        ("When", i18n.instant(entry.at, zone)),
        ("About", ", ".join(entry.interests)),
        ("Channel", str(entry.body.get("channel") or "")),
        ("Ground", history.BASES.get(entry.body.get("basis", ""), "")),
        ("Entered by", history.ACTORS.get(entry.actor, entry.actor)),
        ("Page", str((entry.body.get("page") or {}).get("url") or "")),
        ("Record", str(entry.event_id)),
    ]
    return [(term, value) for term, value in pairs if value]


def _ends(workspace_id: UUID, contact_id: UUID, entry: HistoryEntry) -> list[str]:
    """What becomes a no, one sentence each; empty where nothing stands on the event any more."""
    names: dict[Any, str] = {
        found.id: found.name for found in consent.list_interests(workspace_id, include_archived=True)
    }
    sentences = []
    for found in consent.list_permissions(workspace_id, contact_id):
        if found.event_id != entry.event_id or found.state == State.NO:
            continue
        about = names.get(found.interest_id, "everything")
        if found.purpose == Purpose.TRACKING:
            sentences.append("Opens and clicks are not measured any more.")
        elif found.state == State.ASKED:
            sentences.append(f"The question about {about} by {found.channel} is called off.")
        else:
            sentences.append(f"Nothing more goes out about {about} by {found.channel}.")
    return sentences
