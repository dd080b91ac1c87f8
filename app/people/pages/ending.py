"""Whom we may ask whether we may go on, and why: one panel and one button for each reason."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.consent import queries as consent
from app.consent.history import BASES
from app.consent.queries import ending
from app.consent.queries.ending import Ending
from app.consent.rules import Renewal
from app.contacts import queries as contacts
from app.kernel import clock, i18n
from app.kernel.errors import Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted
from app.people import askable, renewing, rules
from app.people.askable import Why
from app.people.pages import blueprint
from app.people.schemas import AskAgain

SHOWN = 25


@blueprint.get("/people/ending")
@guards.member("people.read")
def ending_soon() -> str:
    """Whose permission ends within 60 days, who fell silent, and who said yes to other words; ``before``: a day."""
    typed = request.args.get("before", "")
    try:
        return _page(before=date.fromisoformat(typed) if typed else None)
    except ValueError:
        return _page(errors={"before": "Write a day, like 2026-11-25."})


@blueprint.post("/people/ending/ask")
@guards.member("people.write")
def ask_to_go_on() -> Response:
    """Begin to ask them; the mails leave over the next minutes."""
    form, actor = posted(AskAgain()), current_actor()
    why = _why(Renewal(form["why"]), form["before"])
    try:
        renewing.start(actor.workspace_id, why, by=actor.id)
    except Conflict as problem:
        return make_response(_page(fault=problem.detail), problem.status)
    return redirect(url_for("people.ending_soon"), 303)


def _why(reason: Renewal, before: date | None) -> Why:
    if reason is Renewal.ENDING:
        return askable.ending_soon(clock.now())
    zone = ZoneInfo(accounts.brand(current_actor().workspace_id).time_zone)
    older_than = datetime.combine(before, time(), zone) if before else None
    return Why(reason, older_than=older_than if reason is Renewal.WORDS else None)


def _page(fault: str = "", *, before: date | None = None, errors: dict[str, str] | None = None) -> str:
    actor, now = current_actor(), clock.now()
    workspace_id, until = actor.workspace_id, now + ending.SOON
    zone = accounts.brand(workspace_id).time_zone
    total, may_be_asked = ending.count_ending(workspace_id, until, now)
    found = ending.list_ending(workspace_id, until, now, limit=SHOWN)
    last = renewing.find_last(workspace_id)
    is_asking = last is not None and last.ended_at is None
    reworded = [found.name for found in consent.list_interests(workspace_id) if found.reworded_at]
    return render_template(
        "people/ending.html",
        fault=fault,
        days=ending.SOON.days,
        total=total,
        askable=may_be_asked,
        silent=askable.count_askable(workspace_id, _why(Renewal.SILENT, None), now),
        words=askable.count_askable(workspace_id, _why(Renewal.WORDS, before), now) if reworded or before else 0,
        most=askable.MOST_COUNTED,
        reworded=rules.listed(reworded),
        before=before.isoformat() if before else request.args.get("before", ""),
        answer_days=renewing.DAYS,
        errors=errors or {},
        rows=_rows(workspace_id, found),
        more=max(0, total - len(found)),
        asking=f"{last.asked:,} of them were asked so far." if last and is_asking else "",
        last=f"{i18n.day(last.started_at, zone)}, {last.asked:,} people" if last and not is_asking else "",
        ask_url=url_for("people.ask_to_go_on") if actor.may("people.write") and not is_asking else None,
        look_url=url_for("people.ending_soon"),
        people_url=url_for("people.index"),
        zone=zone,
    )


def _rows(workspace_id: UUID, found: list[Ending]) -> list[dict[str, Any]]:
    people = contacts.find_recipients(workspace_id, [one.contact_id for one in found])
    names = {
        interest.id: interest.name for interest in consent.list_interests(workspace_id, include_archived=True)
    }
    rows = []
    for one in found:
        person, address = people.get(one.contact_id, (None, None))
        name, email = (person.name if person else ""), (address.address if address else "")
        rows.append(
            {
                "url": url_for("people.show", contact_id=one.contact_id),
                "name": name,
                "email": email,
                "initials": rules.initials(name, email),
                "topics": ", ".join(names[found_id] for found_id in one.interest_ids if found_id in names),
                "grounds": " · ".join(BASES[basis] for basis in one.bases),
                "ends_at": one.ends_at,
                "asked_at": one.asked_at,
            }
        )
    return rows
