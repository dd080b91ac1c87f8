"""One person: may we write, why, what happened, what we know."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask import Response, json, make_response, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as Redirect

from app.accounts import queries as accounts
from app.consent import history
from app.consent import queries as consent
from app.consent.history import Verdict
from app.consent.rules import Reason
from app.contacts import queries as contacts
from app.kernel import clock, i18n, module
from app.kernel.errors import BadRequest
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.paging import decode_cursor, encode_cursor
from app.people import queries, rules, service
from app.people.pages import blueprint, short, staff

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.contacts.models import Contact
    from app.kernel.module import PersonPanel, TimelineEntry


@blueprint.get("/people/<uuid:contact_id>")
@guards.member("people.read")
def show(contact_id: UUID) -> str | Redirect:
    """Their page; ``kind`` narrows the timeline, ``before`` goes back in it. Who was merged is on the page of who they are."""
    workspace_id = current_actor().workspace_id
    contact = contacts.get_contact(workspace_id, contact_id)
    if contact.merged_into is not None:
        return redirect(url_for("people.show", contact_id=contact.merged_into), 302)
    address = contacts.find_address(workspace_id, contact_id)
    verdicts = history.verdicts(workspace_id, contact_id)
    word, sentence = rules.answer(verdicts)
    email = address.address if address else ""
    name = contact.name or ("" if email else "Somebody")
    if contact.erased_at is not None:
        name = "Somebody who was erased"
    zone = accounts.brand(workspace_id).time_zone
    return render_template(
        "people/person.html",
        person={"name": name, "email": email, "initials": rules.initials(contact.name, email)},
        erased_at=contact.erased_at,
        answer={"state": word.value, "text": sentence},
        permissions=[_permission(verdict) for verdict in verdicts if verdict.interest_id]
        + [_permission(verdict) for verdict in history.other_verdicts(workspace_id, contact_id)],
        tracking=None if contact.erased_at else _tracking(workspace_id, contact_id, zone),
        profile=_facts(workspace_id, contact, zone),
        panels=_panels(contact),
        people_url=url_for("people.index"),
        **_timeline(contact, zone),
        **_acts(contact),
    )


@blueprint.get("/people/<uuid:contact_id>/export")
@guards.member("people.write")
def export(contact_id: UUID) -> Response:
    """Everything that is kept about them, as one JSON file; that it was taken is written down."""
    actor = current_actor()
    everything = queries.export(actor.workspace_id, contact_id)
    service.record_export(actor.workspace_id, contact_id, by=staff(actor))
    body = {"person": str(contact_id), "exported_at": clock.now().isoformat(), **everything}
    response = make_response(json.dumps(body, indent=2, sort_keys=False, ensure_ascii=False) + "\n")
    response.content_type = "application/json; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="person-{short(contact_id)}.json"'
    return response


def _permission(verdict: Verdict) -> dict[str, Any]:
    return {
        "title": verdict.interest_name,
        "channel": f"by {verdict.channel}",
        "state": verdict.word.value,
        "why": verdict.sentence,
        "facts": verdict.facts,
    }


def _tracking(workspace_id: UUID, contact_id: UUID, zone: str) -> str:
    level, event_id = history.tracking_level(workspace_id, contact_id)
    entry = history.get_entry(workspace_id, event_id) if event_id else None
    how = f"Measuring opens and clicks: {rules.LEVELS[level]}"
    return (
        f"{how}, their choice of {i18n.day(entry.at, zone)}." if entry else f"{how}. They were never asked."
    )


def _facts(workspace_id: UUID, contact: Contact, zone: str) -> list[tuple[str, str]]:
    if contact.erased_at is not None:
        return [
            ("Erased", i18n.instant(contact.erased_at, zone)),
            ("Known since", i18n.day(contact.created_at, zone)),
        ]
    pairs = [("Name", contact.name), ("Language", i18n.NAMES.get(contact.language, ""))]
    own_fields = contacts.list_fields(workspace_id, include_archived=True)
    told = contact.fields
    pairs.extend((own.label, rules.shown_value(told[own.key])) for own in own_fields if own.key in told)
    pairs.append(("Added", i18n.instant(contact.created_at, zone)))
    return [(term, value) for term, value in pairs if value]


def _timeline(contact: Contact, zone: str) -> dict[str, Any]:
    workspace_id, contact_id = contact.workspace_id, contact.id
    kinds = queries.kinds()
    kind = request.args.get("kind", "")
    if kind and kind not in dict(kinds):
        raise BadRequest("This timeline has no such kind of entries.")
    found = queries.timeline(workspace_id, contact_id, kind=kind, before=_before(), limit=queries.ENTRIES)
    earlier = None
    if found.earlier is not None:
        before = encode_cursor(found.earlier)
        kept: dict[str, Any] = {"kind": kind} if kind else {}
        earlier = url_for("people.show", contact_id=contact_id, **kept, before=before, _anchor="timeline")
    return {
        "days": rules.days(found.entries, clock.now(), zone),
        "wrong": _wrong(contact, found.entries),
        "changes": _changes(contact, found.entries),
        "kinds": kinds if len(kinds) > 1 else [],
        "kind": kind,
        "earlier_url": earlier,
    }


def _wrong(contact: Contact, entries: Iterable[TimelineEntry]) -> dict[str, str]:
    """Where to enter that an event is wrong, for who may."""
    if contact.erased_at is not None or not current_actor().may("people.write"):
        return {}
    return {
        entry.reference: url_for("people.ask_correct", contact_id=contact.id, event_id=entry.reference)
        for entry in entries
        if entry.can_be_wrong
    }


def _changes(contact: Contact, entries: Iterable[TimelineEntry]) -> dict[str, str]:
    """Where to change an entry, for who may."""
    if contact.erased_at is not None or not current_actor().may("people.write"):
        return {}
    return {entry.reference: url_for(**entry.page, contact_id=contact.id) for entry in entries if entry.page}


def _before() -> datetime | None:
    cursor = request.args.get("before", "")
    return decode_cursor(cursor, datetime)[0] if cursor else None


def _panels(contact: Contact) -> list[dict[str, Any]]:
    panels = sorted(
        (panel for found in module.installed() for panel in found.person_panels),
        key=lambda panel: panel.order,
    )
    return [
        {
            "column": panel.column,
            "html": Markup(_panel(panel, contact)),  # noqa: S704  of a template
        }
        for panel in panels
    ]


def _panel(panel: PersonPanel, contact: Contact) -> str:
    context = panel.context(contact.workspace_id, contact.id)
    return render_template(panel.template, contact_id=contact.id, is_erased=contact.erased_at is not None, **context)


def _acts(contact: Contact) -> dict[str, str | None]:
    """The addresses of what this member may do with this person."""
    may = current_actor().may("people.write")
    alive = may and contact.erased_at is None
    # Somebody who bounced or stopped everything may come back; only then there is something left to enter.
    reach = consent.find_reach(contact.workspace_id, contact.id)
    is_final = reach is not None and reach.suppressed_reason in {Reason.COMPLAINT, Reason.NEVER}

    def url(endpoint: str, *, when: bool) -> str | None:
        return url_for(endpoint, contact_id=contact.id) if when else None

    return {
        "edit_url": url("people.edit", when=alive),
        "ground_url": url("people.grounds", when=alive),
        "export_url": url("people.export", when=may),
        "evidence_url": url("evidence.person_pdf", when=True),
        "evidence_file_url": url("evidence.person_json", when=True),
        "never_url": url("people.ask_never", when=alive and not is_final),
        "merge_url": url("merging.find", when=alive),
        "erase_url": url("people.ask_erase", when=alive),
    }
