"""Putting a file with a person, fetching it, deleting it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from uuid import UUID

from flask import Blueprint, make_response, redirect, render_template, request, send_file, url_for
from werkzeug.wrappers import Response

from app.contacts import queries as contacts
from app.files import queries, service
from app.kernel.errors import BadInput
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.uploads import take_files

blueprint = Blueprint("files", __name__, template_folder="templates")
ROOM = 64 * 1024
"""For the rest of a form that holds a file."""


@blueprint.before_request
def _take_file() -> None:
    if request.endpoint == "files.add":
        take_files(service.MAX_OCTETS + ROOM)


@blueprint.post("/people/<uuid:contact_id>/files")
@guards.member("people.write")
def add(contact_id: UUID) -> Response:
    """Put one there."""
    actor = current_actor()
    contacts.get_living(actor.workspace_id, contact_id)
    given = request.files.get("file")
    name = (given.filename if given else None) or ""
    content = given.stream.read(service.MAX_OCTETS + 1) if given and name else b""
    try:
        service.add(actor.workspace_id, contact_id, name, content, by=actor.id)
    except BadInput as problem:
        return make_response(_page(contact_id, problem.fields), problem.status)
    return _back(contact_id)


@blueprint.get("/people/<uuid:contact_id>/files/<uuid:file_id>")
@guards.member("people.read")
def fetch(contact_id: UUID, file_id: UUID) -> Response:
    """The file, to be kept and never to be shown: what is in it was made by a stranger."""
    actor = current_actor()
    file = queries.get_file(actor.workspace_id, contact_id, file_id, whole=True)
    answer = send_file(
        io.BytesIO(file.content), "application/octet-stream", as_attachment=True, download_name=file.name
    )
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return answer


@blueprint.post("/people/<uuid:contact_id>/files/<uuid:file_id>/delete")
@guards.member("people.write")
def remove(contact_id: UUID, file_id: UUID) -> Response:
    """Delete one."""
    service.remove(current_actor().workspace_id, contact_id, file_id)
    return _back(contact_id)


def _back(contact_id: UUID) -> Response:
    return redirect(url_for("people.show", contact_id=contact_id, _anchor="files"), 303)


def _page(contact_id: UUID, errors: Mapping[str, str]) -> str:
    title = contacts.title_of(current_actor().workspace_id, contact_id)
    return render_template(
        "files/new.html", title=title, contact_id=contact_id, errors=errors, most=service.MAX_OCTETS >> 20
    )
