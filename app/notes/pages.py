"""Writing a note about a person, and the page on which it is written anew or deleted."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.contacts import queries as contacts
from app.kernel.errors import BadInput, Forbidden
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import Input, Lines, posted
from app.notes import queries, service, timeline

blueprint = Blueprint("notes", __name__, template_folder="templates")


class NoteForm(Input):
    """What is written."""

    body = Lines(longest=service.MAX_BODY, message="Write something.")


class Nothing(Input):
    """A form that is only a button."""


@blueprint.post("/people/<uuid:contact_id>/notes")
@guards.member("people.write")
def write(contact_id: UUID) -> Response:
    """Write one."""
    actor = current_actor()
    contacts.get_living(actor.workspace_id, contact_id)
    try:
        service.write(actor.workspace_id, contact_id, posted(NoteForm())["body"], by=actor.id)
    except BadInput as problem:
        return make_response(_page(contact_id, None, problem.fields), problem.status)
    return _back(contact_id)


@blueprint.get("/people/<uuid:contact_id>/notes/<uuid:note_id>")
@guards.member("people.write")
def show(contact_id: UUID, note_id: UUID) -> str:
    """A note, to be written anew by who wrote it, or deleted."""
    return _page(contact_id, note_id, {})


@blueprint.post("/people/<uuid:contact_id>/notes/<uuid:note_id>")
@guards.member("people.write")
def change(contact_id: UUID, note_id: UUID) -> Response:
    """Write one's own anew."""
    actor = current_actor()
    queries.get_note(actor.workspace_id, contact_id, note_id)
    try:
        body = posted(NoteForm())["body"]
        service.change(actor.workspace_id, contact_id, note_id, body, by=actor.id)
    except BadInput as problem:
        return make_response(_page(contact_id, note_id, problem.fields), problem.status)
    return _back(contact_id)


@blueprint.post("/people/<uuid:contact_id>/notes/<uuid:note_id>/delete")
@guards.member("people.write")
def remove(contact_id: UUID, note_id: UUID) -> Response:
    """Delete one: one's own, or as an owner anybody's."""
    actor = current_actor()
    note = queries.get_note(actor.workspace_id, contact_id, note_id)
    if not _may_delete(note.user_id):
        raise Forbidden("Somebody else wrote this note. An owner can delete it.")
    posted(Nothing())
    service.remove(actor.workspace_id, contact_id, note_id)
    return _back(contact_id)


def _may_delete(author: UUID) -> bool:
    actor = current_actor()
    return author == actor.id or actor.may("settings.write")


def _back(contact_id: UUID) -> Response:
    return redirect(url_for("people.show", contact_id=contact_id, _anchor="timeline"), 303)


def _page(contact_id: UUID, note_id: UUID | None, errors: Mapping[str, str]) -> str:
    actor = current_actor()
    note = queries.get_note(actor.workspace_id, contact_id, note_id) if note_id else None
    written = note.body if note else ""
    return render_template(
        "notes/note.html",
        title=contacts.title_of(actor.workspace_id, contact_id),
        contact_id=contact_id,
        note=note,
        author=timeline.author(note.user_id) if note else "",
        is_own=note is None or note.user_id == actor.id,
        may_delete=note is not None and _may_delete(note.user_id),
        body=request.form.get("body", "") if errors else written,
        errors=errors,
        most=service.MAX_BODY,
        zone=accounts.brand(actor.workspace_id).time_zone,
    )
