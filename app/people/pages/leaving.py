"""The two acts of staff that cannot be taken back: never write again, and erase."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.contacts import queries as contacts
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted
from app.people import rules, service
from app.people.pages import blueprint, staff
from app.people.schemas import Erasure, NeverWrite


@blueprint.get("/people/<uuid:contact_id>/never")
@guards.member("people.write")
def ask_never(contact_id: UUID) -> str:
    """What "never write again" means, and the button."""
    return _page("people/never.html", contact_id, url_for("people.never", contact_id=contact_id), {})


@blueprint.post("/people/<uuid:contact_id>/never")
@guards.member("people.write")
def never(contact_id: UUID) -> Response:
    """Enter it; one-way."""
    actor = current_actor()
    contacts.get_contact(actor.workspace_id, contact_id)
    try:
        detail = posted(NeverWrite())["detail"]
    except BadInput as problem:
        action = url_for("people.never", contact_id=contact_id)
        return make_response(_page("people/never.html", contact_id, action, problem.fields), problem.status)
    service.never_write(actor.workspace_id, contact_id, by=staff(actor), detail=detail)
    return redirect(url_for("people.show", contact_id=contact_id), 303)


@blueprint.get("/people/<uuid:contact_id>/erase")
@guards.member("people.write")
def ask_erase(contact_id: UUID) -> str:
    """What goes, what stays, and the word to type."""
    return _page("people/erase.html", contact_id, url_for("people.erase", contact_id=contact_id), {})


@blueprint.post("/people/<uuid:contact_id>/erase")
@guards.member("people.write")
def erase(contact_id: UUID) -> Response:
    """Erase them in every room, at once."""
    actor = current_actor()
    contacts.get_contact(actor.workspace_id, contact_id)
    try:
        posted(Erasure())
    except BadInput as problem:
        action = url_for("people.erase", contact_id=contact_id)
        return make_response(_page("people/erase.html", contact_id, action, problem.fields), problem.status)
    service.erase(actor.workspace_id, contact_id, by=staff(actor))
    return redirect(url_for("people.show", contact_id=contact_id), 303)


def _page(template: str, contact_id: UUID, action: str, faults: Mapping[str, str]) -> str:
    workspace_id = current_actor().workspace_id
    contact = contacts.get_contact(workspace_id, contact_id)
    if contact.erased_at is not None:
        raise Conflict("This person was erased before.")
    address = contacts.find_address(workspace_id, contact_id)
    return render_template(
        template,
        title=contacts.title_of(workspace_id, contact_id),
        email=address.address if address else "",
        action=action,
        back_url=url_for("people.show", contact_id=contact_id),
        people_url=url_for("people.index"),
        export_url=url_for("people.export", contact_id=contact_id),
        values=request.form,
        errors=faults,
        word=rules.ERASE_WORD,
    )
