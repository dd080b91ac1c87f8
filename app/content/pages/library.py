"""The library: all pictures of a workspace, found, described, cut, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from flask import Response, jsonify, make_response, redirect, render_template, request, url_for
from marshmallow import fields

from app.accounts import queries as accounts
from app.content import pictures, queries
from app.content.models import Picture
from app.content.pages import blueprint
from app.content.pages.pictures import mjml_of, shown_width, told
from app.content.pages.taking import count_given, taken, taken_each
from app.content.service import pictures as service
from app.content.uses import Uses, uses_of
from app.kernel.db import transaction
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import Input, Line, posted
from app.kernel.http.problems import wants_json

RATIOS: Final = {"": None, "16:9": (16, 9), "4:3": (4, 3), "1:1": (1, 1)}
SIZES: Final = {"full": pictures.LETTER, "half": pictures.LETTER // 2}
FOCUSES: Final = {
    f"{across} {down}": (across, down) for down in (0, 50, 100) for across in (0, 50, 100)
}
_ACROSS: Final = {0: "left", 50: "", 100: "right"}
_DOWN: Final = {0: "Top", 50: "Middle", 100: "Bottom"}
LONGEST_USES: Final = 50


class Described(Input):
    """What a picture is called, and says to those who do not see it."""

    name = Line(longest=service.MAX_NAME, message="Write a name.")
    alt = Line(longest=service.MAX_ALT, empty=True)


class Wanted(Input):
    """What to make of a picture."""

    ratio = Line(longest=8, empty=True)
    focus = Line(longest=8, empty=True)
    size = Line(longest=8, message="Choose a width.")
    width = fields.String(load_default="")


@blueprint.get("/pictures")
@guards.member("campaigns.read")
def library() -> Response:
    """All pictures, newest first; scripts get ``{"pictures": [...], "next": cursor or null}``."""
    page = queries.list_pictures(
        current_actor().workspace_id, request.args.get("q", ""), request.args.get("page", "")
    )
    if wants_json():
        return jsonify(pictures=[told(one) for one in page.rows], next=page.next_cursor)
    return make_response(_library({}, page=page))


@blueprint.post("/pictures")
@guards.member("campaigns.write", in_slices=True)
def upload() -> Response:
    """Keep a picture, given or fetched; scripts get what ``library`` tells of it, people its page.

    People may give several at once: each that can be kept is, and the page says what is wrong with the others.
    """
    try:
        if count_given() > 1 and not wants_json():
            return _several()
        picture = taken(request.form.get("alt", ""))
    except BadInput as fault:
        if wants_json():
            raise
        with transaction():
            return make_response(_library(fault.fields), fault.status)
    if wants_json():
        return make_response(jsonify(told(picture)), 201)
    return _to(picture)


def _several() -> Response:
    count, faults = taken_each()
    if not faults:
        return make_response(redirect(url_for("content.library"), 303))
    with transaction():
        kept = f"{count} of {count + len(faults)} were added. " if count else ""
        return make_response(_library({"picture": kept + " ".join(faults)}), BadInput.status)


@blueprint.get("/pictures/<uuid:picture_id>")
@guards.member("campaigns.read")
def show_picture(picture_id: UUID) -> str:
    """One picture: what it says, where it is used, what can be made of it."""
    return _page(queries.get_picture(current_actor().workspace_id, picture_id))


@blueprint.post("/pictures/<uuid:picture_id>")
@guards.member("campaigns.write")
def describe(picture_id: UUID) -> Response:
    """Give it a name and an alt text."""
    workspace_id = current_actor().workspace_id
    picture = queries.get_picture(workspace_id, picture_id)
    try:
        values = posted(Described())
        service.describe_picture(workspace_id, picture_id, values["name"], values["alt"])
    except BadInput as fault:
        return make_response(_page(picture, errors=fault.fields, given=request.form), fault.status)
    return _to(picture)


@blueprint.post("/pictures/<uuid:picture_id>/cut")
@guards.member("campaigns.write", in_slices=True)
def cut(picture_id: UUID) -> Response:
    """Make another picture of it; the old one stays, as letters show it."""
    actor = current_actor()
    with transaction():
        picture = queries.get_picture(actor.workspace_id, picture_id)
        data = picture.data
    try:
        wide, wanted = _wanted(picture)
        changes = wanted.changes(picture.width, picture.height)
        prepared = pictures.prepare(data, wanted) if changes else None
    except BadInput as fault:
        # What is wrong with the picture itself belongs to no field of this form.
        errors = {"" if name == "picture" else name: message for name, message in fault.fields.items()}
        with transaction():
            return make_response(_page(picture, errors=errors, given=request.form), fault.status)
    with transaction():
        return _to(service.cut_picture(actor.workspace_id, picture_id, prepared, wide, by=actor.id))


@blueprint.post("/pictures/<uuid:picture_id>/delete")
@guards.member("campaigns.write")
def delete(picture_id: UUID) -> Response:
    """Delete it where no letter shows it."""
    workspace_id = current_actor().workspace_id
    picture = queries.get_picture(workspace_id, picture_id)
    try:
        service.delete_picture(workspace_id, picture_id)
    except Conflict as fault:
        return make_response(_page(picture, notice=fault.detail), fault.status)
    return make_response(redirect(url_for("content.library"), 303))


def _wanted(picture: Picture) -> tuple[int, pictures.Cut]:
    """The width in a letter, and what to make of the picture for it.

    Raises:
        BadInput: something else than what the page offers was posted.
    """
    values = posted(Wanted())
    if values["ratio"] not in RATIOS:
        raise BadInput(fields={"ratio": "Choose one of the shapes."})
    focus = values["focus"] or "50 50"
    if focus not in FOCUSES:
        raise BadInput(fields={"focus": "Choose one of the nine places."})
    wide = _width(values["size"], values["width"])
    return wide, service.cut_of(picture, wide, RATIOS[values["ratio"]], FOCUSES[focus])


def _width(size: str, own: str) -> int:
    if size in SIZES:
        return SIZES[size]
    if size != "own":
        raise BadInput(fields={"size": "Choose a width."})
    return int(own) if own.isascii() and own.isdigit() and len(own) < 6 else 0


def _library(errors: Mapping[str, str], page: Any = None) -> str:
    actor = current_actor()
    looked_for = request.args.get("q", "")[: queries.MAX_QUERY].strip()
    page = page or queries.list_pictures(actor.workspace_id)
    uses = uses_of(actor.workspace_id, [one.key for one in page.rows])
    octets = queries.octets_of(page.rows)
    return render_template(
        "content/pictures.html",
        rows=[_row(one, uses[one.key], octets[one.id]) for one in page.rows],
        any=bool(page.rows) or bool(looked_for) or bool(page.previous_cursor),
        looked_for=looked_for,
        newer_url=_turn(page.previous_cursor, looked_for),
        older_url=_turn(page.next_cursor, looked_for),
        errors=errors,
        given={name: request.form.get(name, "") for name in ("url", "alt")},
        max_alt=service.MAX_ALT,
        may_write=actor.may("campaigns.write"),
    )


def _page(
    picture: Picture,
    *,
    errors: Mapping[str, str] | None = None,
    given: Mapping[str, str] | None = None,
    notice: str = "",
) -> str:
    actor = current_actor()
    uses = uses_of(actor.workspace_id, [picture.key], LONGEST_USES)[picture.key]
    row = _row(picture, uses, queries.octets_of([picture])[picture.id])
    typed = given or {}
    return render_template(
        "content/picture.html",
        picture=row,
        name=typed.get("name", picture.name),
        alt=typed.get("alt", picture.alt),
        mjml=mjml_of(picture),
        moves=picture.kind == "gif",
        ratios=[(value, value or "As it is") for value in RATIOS],
        focuses=[(value, _focus_word(*place)) for value, place in FOCUSES.items()],
        chosen={
            "ratio": typed.get("ratio", ""),
            "focus": typed.get("focus", "50 50"),
            "size": typed.get("size", "full"),
            "width": typed.get("width", ""),
        },
        letter=pictures.LETTER,
        narrowest=service.NARROWEST,
        errors=errors or {},
        notice=notice,
        max_name=service.MAX_NAME,
        max_alt=service.MAX_ALT,
        may_write=actor.may("campaigns.write"),
        zone=accounts.brand(actor.workspace_id).time_zone,
    )


def _focus_word(across: int, down: int) -> str:
    """As “Top left”, “Top”, “Middle right”."""
    return f"{_DOWN[down]} {_ACROSS[across]}".strip()


def _row(picture: Picture, uses: Uses, octets: int) -> dict[str, Any]:
    return {
        "id": picture.id,
        "url": url_for("content.show_picture", picture_id=picture.id),
        "src": url_for("content.picture", key=picture.key, kind=picture.kind),
        "name": picture.name,
        "alt": picture.alt,
        "kind": picture.kind.upper(),
        "width": picture.width,
        "height": picture.height,
        "shown_width": shown_width(picture),
        "weight": f"{max(octets // 1000, 1):,} KB",
        "at": picture.created_at,
        "uses": uses,
    }


def _turn(cursor: str | None, looked_for: str) -> str | None:
    return url_for("content.library", q=looked_for or None, page=cursor) if cursor else None


def _to(picture: Picture) -> Response:
    return make_response(redirect(url_for("content.show_picture", picture_id=picture.id), 303))
