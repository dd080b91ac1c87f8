"""The forms of a workspace, for its staff."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Response, current_app, make_response, redirect, render_template, request, url_for
from marshmallow import fields, validate

from app.accounts import queries as accounts
from app.consent import queries as consent
from app.contacts import queries as contacts
from app.forms import queries, service, wording
from app.forms.models import Form
from app.forms.pages import blueprint, public
from app.forms.rules import (
    CUSTOM,
    MAX_NAME,
    MAX_TEXT,
    MAX_TITLE,
    MAX_URL,
    Asked,
    Definition,
    Use,
    version_name,
    web_address,
)
from app.kernel import clock, i18n
from app.kernel.charts import sparkline
from app.kernel.errors import BadInput, NotFound
from app.kernel.http import csrf, guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import Input, Line, Lines, Tick, load, posted

OWN_FIELDS = (("first_name", "First name"), ("last_name", "Last name"))
_LISTS = ("field", "required", "interest")


class NewForm(Input):
    """The one thing a form needs to begin."""

    name = Line(longest=MAX_NAME, message="Write a name.")


class State(Input):
    """Open or closed."""

    live = fields.String(required=True, validate=validate.OneOf(["0", "1"]))


class EditedForm(Input):
    """Everything that the editor posts; lists come as lists."""

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
    field = fields.List(fields.String(), load_default=list)
    required = fields.List(fields.String(), load_default=list)
    interest = fields.List(fields.UUID(), load_default=list)


@blueprint.get("/forms")
@guards.member("forms.read")
def index() -> str:
    """All forms with what they brought."""
    return _index({}, {})


@blueprint.get("/forms/new")
@guards.member("forms.write")
def new() -> str:
    """The same page: making a form needs one field only."""
    return _index({}, {})


@blueprint.post("/forms")
@guards.member("forms.write")
def create() -> Response:
    """Make a form that can go online as it is."""
    actor = current_actor()
    try:
        name = posted(NewForm())["name"]
        interests = _interests_to_offer(actor.workspace_id)
    except BadInput as fault:
        return make_response(_index(fault.fields, {"name": request.form.get("name", "")}), fault.status)
    brand = accounts.brand(actor.workspace_id)
    language = brand.language if brand.language in i18n.languages() else i18n.DEFAULT
    words = wording.first_words(brand.short_name, language, interests)
    form = service.create(actor.workspace_id, name, language, {language: words}, by=actor.id)
    return make_response(redirect(url_for("forms.edit", form_id=form.id), 303))


@blueprint.get("/forms/<uuid:form_id>")
@guards.member("forms.read")
def edit(form_id: UUID) -> str:
    """One form in one of its languages: what it says and asks, and how to use it."""
    form = queries.get_form(current_actor().workspace_id, form_id)
    return _editor(form, request.args.get("lang", form.language), {})


@blueprint.post("/forms/<uuid:form_id>")
@guards.member("forms.write")
def save(form_id: UUID) -> Response:
    """Publish the words as a new version where they differ."""
    actor = current_actor()
    form = queries.get_form(actor.workspace_id, form_id)
    language = request.form.get("language", form.language)
    try:
        values = load(EditedForm(), _posted())
        versions = _versions(form, values)
        service.set_origins(actor.workspace_id, form_id, values["origins"].split("\n"))
        service.rename(actor.workspace_id, form_id, values["name"])
        service.publish(actor.workspace_id, form_id, versions, by=actor.id)
    except BadInput as fault:
        # All that can be faulty is looked at before the first change, so nothing of a faulty post is kept.
        return make_response(_editor(form, language, fault.fields, _posted()), fault.status)
    return make_response(redirect(url_for("forms.edit", form_id=form_id, lang=language, saved=1), 303))


@blueprint.post("/forms/<uuid:form_id>/state")
@guards.member("forms.write")
def change_state(form_id: UUID) -> Response:
    """Open or close a form."""
    workspace_id = current_actor().workspace_id
    act = service.reopen if posted(State())["live"] == "1" else service.close
    act(workspace_id, form_id)
    return make_response(redirect(url_for("forms.edit", form_id=form_id), 303))


def _index(faults: Mapping[str, str], values: Mapping[str, str]) -> str:
    workspace_id = current_actor().workspace_id
    names = {found.id: found.name for found in consent.list_interests(workspace_id, include_archived=True)}
    rows = [
        {
            "name": listed.form.name,
            "url": url_for("forms.edit", form_id=listed.form.id),
            "topics": ", ".join(names[found] for found in listed.words.interests if found in names),
            "asked": listed.counts.submits,
            "yes": listed.counts.confirms,
            "rate": f"{100 * listed.counts.confirms / listed.counts.submits:.0f}%"
            if listed.counts.submits
            else "",
            "spark": sparkline(listed.weeks) if listed.counts.submits else "",
            "live": listed.form.archived_at is None,
        }
        for listed in queries.list_forms(workspace_id)
    ]
    return render_template(
        "forms/list.html", forms=rows, new_action=url_for("forms.create"), errors=faults, values=values
    )


def _interests_to_offer(workspace_id: UUID) -> tuple[UUID, ...]:
    found = tuple(interest.id for interest in consent.list_interests(workspace_id))
    if not found:
        raise BadInput(fields={"name": "Make an interest first: a form offers at least one."})
    return found


def _posted() -> dict[str, Any]:
    values: dict[str, Any] = {name: value for name, value in request.form.items() if name != csrf.FIELD}
    return values | {name: request.form.getlist(name) for name in _LISTS}


# --- From the post to versions ----------------------------------------------------------------------------------


def _versions(form: Form, values: Mapping[str, Any]) -> dict[str, Definition]:
    """All languages of the next version: the posted words in theirs; fields and interests are the same in each.

    Raises:
        BadInput: names each field that does not fit.
    """
    edited = _definition(form, values)
    versions = {row.language: row.words for row in queries.list_versions(form)}
    first = wording.first_words(accounts.brand(form.workspace_id).short_name, form.language, edited.interests)
    for language, words in versions.items():
        tracking = words.tracking or (first.tracking if edited.tracking else "")
        versions[language] = replace(
            words,
            asked=edited.asked,
            interests=edited.interests,
            tracking=tracking if edited.tracking else "",
            tracking_hint=(words.tracking_hint or first.tracking_hint) if edited.tracking else "",
        )
    return versions | {values["language"]: edited}


def _definition(form: Form, values: Mapping[str, Any]) -> Definition:
    offered = [found.id for found in consent.list_interests(form.workspace_id)]
    chosen = tuple(found for found in offered if found in set(values["interest"]))
    faults: dict[str, str] = {}
    if not chosen:
        faults["interest"] = "Choose at least one interest."
    if values["tracking_on"] and not values["tracking_text"]:
        faults["tracking_text"] = "Write what people allow with this box."
    try:
        privacy_url = web_address(values["privacy_url"]) if values["privacy_url"] else ""
    except ValueError as error:
        faults["privacy_url"] = str(error)
        privacy_url = ""
    known = {name for name, _label in _known_fields(form)}
    if unknown := (set(values["field"]) | set(values["required"])) - known:
        faults["field"] = f"There is no field named {min(unknown)[:40]}."
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
        privacy_url=privacy_url,
        asked=tuple(
            Asked(name, Use.REQUIRED if name in values["required"] else Use.OPTIONAL)
            for name, _label in _known_fields(form)
            if name in values["field"]
        ),
        interests=chosen,
    )


def _known_fields(form: Form) -> list[tuple[str, str]]:
    custom = contacts.list_fields(form.workspace_id)
    return [*OWN_FIELDS, *((CUSTOM + found.key, found.label) for found in custom)]


# --- From versions to the page ----------------------------------------------------------------------------------


def _editor(
    form: Form, language: str, faults: Mapping[str, str], given: Mapping[str, Any] | None = None
) -> str:
    if language not in i18n.languages():
        raise NotFound("Nod does not speak this language yet.")
    brand = accounts.brand(form.workspace_id)
    versions = {row.language: row for row in queries.list_versions(form)}
    own = versions[form.language].words
    words = versions[language].words if language in versions else _draft(own, brand.short_name, language)
    seen = queries.seen_by_version(form)
    return render_template(
        "forms/edit.html",
        form=_values(form, words, language, given),
        action=url_for("forms.save", form_id=form.id),
        state_action=url_for("forms.change_state", form_id=form.id),
        languages=[_language_link(form, code, code in versions, language) for code in i18n.languages()],
        fields=_field_rows(form, words, given),
        interests=_interest_rows(form, words, given),
        interests_url="/interests",
        version=form.current_version,
        seen=seen.get(form.current_version, 0),
        versions=[
            {
                "version": row.version,
                "text": row.words.consent,
                "from_at": row.created_at,
                "seen": seen.get(row.version, 0),
            }
            for row in queries.list_history(form, language)
        ],
        embed=_embed(form, versions.keys() & {language} or {form.language}),
        preview_url=url_for("forms.hosted", public_id=form.public_id, frame=1, preview=1, lang=language),
        saved_at=clock.now() if request.args.get("saved") else None,
        zone=brand.time_zone,
        errors=faults,
    )


def _draft(own: Definition, brand: str, language: str) -> Definition:
    """Words to begin another language with; what the form asks stays."""
    words = wording.first_words(brand, language, own.interests)
    words = replace(words, asked=own.asked, privacy_url=own.privacy_url)
    return words if own.tracking else replace(words, tracking="", tracking_hint="")


def _language_link(form: Form, code: str, spoken: bool, current: str) -> dict[str, Any]:
    return {
        "code": code,
        "name": i18n.NAMES[code],
        "url": url_for("forms.edit", form_id=form.id, lang=code),
        "spoken": spoken,
        "current": code == current,
    }


def _values(form: Form, words: Definition, language: str, given: Mapping[str, Any] | None) -> dict[str, Any]:
    stored: dict[str, Any] = {
        "name": form.name, "title": words.title, "intro": words.intro, "button": words.button,
        "consent_text": words.consent, "consent_hint": words.consent_hint, "tracking_on": bool(words.tracking),
        "tracking_text": words.tracking, "tracking_hint": words.tracking_hint, "notice": words.notice,
        "privacy_url": words.privacy_url, "origins": "\n".join(form.allowed_origins),
    }  # fmt: skip
    if given is not None:
        stored |= {name: given.get(name, "") for name in stored}
    return stored | {"language": language, "live": form.archived_at is None}


def _field_rows(form: Form, words: Definition, given: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {"name": "email", "label": "Email address", "on": True, "required": True, "fixed": True}
    ]
    for name, label in _known_fields(form):
        on = name in given["field"] if given else words.use_of(name) is not Use.OFF
        required = name in given["required"] if given else words.use_of(name) is Use.REQUIRED
        rows.append({"name": name, "label": label, "on": on, "required": required, "fixed": False})
    return rows


def _interest_rows(form: Form, words: Definition, given: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    chosen = set(given["interest"]) if given else {str(found) for found in words.interests}
    return [
        {"id": str(found.id), "name": found.name, "pace": found.pace, "on": str(found.id) in chosen}
        for found in consent.list_interests(form.workspace_id)
    ]


def _embed(form: Form, languages: set[str]) -> dict[str, str]:
    """The link, and plain HTML that works on any website without script or cookie."""
    language = min(languages)
    version = queries.find_version(form, form.current_version, language)
    url = current_app.config["NOD"].url + url_for("forms.hosted", public_id=form.public_id)
    if version is None:
        return {"link": url, "html": ""}
    before = i18n.current()
    i18n.use(language)
    try:
        sheet = public.sheet_of(form, version, (language,))
        html = render_template(
            "forms/embed.html",
            url=url,
            version=version_name(version.version, language),
            words=sheet.words,
            fields=public.fields_of(sheet, {}, {}),
            interests=sheet.interests,
            privacy_url=sheet.words.privacy_url or accounts.brand(form.workspace_id).privacy_url,
        )
    finally:
        i18n.use(before)
    return {"link": url, "html": html.strip()}
