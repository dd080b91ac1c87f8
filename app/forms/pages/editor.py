"""The forms of a workspace, for its staff."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from flask import Response, make_response, redirect, render_template, request, url_for
from marshmallow import fields, validate

from app.accounts import queries as accounts
from app.consent import queries as consent
from app.forms import queries, service, wording
from app.forms.pages import blueprint, building, posting, public
from app.forms.pages.sheets import look_url, sheet_of
from app.forms.rules import MAX_NAME
from app.kernel import i18n
from app.kernel.charts import sparkline
from app.kernel.errors import BadInput
from app.kernel.http import guards, headers
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import Input, Line, posted


class NewForm(Input):
    """The one thing a form needs to begin."""

    name = Line(longest=MAX_NAME, message="Write a name.")


class State(Input):
    """Open or closed."""

    live = fields.String(required=True, validate=validate.OneOf(["0", "1"]))


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
    """One form in one of its languages: what it says and asks, beside how that looks."""
    form = queries.get_form(current_actor().workspace_id, form_id)
    return building.page(form, request.args.get("lang", form.language), {})


@blueprint.post("/forms/<uuid:form_id>")
@guards.member("forms.write")
def save(form_id: UUID) -> Response:
    """Publish the words as a new version where they differ."""
    actor = current_actor()
    form = queries.get_form(actor.workspace_id, form_id)
    language = request.form.get("language", form.language)
    given = posting.posted_form()
    try:
        posting.save(form, given, by=actor.id)
    except BadInput as fault:
        # All that can be faulty is looked at before the first change, so nothing of a faulty post is kept.
        return make_response(building.page(form, language, fault.fields, given), fault.status)
    return make_response(redirect(url_for("forms.edit", form_id=form_id, lang=language, saved=1), 303))


@blueprint.post("/forms/<uuid:form_id>/preview")
@guards.member("forms.write")
def preview(form_id: UUID) -> Response:
    """The page as readers would see it if what was posted were saved; nothing is."""
    form = queries.get_form(current_actor().workspace_id, form_id)
    try:
        values = posting.read(form, posting.posted_form())
    except BadInput as fault:
        headers.allow_frames("'self'")
        return make_response(render_template("forms/preview_faults.html", faults=fault.fields), fault.status)
    language = values["language"]
    i18n.use(language)
    online = {row.language: row for row in queries.list_versions(form)}
    version = posting.draft_version(form, values)
    sheet = sheet_of(form, version, tuple(dict.fromkeys([*online, language])), values["words"])
    return public.page_of(sheet, {}, {}, look_url=look_url(values["style"]), puzzle="")


@blueprint.post("/forms/<uuid:form_id>/state")
@guards.member("forms.write")
def change_state(form_id: UUID) -> Response:
    """Open or close a form."""
    workspace_id = current_actor().workspace_id
    act = service.reopen if posted(State())["live"] == "1" else service.close
    act(workspace_id, form_id)
    return make_response(redirect(url_for("forms.edit", form_id=form_id), 303))


@blueprint.get("/forms/<uuid:form_id>/embed")
@guards.member("forms.read")
def embed(form_id: UUID) -> str:
    """Five ways to bring the form to people, each to copy."""
    form = queries.get_form(current_actor().workspace_id, form_id)
    return building.embed_page(form, request.args.get("lang", form.language))


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
