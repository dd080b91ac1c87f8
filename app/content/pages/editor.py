"""The editor of a letter. Without scripts each act is a form post and a reload."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Response, jsonify, make_response, redirect, render_template, request, url_for
from marshmallow import fields, validate

from app.accounts import queries as accounts
from app.contacts import queries as contacts
from app.content import queries
from app.content.filters import FILTERS
from app.content.letters import Draft, Prepared, Problem, Rendered, Written, declared, write
from app.content.lint import GMAIL_CLIPS_OCTETS
from app.content.models import Letter, LetterVersion
from app.content.pages import blueprint, people
from app.content.pages.pictures import mjml_of
from app.content.service import draft_of, freeze_version, restore_version
from app.content.service.drafts import MAX_LINE, MAX_SOURCE, keep_draft
from app.content.service.versions import NotReady
from app.kernel.db import transaction
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import Input, Line, posted
from app.kernel.http.problems import wants_json
from app.kernel.i18n import minute

THEMES = ("", "light", "dark")
_BACK = re.compile(r"/[a-z]{2,20}/[0-9a-f-]{36}(?:/[a-z]{2,20})?")
_SHOWN_PICTURE = re.compile(r"<img\b", re.IGNORECASE)
_KEPT = ("as", "theme", "part", "pictures", "back")


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


@dataclass(frozen=True, slots=True)
class Look:
    """A draft with all that its page shows."""

    letter: Letter
    draft: Draft
    reader: people.Shown
    written: Written
    rendered: Rendered | None


@blueprint.get("/letters/<uuid:letter_id>")
@guards.member("campaigns.read", in_slices=True)
def edit(letter_id: UUID) -> str:
    """The draft, its problems and its preview."""
    with transaction():
        letter, draft, reader = _read(letter_id, request.args.get("as", ""))
    look = _look(letter, draft, reader)
    with transaction():
        return _page(look)


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
            letter, draft, reader = _read(letter_id, values["reader"])
    except (BadInput, Conflict) as fault:
        if wants_json():
            raise
        return _again(letter_id, fault)
    if not wants_json():
        return _to(letter_id, values["back"], values["reader"])
    look = _look(letter, draft, reader)
    with transaction():
        zone = accounts.brand(actor.workspace_id).time_zone
    return jsonify(
        saved=minute(letter.updated_at, zone),
        revision=letter.revision,
        problems=[_told(problem) for problem in look.written.problems],
        **_shown(look),
    )


@blueprint.post("/letters/<uuid:letter_id>/reader")
@guards.member("people.read")
def find_reader(letter_id: UUID) -> Response:
    """People whose address begins like this; it is posted, so that no address stands in a log."""
    workspace_id = current_actor().workspace_id
    letter = queries.get_letter(workspace_id, letter_id)
    values = posted(Wanted())
    found = [
        {"key": str(contact.id), "label": f"As {contact.name or address}", "address": address}
        for contact, address in contacts.list_by_beginning(workspace_id, values["q"])
    ]
    if wants_json():
        return jsonify(people=found)
    if len(found) == 1:
        return _to(letter_id, values["back"], found[0]["key"])
    draft = draft_of(letter)
    look = _look(letter, draft, people.shown("", draft.language))
    return make_response(_page(look, found=found, looked_for=values["q"]))


@blueprint.post("/letters/<uuid:letter_id>/versions")
@guards.member("campaigns.write")
def keep_version(letter_id: UUID) -> Response:
    """Keep the draft as a version, or say why it cannot be one yet."""
    actor = current_actor()
    values = posted(Kept())
    try:
        freeze_version(actor.workspace_id, letter_id, actor.id)
    except NotReady as fault:
        letter, draft, reader = _read(letter_id, "")
        return make_response(_page(_look(letter, draft, reader), notice=fault.detail), fault.status)
    return _to(letter_id, values["back"])


@blueprint.post("/letters/<uuid:letter_id>/restore")
@guards.member("campaigns.write")
def restore(letter_id: UUID) -> Response:
    """Make the draft what a version was made of, after keeping the draft where it can be kept."""
    actor = current_actor()
    values = posted(Chosen())
    with suppress(NotReady):  # what could not be sent cannot be kept
        freeze_version(actor.workspace_id, letter_id, actor.id)
    restore_version(actor.workspace_id, letter_id, values["number"], by=actor.id)
    return _to(letter_id, values["back"])


def _read(letter_id: UUID, key: str) -> tuple[Letter, Draft, people.Shown]:
    letter = queries.get_letter(current_actor().workspace_id, letter_id)
    draft = draft_of(letter)
    return letter, draft, people.shown(key, draft.language)


def _look(letter: Letter, draft: Draft, reader: people.Shown) -> Look:
    written = write(draft)
    try:
        rendered = Prepared(written).merge(reader.values) if written.html else None
    except BadInput:
        rendered = None
    return Look(letter, draft, reader, written, rendered)


def _shown(look: Look) -> dict[str, Any]:
    rendered = look.rendered
    return {
        "shows": rendered is not None,
        "subject": rendered.subject if rendered else "",
        "preheader": rendered.preheader if rendered else "",
        "weight": _weight(look),
    }


def _weight(look: Look) -> str:
    """How heavy it is, in words: "38 KB of 102 KB · 4 links · 3 pictures"."""
    if look.rendered is None:
        return ""
    octets = len(look.rendered.html.encode())
    links, pictures = len(look.written.links), len(_SHOWN_PICTURE.findall(look.rendered.html))
    parts = [f"{max(octets // 1024, 1)} KB of {GMAIL_CLIPS_OCTETS // 1024} KB"]
    parts.append("1 link" if links == 1 else f"{links} links")
    parts.append("1 picture" if pictures == 1 else f"{pictures} pictures")
    return " · ".join(parts)


def _told(problem: Problem) -> dict[str, Any]:
    return {
        "place": problem.place,
        "line": problem.line,
        "column": problem.column,
        "severity": problem.severity,
        "message": problem.message,
    }


def _page(
    look: Look,
    *,
    found: Sequence[Mapping[str, str]] = (),
    looked_for: str = "",
    notice: str = "",
    errors: Mapping[str, str] | None = None,
    given: Mapping[str, str] | None = None,
) -> str:
    letter = look.letter
    brand = accounts.brand(letter.workspace_id)
    chosen = {name: request.values.get(name, "") for name in _KEPT}
    key = look.reader.key
    back = _back(chosen["back"])
    frame: dict[str, Any] = {name: chosen[name] for name in ("theme", "part", "pictures") if chosen[name]}
    names = {member.user_id: member.name for member in accounts.list_members(letter.workspace_id)}
    return render_template(
        "content/editor.html",
        letter=letter,
        draft=given
        or {name: getattr(letter, name) for name in ("subject", "preheader", "source", "own_text")},
        saved_at=letter.updated_at,
        zone=brand.time_zone,
        problems=look.written.problems,
        told=[_told(problem) for problem in look.written.problems],
        errors=errors or {},
        notice=notice,
        reader=look.reader,
        readers=_readers(look.reader),
        found=[one | {"url": _url(letter.id, back, one["key"])} for one in map(dict, found)],
        looked_for=looked_for,
        picture=_picture(letter.workspace_id),
        chosen=chosen | {"back": back},
        frame_url=url_for("content.preview", letter_id=letter.id, **(frame | {"as": key})),
        versions=[_version_row(one, names, frame) for one in queries.list_versions(letter)],
        may_write=current_actor().may("campaigns.write"),
        may_search=current_actor().may("people.read"),
        words=_words(look.draft),
        **_shown(look),
    )


def _picture(workspace_id: UUID) -> str:
    """The MJML of a picture that was just brought without scripts."""
    found = queries.find_picture(workspace_id, request.args.get("picture", ""))
    return mjml_of(found) if found else ""


def _readers(reader: people.Shown) -> list[tuple[str, str]]:
    plain = [(people.SAMPLE, "As a made-up reader"), (people.NOBODY, "With no name")]
    return plain if reader.key in {key for key, _ in plain} else [(reader.key, reader.label), *plain]


def _version_row(
    version: LetterVersion, names: Mapping[UUID, str], frame: Mapping[str, Any]
) -> dict[str, Any]:
    who = names.get(version.created_by) if version.created_by else None
    return {
        "number": version.number,
        "at": version.created_at,
        "who": who or "",
        "subject": version.subject,
        "url": url_for("content.preview", letter_id=version.letter_id, version=version.number, **frame),
    }


def _words(draft: Draft) -> dict[str, Any]:
    """What the code editor offers to complete."""
    return {
        "variables": [
            {"label": one.name, "info": one.says, "detail": one.kind.value} for one in declared(draft.fields)
        ],
        "filters": [{"label": name, "info": one.says} for name, one in FILTERS.items()],
    }


def _again(letter_id: UUID, fault: BadInput | Conflict) -> Response:
    """The page once more with what was posted, so that no word is lost."""
    with transaction():
        letter, draft, reader = _read(letter_id, "")
    look = _look(letter, draft, reader)
    given = {name: request.form.get(name, "") for name in ("subject", "preheader", "source", "own_text")}
    with transaction():
        page = _page(look, notice=fault.detail or fault.title, errors=fault.fields, given=given)
    return make_response(page, fault.status)


def _back(path: str) -> str:
    return path if _BACK.fullmatch(path) else ""


def _url(letter_id: UUID, back: str, key: str = "") -> str:
    more: dict[str, Any] = {name: value for name, value in (("as", key), ("back", _back(back))) if value}
    return url_for("content.edit", letter_id=letter_id, **more)


def _to(letter_id: UUID, back: str, key: str = "") -> Response:
    return make_response(redirect(_url(letter_id, back, key), 303))
