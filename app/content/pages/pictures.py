"""Pictures: brought by those who write, seen by everybody who has a mail with them."""

from __future__ import annotations

from contextlib import closing
from uuid import UUID

from flask import Response, jsonify, make_response, redirect, request, url_for

from app.content import designs, places, queries
from app.content.models import Picture
from app.content.pages import blueprint
from app.content.pictures import MIME, OCTETS
from app.content.service import add_picture
from app.kernel.errors import BadInput, NotFound
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.problems import wants_json


@blueprint.post("/letters/<uuid:letter_id>/pictures")
@guards.member("campaigns.write")
def add(letter_id: UUID) -> Response:
    """Keep a picture; scripts get the MJML that shows it, people the editor with it."""
    actor = current_actor()
    queries.get_letter(actor.workspace_id, letter_id)
    file = request.files.get("picture")
    if file is None:
        raise BadInput(fields={"picture": "Choose a picture."})
    with closing(file):
        # One octet more than allowed is read, so that a file that is too large is told from one that just fits.
        data = file.stream.read(OCTETS + 1)
    picture = add_picture(actor.workspace_id, file.filename or "picture", data, by=actor.id)
    if wants_json():
        return make_response(jsonify(mjml=mjml_of(picture)), 201)
    back = url_for(
        "content.edit", letter_id=letter_id, picture=picture.key, back=request.form.get("back") or None
    )
    return make_response(redirect(back, 303))


def mjml_of(picture: Picture) -> str:
    """How a picture is shown in a letter; its alt text is for the author to write."""
    url = places.picture(picture.key, picture.kind)
    return f'<mj-image src="{url}" alt="" width="{min(picture.width, 600)}px" />'


@blueprint.get("/pictures/<key>.<kind>")
@guards.public
def picture(key: str, kind: str) -> Response:
    """A picture: never anything but that kind, and the same for ever."""
    stored, data = queries.get_public_picture(key)
    if stored != kind:
        raise NotFound("This picture is not here.")
    return _picture(data, MIME[stored])


@blueprint.get("/letters/designs/pictures/<name>")
@guards.public
def design_picture(name: str) -> Response:
    """A picture of our own starter designs."""
    if name not in {path.name for path in designs.picture_file(".").glob("*.png")}:
        raise NotFound
    return _picture(designs.picture_file(name).read_bytes(), MIME["png"])


def _picture(data: bytes, kind: str) -> Response:
    response = make_response(data)
    response.content_type = kind
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
