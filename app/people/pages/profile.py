"""Adding a person by hand, and writing their profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import current_app, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.consent import queries as consent
from app.contacts import queries as contacts
from app.contacts.addresses import AddressError, normalise
from app.contacts.rules import FieldKind
from app.forms.rules import CUSTOM
from app.kernel import i18n
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict, Problem, TooMany
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.people import service
from app.people.pages import blueprint, staff
from app.people.schemas import NewPerson, ProfileForm, faults_of, posted_person

_INPUTS = {
    FieldKind.TEXT: ("text", "", {"maxlength": 1000}),
    FieldKind.NUMBER: ("text", "A number, like 12 or 3.5", {"inputmode": "decimal"}),
    FieldKind.DATE: ("date", "", {}),
    FieldKind.BOOLEAN: ("select", "", {}),
    FieldKind.CHOICE: ("select", "", {}),
    FieldKind.MULTI_CHOICE: ("checkboxes", "", {}),
    FieldKind.COUNTRY: ("text", "Two letters, like DE", {"maxlength": 2, "autocapitalize": "characters"}),
    FieldKind.MONEY: ("text", "Amount and currency, like 12.50 EUR", {}),
}


@blueprint.get("/people/new")
@guards.member("people.write")
def new() -> str:
    """The form for one person."""
    brand = accounts.brand(current_actor().workspace_id)
    return _new_page({"language": brand.language, "email": request.args.get("email", "")}, {})


@blueprint.post("/people/new")
@guards.member("people.write")
def add() -> Response:
    """Add them; whoever is ticked is asked by mail, and nothing is permitted by that."""
    actor = current_actor()
    try:
        # Refused halfway, nothing of it may stay: the page that says why is an answer and commits.
        with session().begin_nested():
            contact_id = _add(actor.workspace_id)
    except (BadInput, Conflict, TooMany) as problem:
        return _refused(problem)
    return redirect(url_for("people.show", contact_id=contact_id), 303)


def _add(workspace_id: UUID) -> UUID:
    values, profile = posted_person(NewPerson())
    try:
        address = normalise(values["email"])
    except AddressError as error:
        raise BadInput(fields={"email": error.reason}) from None
    known = contacts.find_by_key(workspace_id, address.key)
    if known is not None:
        raise BadInput(fields={"email": "This person is here already."})
    contact_id = service.add(workspace_id, address, profile)
    if values["interest"]:
        own = current_app.config["NOD"].url
        by = staff(current_actor())
        service.ask(workspace_id, contact_id, values["interest"], by=by, page_url=own)
    return contact_id


def _refused(problem: Problem) -> Response:
    keys = frozenset(found.key for found in contacts.list_fields(current_actor().workspace_id))
    faults = faults_of(problem, keys) if isinstance(problem, BadInput) else {"": problem.detail}
    if "topic" in faults:
        faults["interest"] = faults.pop("topic")
    values = {**request.form.to_dict(), "interests": request.form.getlist("interest")}
    return make_response(_new_page(values, faults), problem.status)


def _new_page(values: Mapping[str, Any], faults: Mapping[str, str]) -> str:
    workspace_id = current_actor().workspace_id
    return render_template(
        "people/new.html",
        action=url_for("people.add"),
        back_url=url_for("people.index"),
        values=values,
        errors=faults,
        languages=_languages(),
        fields=inputs(workspace_id, {}, request.form if faults else None),
        interests=[
            {"id": str(found.id), "name": found.name, "pace": found.pace}
            for found in consent.list_interests(workspace_id)
        ],
    )


@blueprint.get("/people/<uuid:contact_id>/edit")
@guards.member("people.write")
def edit(contact_id: UUID) -> str:
    """What they told us, to be corrected."""
    return _edit_page(contact_id, {})


@blueprint.post("/people/<uuid:contact_id>/edit")
@guards.member("people.write")
def save(contact_id: UUID) -> Response:
    """Write the profile; permissions have no input here."""
    workspace_id = current_actor().workspace_id
    contacts.get_contact(workspace_id, contact_id)
    try:
        with session().begin_nested():
            _, profile = posted_person(ProfileForm())
            service.change(workspace_id, contact_id, profile)
    except BadInput as problem:
        keys = frozenset(found.key for found in contacts.list_fields(workspace_id))
        return make_response(_edit_page(contact_id, faults_of(problem, keys)), problem.status)
    return redirect(url_for("people.show", contact_id=contact_id), 303)


def _edit_page(contact_id: UUID, faults: Mapping[str, str]) -> str:
    workspace_id = current_actor().workspace_id
    contact = contacts.get_living(workspace_id, contact_id)
    address = contacts.find_address(workspace_id, contact_id)
    stored = {"first_name": contact.first_name, "last_name": contact.last_name, "language": contact.language}
    return render_template(
        "people/edit.html",
        action=url_for("people.save", contact_id=contact_id),
        back_url=url_for("people.show", contact_id=contact_id),
        people_url=url_for("people.index"),
        title=contact.name or (address.address if address else ""),
        values=request.form.to_dict() if faults else stored,
        errors=faults,
        languages=_languages(),
        fields=inputs(workspace_id, contact.fields, request.form if faults else None),
        fields_url=url_for("people.own_fields") if current_actor().may("settings.write") else None,
    )


def _languages() -> list[tuple[str, str]]:
    return [(code, i18n.NAMES[code]) for code in i18n.languages()]


def inputs(workspace_id: UUID, values: Mapping[str, Any], given: Any) -> list[dict[str, Any]]:
    """The workspace's own fields as inputs of a form, with what was typed or else what is stored."""
    found = []
    for own in contacts.list_fields(workspace_id):
        kind, hint, attributes = _INPUTS[FieldKind(own.kind)]
        name = CUSTOM + own.key
        value = _shown(values.get(own.key))
        if given is not None:
            value = given.getlist(name) if kind == "checkboxes" else given.get(name, "")
        found.append(
            {
                "name": name,
                "label": own.label,
                "type": kind,
                "value": value if value is not None else "",
                "hint": hint,
                "attrs": attributes,
                "options": _options(own.kind, own.choices),
            }
        )
    return found


def _shown(value: Any) -> Any:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def _options(kind: str, choices: list[str]) -> list[tuple[str, str]]:
    if kind == FieldKind.BOOLEAN:
        return [("", "Not known"), ("yes", "Yes"), ("no", "No")]
    offered = [(choice, choice) for choice in choices]
    return [("", "Not known"), *offered] if kind == FieldKind.CHOICE else offered
