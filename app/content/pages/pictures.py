"""Pictures as letters show them: brought into one by its author, seen by everybody who has a mail with them."""

from __future__ import annotations

from html import escape
from typing import Any
from uuid import UUID

from flask import Response, jsonify, make_response, redirect, request, url_for

from app.content import designs, places, queries
from app.content.models import Picture
from app.content.pages import blueprint
from app.content.pages.taking import taken
from app.content.pictures import LETTER, MIME
from app.kernel.db import transaction
from app.kernel.errors import NotFound
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.problems import wants_json


@blueprint.post("/letters/<uuid:letter_id>/pictures")
@guards.member("campaigns.write", in_slices=True)
def add(letter_id: UUID) -> Response:
    """Keep a picture; scripts get the MJML that shows it, people the editor with it."""
    with transaction():
        queries.get_letter(current_actor().workspace_id, letter_id)
    picture = taken()
    if wants_json():
        return make_response(jsonify(mjml=mjml_of(picture), **told(picture)), 201)
    back = url_for(
        "content.edit", letter_id=letter_id, picture=picture.key, back=request.form.get("back") or None
    )
    return make_response(redirect(back, 303))


def shown_width(picture: Picture) -> int:
    """Pixels that it takes in a letter."""
    return picture.shown_width or min(picture.width, LETTER)


def mjml_of(picture: Picture) -> str:
    """How a picture is shown in a letter, with the alt text that is known of it."""
    url = places.picture(picture.key, picture.kind)
    return f'<mj-image src="{url}" alt="{escape(picture.alt)}" width="{shown_width(picture)}px" />'


def told(picture: Picture) -> dict[str, Any]:
    """What scripts get: key, url, name, alt, width and height of its pixels, and the width that it takes in a letter."""
    return {
        "key": picture.key,
        "url": places.picture(picture.key, picture.kind),
        "name": picture.name,
        "alt": picture.alt,
        "width": picture.width,
        "height": picture.height,
        "shown_width": shown_width(picture),
    }


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
