"""The editor of a letter. Without scripts each act is a form post and a reload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from flask import Response, jsonify, make_response, render_template, request
from marshmallow import fields, validate

from app.accounts import queries as accounts
from app.contacts import queries as contacts
from app.content import queries
from app.content.differences import around, compare
from app.content.filters import FILTERS
from app.content.letters import Draft, Prepared, Rendered, Version, write
from app.content.pages import blocks, blueprint, looks, people
from app.content.pages.looks import Look
from app.content.pages.pictures import mjml_of
from app.content.service import draft_of, freeze_version, list_languages, restore_version
from app.content.service.drafts import MAX_LINE, MAX_SOURCE, keep_draft
from app.content.service.versions import NotReady
from app.kernel.db import transaction
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import Input, Line, posted
from app.kernel.http.problems import wants_json
from app.kernel.i18n import minute

_FIELDS: Final = ("subject", "preheader", "source", "own_text", "revision")


class Edited(Input):
    """What the editor posts; ``reader`` and ``back`` say where to go on."""

    subject = Line(longest=MAX_LINE, empty=True)
    preheader = Line(longest=MAX_LINE, empty=True)
    source = fields.String(required=True, validate=validate.Length(max=MAX_SOURCE))
    own_text = fields.String(load_default="", validate=validate.Length(max=MAX_SOURCE))
    revision = fields.Integer(required=True)
    reader = Line(longest=40, empty=True)
    back = Line(longest=120, empty=True)


class Wanted(Input):
    """The beginning of an address."""

    q = Line(longest=254, message="Write the beginning of an address.")
    back = Line(longest=120, empty=True)


class Chosen(Input):
    """One of the versions."""

    number = fields.Integer(required=True)
    back = Line(longest=120, empty=True)


class Kept(Input):
    """Where to go on."""

    back = Line(longest=120, empty=True)


@blueprint.get("/letters/<uuid:letter_id>")
@guards.member("campaigns.read", in_slices=True)
def edit(letter_id: UUID) -> str:
    """The draft, its problems and its preview."""
    with transaction():
        letter, draft, reader = looks.read(letter_id, request.args.get("as", ""))
    look = looks.look_at(letter, draft, reader)
    with transaction():
        return page_of(look)


@blueprint.post("/letters/<uuid:letter_id>")
@guards.member("campaigns.write", in_slices=True)
def save(letter_id: UUID) -> Response:
    """Keep the draft, whatever is wrong with it; scripts get the problems, people the page."""
    actor = current_actor()
    try:
        values = posted(Edited())
        with transaction():
            keep_draft(
                actor.workspace_id,
                letter_id,
                values["subject"],
                values["preheader"],
                values["source"],
                own_text=values["own_text"],
                revision=values["revision"],
                by=actor.id,
            )
            letter, draft, reader = looks.read(letter_id, values["reader"])
    except (BadInput, Conflict) as fault:
        if wants_json():
            raise
        return _again(letter_id, fault)
    if not wants_json():
        return looks.to(letter_id, values["back"], values["reader"])
    look = looks.look_at(letter, draft, reader)
    with transaction():
        zone = accounts.brand(actor.workspace_id).time_zone
    return jsonify(
        saved=minute(letter.updated_at, zone),
        revision=letter.revision,
        problems=[looks.told(problem) for problem in look.written.problems],
        **looks.shown(look),
    )


@blueprint.post("/letters/<uuid:letter_id>/reader")
@guards.member("people.read")
def find_reader(letter_id: UUID) -> Response:
    """People whose address begins like this; it is posted, so that no address stands in a log."""
    workspace_id = current_actor().workspace_id
    letter = queries.get_letter(workspace_id, letter_id)
    values = posted(Wanted())
    languages = list_languages(letter)
    found = [
        {
            "key": str(contact.id),
            "label": people.label_of(contact, address, people.other_for(letter, contact.language, languages)),
            "address": address,
        }
        for contact, address in contacts.list_by_beginning(workspace_id, values["q"])
    ]
    if wants_json():
        return jsonify(people=found)
    if len(found) == 1:
        return looks.to(letter_id, values["back"], found[0]["key"])
    draft = draft_of(letter, with_all_snippets=True)
    look = looks.look_at(letter, draft, people.shown("", draft))
    return make_response(page_of(look, found=found, looked_for=values["q"]))


@blueprint.post("/letters/<uuid:letter_id>/versions")
@guards.member("campaigns.write")
def keep_version(letter_id: UUID) -> Response:
    """Keep the draft as a version, or say why it cannot be one yet."""
    actor = current_actor()
    values = posted(Kept())
    try:
        freeze_version(actor.workspace_id, letter_id, actor.id)
    except NotReady as fault:
        letter, draft, reader = looks.read(letter_id, "")
        return make_response(page_of(looks.look_at(letter, draft, reader), notice=fault.detail), fault.status)
    return looks.to(letter_id, values["back"])


@blueprint.post("/letters/<uuid:letter_id>/restore")
@guards.member("campaigns.write")
def restore(letter_id: UUID) -> Response:
    """Make the draft what a version was made of, after keeping the draft where it can be kept."""
    actor = current_actor()
    values = posted(Chosen())
    looks.keep_version_if_ready(actor.workspace_id, letter_id, actor.id)
    restore_version(actor.workspace_id, letter_id, values["number"], by=actor.id)
    return looks.to(letter_id, values["back"])


@blueprint.get("/letters/<uuid:letter_id>/versions/<int:number>")
@guards.member("campaigns.read", in_slices=True)
def difference(letter_id: UUID, number: int) -> str:
    """What readers would see otherwise since a version."""
    with transaction():
        letter, draft, reader = looks.read(letter_id, "")
        version = queries.get_version_by_number(letter, number)
        zone = accounts.brand(letter.workspace_id).time_zone
    now = write(draft)
    before, after = _as_read(version, reader.values), _as_read(now, reader.values)
    parts = [
        ("Subject", compare(before.subject, after.subject)),
        ("Preview line", compare(before.preheader, after.preheader)),
        ("The letter’s words", compare(before.text, after.text)),
    ]
    if letter.blocks is None:
        parts.append(("MJML", compare(version.source, letter.source)))
    back = request.args.get("back", "")
    return render_template(
        "content/difference.html",
        letter=letter,
        version=version,
        zone=zone,
        parts=[(what, around(lines)) for what, lines in parts],
        back=looks.url(letter_id, back),
        back_field=looks.back_to(back),
        may_write=current_actor().may("campaigns.write"),
    )


def _as_read(version: Version, values: Mapping[str, Any]) -> Rendered:
    """As the made-up reader reads it; with its merge tags where those do not work."""
    try:
        return Prepared(version).merge(values)
    except BadInput:
        return Rendered(version.subject, version.preheader, version.html, version.text)


def page_of(look: Look, *, given: Mapping[str, str] | None = None, **more: Any) -> str:
    """The editor that fits the letter; ``more`` is for ``looks.shared``."""
    if look.letter.blocks is not None:
        return blocks.page(look, **more)
    letter = look.letter
    return render_template(
        "content/editor.html",
        draft=given or {name: getattr(letter, name) for name in _FIELDS},
        problems=look.written.problems,
        told=[looks.told(problem) for problem in look.written.problems],
        picture=_picture(letter.workspace_id),
        words=_words(look.draft),
        **looks.shared(look, **more),
    )


def _picture(workspace_id: UUID) -> str:
    """The MJML of a picture that was just brought without scripts."""
    found = queries.find_picture(workspace_id, request.args.get("picture", ""))
    return mjml_of(found) if found else ""


def _words(draft: Draft) -> dict[str, Any]:
    """What the code editor offers to complete."""
    return {
        "variables": [
            {"label": one.name, "info": one.says, "detail": one.kind.value, "loop": one.loop} for one in draft.offered
        ],
        "filters": [{"label": name, "info": one.says} for name, one in FILTERS.items()],
    }


def _again(letter_id: UUID, fault: BadInput | Conflict) -> Response:
    """The page once more with what was posted, so that no word is lost."""
    with transaction():
        letter, draft, reader = looks.read(letter_id, "")
    look = looks.look_at(letter, draft, reader)
    given = {name: request.form.get(name, "") for name in _FIELDS}
    with transaction():
        page = page_of(look, notice=fault.detail or fault.title, errors=fault.fields, given=given)
    return make_response(page, fault.status)
