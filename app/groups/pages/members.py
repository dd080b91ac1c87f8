"""Putting people into a company or household on its own page, and taking them out."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.contacts import queries as contacts
from app.contacts.addresses import AddressError, normalise
from app.groups import queries, schemas, service
from app.groups.pages import both, companies, households, kind_here
from app.groups.pages.one import one_page
from app.groups.rules import Kind
from app.kernel.db import session
from app.kernel.errors import BadInput
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted


@both("/people/suggest")
@guards.member("people.read")
def suggest_people() -> str:
    """Options: addresses that begin like what is typed; ``person``: the input."""
    typed = request.args.get("person", "")[:200].strip()
    found = contacts.list_by_beginning(current_actor().workspace_id, typed) if typed else []
    return render_template("groups/options.html", values=[address for _, address in found])


@both("/<uuid:group_id>/people", "POST")
@guards.member("people.write")
def add(group_id: UUID) -> Response:
    """Put somebody in, by their address."""

    def put() -> None:
        form, workspace_id = posted(schemas.Added()), current_actor().workspace_id
        contact_id = _person(workspace_id, form["person"])
        service.join(workspace_id, kind_here(), group_id, contact_id, role=form["role"])

    return _acted(group_id, put)


@both("/<uuid:group_id>/people/<uuid:contact_id>/remove", "POST")
@guards.member("people.write")
def take_out(group_id: UUID, contact_id: UUID) -> Response:
    """Take somebody out, where they are in it."""
    workspace_id, kind = current_actor().workspace_id, kind_here()
    queries.get_group(workspace_id, kind, group_id)
    contacts.get_contact(workspace_id, contact_id)
    posted(schemas.Nothing())
    if any(one.group_id == group_id and not one.is_guess for one in queries.belonging(workspace_id, contact_id)):
        service.leave(workspace_id, kind, contact_id)
    return redirect(url_for(".show", group_id=group_id), 303)


@companies.post("/<uuid:group_id>/suggested")
@guards.member("people.write")
def add_suggested(group_id: UUID) -> Response:
    """Put one of those in whose address is at its domains."""

    def put() -> None:
        contact_id = posted(schemas.Chosen())["contact_id"]
        service.join(current_actor().workspace_id, Kind.COMPANY, group_id, contact_id)

    return _acted(group_id, put)


@companies.post("/<uuid:group_id>/suggested/all")
@guards.member("people.write")
def add_all_suggested(group_id: UUID) -> Response:
    """Put all of them in."""
    workspace_id = current_actor().workspace_id
    queries.get_group(workspace_id, Kind.COMPANY, group_id)
    posted(schemas.Nothing())
    service.join_suggested(workspace_id, group_id)
    return redirect(url_for(".show", group_id=group_id), 303)


@households.post("/<uuid:group_id>/postal")
@guards.member("people.write")
def set_postal(group_id: UUID) -> Response:
    """Where letters on paper go that any of them gets."""

    def put() -> None:
        service.set_postal(current_actor().workspace_id, group_id, posted(schemas.Postal())["postal"])

    return _acted(group_id, put)


def _acted(group_id: UUID, act: Callable[[], None]) -> Response:
    queries.get_group(current_actor().workspace_id, kind_here(), group_id)
    try:
        # Refused halfway, nothing of it may stay: the page that says why is an answer and commits.
        with session().begin_nested():
            act()
    except BadInput as problem:
        return make_response(one_page(group_id, problem.fields), problem.status)
    return redirect(url_for(".show", group_id=group_id), 303)


def _person(workspace_id: UUID, typed: str) -> UUID:
    try:
        found = contacts.find_by_key(workspace_id, normalise(typed).key)
    except AddressError as fault:
        raise BadInput(fields={"person": fault.reason}) from None
    if found is None:
        raise BadInput(fields={"person": "Nobody here has this address. Add them to your people first."})
    return found.id
