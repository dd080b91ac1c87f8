"""The private page behind a fresh mail: topics, tracking, name, history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, current_app, make_response, redirect, render_template, request, url_for

from app.consent import history
from app.consent import queries as consent
from app.consent.rules import Level, State
from app.consent.service import REQUEST_DAYS
from app.kernel import clock, i18n, tokens
from app.kernel.errors import BadInput, NotFound
from app.kernel.http import guards
from app.kernel.http.posted import load
from app.kernel.i18n import gettext as _
from app.preferences import links, service
from app.preferences.pages import leaving, shown
from app.preferences.pages.shown import blueprint
from app.preferences.queries import Reader
from app.preferences.schemas import Choices

if TYPE_CHECKING:
    from app.consent.models import Interest


@blueprint.get("/my/<token>")
@guards.public
def centre(token: str) -> Response:
    """Everything a person has chosen, and their own history."""
    try:
        person = links.read_private(token, clock.now())
    except tokens.Expired as old:
        return private_expired(links.person_of(old.payload))
    reader = shown.reader(person.workspace_id, person.contact_id)
    return make_response(_centre(reader, token, {}))


@blueprint.post("/my/<token>")
@guards.public
def save(token: str) -> Response:
    """Put the choices into force."""
    try:
        person = links.read_private(token, clock.now())
    except tokens.Expired as old:
        return private_expired(links.person_of(old.payload))
    reader = shown.reader(person.workspace_id, person.contact_id)
    try:
        posted = {name: value for name, value in request.form.items() if name != "topic"}
        values = load(Choices(), {**posted, "topic": request.form.getlist("topic")})
        service.save(reader, _saved(reader, values), shown.proof(token))
    except BadInput as fault:
        faults = {name: _("This does not fit here.") for name in fault.fields}
        return make_response(_centre(reader, token, faults), fault.status)
    return make_response(redirect(url_for("preferences.centre", token=token, saved=1), 303))


@blueprint.post("/my/<token>/stop")
@guards.public
def stop_private(token: str) -> Response:
    """Stop everything, from the private page."""
    try:
        person = links.read_private(token, clock.now())
    except tokens.Expired as old:
        return private_expired(links.person_of(old.payload))
    return leaving.stopped(service.stop(person.workspace_id, person.contact_id, shown.proof(token)))


def _saved(reader: Reader, values: dict[str, Any]) -> service.Saved:
    tracking: Level = values["tracking"]
    return service.Saved(
        ticked=set(values["topic"]),
        tracking=tracking,
        first_name=values["first_name"],
        language=values["language"],
        words=_agreement(reader),
        tracking_words=" ".join(tracking_words(tracking)),
        page_url=current_app.config["NOD"].url + "/my",
    )


def _agreement(reader: Reader) -> str:
    """The words beside the topics; stored letter for letter with each new yes."""
    return _(
        "%(brand)s may email me about the topics ticked here. I can stop with one click in every mail."
    ) % {"brand": reader.brand.short_name}


def tracking_words(level: Level) -> tuple[str, str]:
    """Words and smaller words of each choice, as shown and as stored."""
    return {
        Level.NONE: (_("Nothing"), _("Links go straight to their page, no picture reports back")),
        Level.DATE: (
            _("The day of my last open"),
            _("One day without a time, so that you stop writing when I no longer read. Each open replaces it"),
        ),
        Level.AGGREGATE: (_("Totals only"), _("“38 of 100 people read it”, without knowing who")),
        Level.INDIVIDUAL: (
            _("What I open and click"),
            _("To send me less that does not interest me. Ends for old mails too when you take it back"),
        ),
    }[level]


def private_expired(person: links.Person) -> Response:
    """Offers a fresh mail."""
    reader = shown.reader(person.workspace_id, person.contact_id)
    reach = consent.find_reach(person.workspace_id, person.contact_id)
    if reach is None:
        raise NotFound
    body = render_template(
        "preferences/expired.html",
        **shown.shell(reader),
        kind="private",
        action=url_for("preferences.send_link", token=links.preferences(reach.id)),
        masked=reader.masked,
        ended_at=None,
        days=REQUEST_DAYS,
        form_url=None,
    )
    return make_response(body, 410)


def _centre(reader: Reader, token: str, faults: dict[str, str]) -> str:
    chosen = consent.choices(reader.workspace_id, reader.contact_id)
    reach = consent.find_reach(reader.workspace_id, reader.contact_id)
    is_stopped = reach is not None and reach.objected_at is not None
    ids = {"topic": "topics", "tracking": "tracking", "first_name": "first_name", "language": "language"}
    return render_template(
        "preferences/centre.html",
        **shown.shell(reader),
        first_name=reader.first_name,
        address=reader.address,
        save_action=url_for("preferences.save", token=token),
        stop_action=url_for("preferences.stop_private", token=token),
        topics=[
            _choice(found, chosen.interests.get(found.id), is_stopped)
            for found in consent.list_interests(reader.workspace_id)
        ],
        agreement=_agreement(reader),
        asks_again=True,
        tracking=chosen.tracking.value,
        levels=[(level.value, *tracking_words(level)) for level in Level],
        mail_languages=[(code, i18n.NAMES[code], code) for code in i18n.languages()],
        mail_language=reader.language,
        history=_history(reader),
        receipt_url=url_for("preferences.receipt", token=token),
        saved_at=clock.now() if request.args.get("saved") else None,
        errors=[{"id": ids.get(name), "message": message} for name, message in faults.items()],
    )


def _choice(interest: Interest, state: State | None, is_stopped: bool) -> dict[str, Any]:
    word = "never" if is_stopped else (state or State.NO).value
    return {
        "id": str(interest.id),
        "name": interest.name,
        "note": " ".join(filter(None, (interest.description, interest.pace))),
        "state": word,
        "checked": state in {State.YES, State.ASKED},
    }


def _history(reader: Reader) -> list[dict[str, str]]:
    return [
        {
            "state": entry.word.value if entry.word else "open",
            "verb": shown.verb(entry),
            "text": ", ".join(entry.interests),
            "detail": i18n.instant(entry.at, reader.brand.time_zone),
        }
        for entry in history.list_history(reader.workspace_id, reader.contact_id)
    ]
