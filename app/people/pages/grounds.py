"""Recording another ground than a person's own double opt-in: which there are for them, and the form of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.consent import queries as consent
from app.consent.history import BASES
from app.consent.rules import Basis, Channel
from app.consent.rules.grounds import Act, refusal
from app.consent.rules.jurisdictions import RuleSet, Source
from app.contacts import queries as contacts
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted
from app.people import grounds as verbs
from app.people.grounds import OFFERED, Offered
from app.people.pages import blueprint, staff
from app.people.schemas import Ground

_BECAUSE: Final = {
    Source.PERSON: "The rules of {name} hold, by the person’s own country.",
    Source.BRAND: "The rules of {name} hold, by your brand’s country.",
    Source.ADDRESS: "The rules of {name} hold, by the address they came from.",
    Source.LANGUAGE: "The rules of {name} hold, by their language.",
    Source.UNKNOWN: "Nobody told a country, so the strictest of each rule holds.",
}
_ACTS: Final = {Act.PURCHASE: "They bought from us", Act.INQUIRY: "They asked us something"}
_METHODS: Final = (
    ("web", "On the web"),
    ("paper", "On paper"),
    ("phone", "On the phone"),
    ("point_of_sale", "In the shop"),
    ("email", "By email"),
)
_CHANNELS: Final = {
    Channel.EMAIL: "Email",
    Channel.POST: "Letters on paper",
    Channel.PHONE: "Phone",
    Channel.SMS: "Text messages",
}


@blueprint.get("/people/<uuid:contact_id>/ground")
@guards.member("people.write")
def grounds(contact_id: UUID) -> str:
    """The grounds that their law knows; with ``basis`` the form of one."""
    offered = verbs.offered_for(request.args.get("basis", ""))
    law = consent.law_of(current_actor().workspace_id, contact_id)
    if offered is not None and not refusal(offered.basis, law.rules):
        return _form(contact_id, offered, {}, {})
    return render_template(
        "people/grounds.html",
        because=_BECAUSE[law.source].format(name=law.rules.name),
        grounds=[_ground(contact_id, found, law.rules) for found in OFFERED],
        **_who(contact_id),
    )


@blueprint.post("/people/<uuid:contact_id>/ground")
@guards.member("people.write")
def record_ground(contact_id: UUID) -> Response:
    """Enter it with its evidence."""
    actor = current_actor()
    contacts.get_contact(actor.workspace_id, contact_id)
    try:
        # Refused halfway, nothing of it may stay: the page that says why is an answer and commits.
        with session().begin_nested():
            values = posted(Ground())
            verbs.record(actor.workspace_id, contact_id, values, by=staff(actor))
    except (BadInput, Conflict) as problem:
        faults = problem.fields if isinstance(problem, BadInput) else {}
        offered = verbs.offered_for(request.form.get("basis", "")) or OFFERED[0]
        page = _form(contact_id, offered, request.form, faults or {"": problem.detail})
        return make_response(page, problem.status)
    return redirect(url_for("people.show", contact_id=contact_id), 303)


def _ground(contact_id: UUID, offered: Offered, rules: RuleSet) -> dict[str, str]:
    why_not = refusal(offered.basis, rules)
    if offered.basis is Basis.CONSENT and rules.double_opt_in:
        note = f"Not by email in {rules.name}: there the person is asked, and confirms by a mail."
    else:
        note = ""
    url = url_for("people.grounds", contact_id=contact_id, basis=offered.basis.value)
    return {
        "title": BASES[offered.basis],
        "about": offered.about,
        "note": note,
        "why_not": why_not,
        "url": "" if why_not else url,
    }


def _form(contact_id: UUID, offered: Offered, values: Mapping[str, Any], faults: Mapping[str, str]) -> str:
    workspace_id = current_actor().workspace_id
    interests = consent.list_interests(workspace_id)
    classes = sorted({found.product_class for found in interests if found.product_class})
    needs_interest = offered.basis in {Basis.SOFT_OPT_IN, Basis.CONTRACT, Basis.IMPLIED_CASL}
    nothing = ("", "Choose a topic" if needs_interest else "Nothing in particular")
    return render_template(
        "people/ground.html",
        basis=offered.basis.value,
        ground=BASES[offered.basis],
        about=offered.about,
        asks=offered.asks,
        channels=[(found.value, _CHANNELS[found]) for found in offered.channels],
        interests=[nothing, *((str(found.id), found.name) for found in interests)],
        classes=[("", "Choose what they bought"), *((found, found) for found in classes)],
        acts=[(found.value, _ACTS[found]) for found in offered.acts if found in _ACTS],
        methods=_METHODS,
        action=url_for("people.record_ground", contact_id=contact_id),
        grounds_url=url_for("people.grounds", contact_id=contact_id),
        values=values,
        errors=faults,
        **_who(contact_id),
    )


def _who(contact_id: UUID) -> dict[str, str]:
    workspace_id = current_actor().workspace_id
    contact = contacts.get_contact(workspace_id, contact_id)
    if contact.erased_at is not None:
        raise Conflict("This person was erased. They can still sign up themselves.")
    return {
        "title": contacts.title_of(workspace_id, contact_id),
        "back_url": url_for("people.show", contact_id=contact_id),
        "people_url": url_for("people.index"),
    }
