"""From what the editor posts to the next version of a form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import request
from marshmallow import fields, validate

from app.accounts import queries as accounts
from app.accounts.rules import colour
from app.consent import queries as consent
from app.contacts import queries as contacts
from app.contacts import service as contacts_service
from app.forms import queries, questions, service, wording
from app.forms.models import Form, FormVersion
from app.forms.rules import (
    CUSTOM,
    MAX_NAME,
    MAX_TEXT,
    MAX_TITLE,
    MAX_URL,
    Asked,
    Definition,
    Use,
    web_address,
)
from app.forms.style import CORNERS, FONTS, Policy, Style, Take
from app.kernel import i18n
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import csrf
from app.kernel.http.posted import Input, Line, Lines, Tick, load

OWN_FIELDS = (("first_name", "First name"), ("last_name", "Last name"))
LISTS = ("field", "required", "hide", "interest")
PARTS = ("label", "hint", "value", "place")
"""What is posted for each field by itself, as ``label_first_name``."""
MAX_LABEL = 120


class EditedForm(Input):
    """Everything that the editor posts; lists come as lists, the parts of fields as ``{part: {field: text}}``."""

    name = Line(longest=MAX_NAME, message="Write a name.")
    language = fields.String(required=True, validate=validate.OneOf(i18n.languages()))
    title = Line(longest=MAX_TITLE, message="Write a title.")
    intro = Lines(longest=MAX_TEXT, empty=True)
    button = Line(longest=40, empty=True)
    consent_text = Line(longest=MAX_TEXT, message="Write what people say yes to.")
    consent_hint = Line(longest=MAX_TEXT, empty=True)
    tracking_on = Tick()
    tracking_text = Line(longest=MAX_TEXT, empty=True)
    tracking_hint = Line(longest=MAX_TEXT, empty=True)
    notice = Lines(longest=MAX_TEXT, empty=True)
    privacy_url = Line(longest=MAX_URL, empty=True)
    origins = Lines(longest=4000, empty=True)
    thanks_title = Line(longest=MAX_TITLE, empty=True)
    thanks = Line(longest=MAX_TEXT, empty=True)
    after_url = Line(longest=MAX_URL, empty=True)
    welcome = Lines(longest=MAX_TEXT, empty=True)
    accent_on = Tick()
    accent = Line(longest=7, empty=True)
    font = fields.String(load_default="", validate=validate.OneOf(list(FONTS)))
    corners = fields.String(load_default="", validate=validate.OneOf(list(CORNERS)))
    plain = Tick()
    disposable = fields.String(load_default=Take.FLAG.value, validate=validate.OneOf(list(Take)))
    role = fields.String(load_default=Take.FLAG.value, validate=validate.OneOf(list(Take)))
    field = fields.List(fields.String(), load_default=list)
    required = fields.List(fields.String(), load_default=list)
    hide = fields.List(fields.String(), load_default=list)
    interest = fields.List(fields.UUID(), load_default=list)
    parts = fields.Dict(
        keys=fields.String(),
        values=fields.Dict(keys=fields.String(), values=Line(longest=MAX_LABEL, empty=True)),
        load_default=dict,
    )


def posted_form() -> dict[str, Any]:
    """The post as ``EditedForm`` reads it and the page shows it again."""
    values: dict[str, Any] = {"parts": {part: {} for part in PARTS}}
    for name, value in request.form.items():
        part, _, field = name.partition("_")
        if part in PARTS and field:
            values["parts"][part][field] = value
        elif name != csrf.FIELD:
            values[name] = value
    return values | {name: request.form.getlist(name) for name in LISTS}


def read(form: Form, given: Mapping[str, Any]) -> dict[str, Any]:
    """The checked post with ``words`` (Definition), ``style`` and ``policy`` made from it.

    Raises:
        BadInput: names each field that does not fit.
    """
    values = load(EditedForm(), dict(given))
    return values | {
        "words": _definition(form, values),
        "style": _style(values),
        "policy": Policy(Take(values["disposable"]), Take(values["role"])),
    }


def save(form: Form, given: Mapping[str, Any], *, by: UUID) -> None:
    """Everything that the editor posts; new words become a new version.

    Raises:
        BadInput: names each field that does not fit; nothing was changed then.
    """
    values = read(form, given)
    origins = values["origins"].split("\n")
    service.check_after(form, origins, values["words"].after_url)
    _define_questions(form, values["words"])
    versions = _versions(form, values)
    service.set_origins(form.workspace_id, form.id, origins)
    service.rename(form.workspace_id, form.id, values["name"])
    service.set_look(form.workspace_id, form.id, values["style"], values["policy"])
    service.publish(form.workspace_id, form.id, versions, by=by)


def draft_version(form: Form, values: Mapping[str, Any]) -> FormVersion:
    """A version to look at, which is in no session and never saved."""
    return FormVersion(
        form_id=form.id, version=form.current_version, language=values["language"],
        workspace_id=form.workspace_id, definition=values["words"].to_json(), sha256="",
    )  # fmt: skip


def known_fields(form: Form) -> list[tuple[str, str]]:
    """(name, label) of every field that a form may ask for: ours, the workspace's, and ready questions."""
    custom = contacts.list_fields(form.workspace_id)
    own = [*OWN_FIELDS, *((CUSTOM + found.key, found.label) for found in custom)]
    names = {name for name, _ in own}
    return [*own, *((one.name, one.label) for one in questions.QUESTIONS if one.name not in names)]


def _versions(form: Form, values: Mapping[str, Any]) -> dict[str, Definition]:
    """All languages of the next version: the posted words in theirs; fields and interests are the same in each."""
    edited: Definition = values["words"]
    versions = {row.language: row.words for row in queries.list_versions(form)}
    first = wording.first_words(accounts.brand(form.workspace_id).short_name, form.language, edited.interests)
    for language, words in versions.items():
        tracking = words.tracking or (first.tracking if edited.tracking else "")
        versions[language] = replace(
            words,
            asked=tuple(_in_its_words(item, words) for item in edited.asked),
            interests=edited.interests,
            after_url=edited.after_url,
            tracking=tracking if edited.tracking else "",
            tracking_hint=(words.tracking_hint or first.tracking_hint) if edited.tracking else "",
        )
    return versions | {values["language"]: edited}


def _in_its_words(item: Asked, words: Definition) -> Asked:
    before = words.find(item.name)
    return replace(item, label=before.label if before else "", hint=before.hint if before else "")


def _definition(form: Form, values: Mapping[str, Any]) -> Definition:
    offered = [found.id for found in consent.list_interests(form.workspace_id)]
    chosen = tuple(found for found in offered if found in set(values["interest"]))
    faults: dict[str, str] = {}
    if not chosen:
        faults["interest"] = "Choose at least one interest."
    if values["tracking_on"] and not values["tracking_text"]:
        faults["tracking_text"] = "Write what people allow with this box."
    urls = {name: _address(values, name, faults) for name in ("privacy_url", "after_url")}
    asked = _asked(form, values, faults)
    if values["accent_on"] and not _is_colour(values["accent"]):
        faults["accent"] = "Write a colour like #843a22."
    if faults:
        raise BadInput(fields=faults)
    return Definition(
        title=values["title"],
        intro=values["intro"],
        button=values["button"],
        consent=values["consent_text"],
        consent_hint=values["consent_hint"],
        tracking=values["tracking_text"] if values["tracking_on"] else "",
        tracking_hint=values["tracking_hint"] if values["tracking_on"] else "",
        notice=values["notice"],
        asked=asked,
        interests=chosen,
        thanks_title=values["thanks_title"],
        thanks=values["thanks"],
        welcome=values["welcome"],
        **urls,
    )


def _address(values: Mapping[str, Any], name: str, faults: dict[str, str]) -> str:
    try:
        return web_address(values[name]) if values[name] else ""
    except ValueError as error:
        faults[name] = str(error)
        return ""


def _asked(form: Form, values: Mapping[str, Any], faults: dict[str, str]) -> tuple[Asked, ...]:
    """The chosen fields by their places; those without one keep the order of the list."""
    listed = known_fields(form)
    chosen = set(values["field"])
    if unknown := (chosen | set(values["required"]) | set(values["hide"])) - {name for name, _ in listed}:
        faults["field"] = f"There is no field named {min(unknown)[:40]}."
    parts = values["parts"]

    def part(kind: str, name: str) -> str:
        return str(parts.get(kind, {}).get(name, ""))

    def place(name: str) -> int:
        raw = part("place", name)
        return int(raw) if raw.isascii() and raw.isdigit() else 999

    found = []
    for name in sorted((name for name, _ in listed if name in chosen), key=place):
        use = Use.REQUIRED if name in values["required"] else Use.OPTIONAL
        if name in values["hide"] and name.startswith(CUSTOM):
            found.append(Asked(name, Use.HIDDEN, value=part("value", name)))
        else:
            found.append(Asked(name, use, part("label", name), part("hint", name)))
    return tuple(found)


def _style(values: Mapping[str, Any]) -> Style:
    accent = colour.parse_accent(values["accent"]) if values["accent_on"] else ""
    return Style(accent, values["font"], values["corners"], values["plain"])


def _is_colour(raw: str) -> bool:
    try:
        return bool(colour.parse_accent(raw))
    except ValueError:
        return False


def _define_questions(form: Form, words: Definition) -> None:
    """Make the fields that ready questions need and the workspace has not yet."""
    there = {CUSTOM + found.key for found in contacts.list_fields(form.workspace_id)}
    for item in words.asked:
        ready = questions.find(item.name)
        if ready is None or item.name in there:
            continue
        try:
            contacts_service.define_field(
                form.workspace_id, ready.label, ready.kind.value, key=ready.key, choices=ready.choices
            )
        except Conflict:
            raise BadInput(
                fields={"field": f"A field named {ready.key} was archived: bring it back in the settings."}
            ) from None
