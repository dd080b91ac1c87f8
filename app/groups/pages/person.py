"""A company or household on a person's own page: put them into one, found or made by its name, or take them out."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.accounts.rules import acts
from app.contacts import queries as contacts
from app.groups import schemas, service
from app.groups.pages import WORDS, both, kind_here
from app.groups.pages.listing import faults_of
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted


@both("/of/<uuid:contact_id>", "POST")
@guards.member("people.write")
def join(contact_id: UUID) -> Response:
    """Put a person into the one of this name; it is made where there is none."""
    actor, kind = current_actor(), kind_here()
    contacts.get_living(actor.workspace_id, contact_id)
    try:
        with session().begin_nested():
            form = posted(schemas.Found())
            group = service.find_or_create(actor.workspace_id, kind, form["name"], by=acts.user(actor.id))
            service.join(actor.workspace_id, kind, group.id, contact_id, role=form["role"])
    except (BadInput, Conflict) as problem:
        return make_response(_page(contact_id, faults_of(problem)), problem.status)
    return _back(contact_id)


@both("/of/<uuid:contact_id>/leave", "POST")
@guards.member("people.write")
def leave(contact_id: UUID) -> Response:
    """Take a person out."""
    workspace_id = current_actor().workspace_id
    contacts.get_contact(workspace_id, contact_id)
    posted(schemas.Nothing())
    service.leave(workspace_id, kind_here(), contact_id)
    return _back(contact_id)


def _back(contact_id: UUID) -> Response:
    return redirect(url_for("people.show", contact_id=contact_id, _anchor="groups"), 303)


def _page(contact_id: UUID, errors: Mapping[str, str]) -> str:
    workspace_id, kind = current_actor().workspace_id, kind_here()
    return render_template(
        "groups/person.html",
        title=contacts.title_of(workspace_id, contact_id),
        words=WORDS[kind],
        kind=kind.value,
        contact_id=contact_id,
        values=request.form,
        errors=errors,
    )
