"""The private page behind a fresh mail: topics by channel, how often, what may be seen, name, history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, make_response, redirect, render_template, request, url_for

from app.consent import history
from app.consent import queries as consent
from app.consent.rules import Channel, Level
from app.consent.service import REQUEST_DAYS
from app.contacts import queries as contacts
from app.kernel import clock, i18n, tokens
from app.kernel.errors import BadInput, NotFound
from app.kernel.http import guards
from app.kernel.http.posted import load
from app.kernel.i18n import gettext as _
from app.preferences import choosing, guardians, links, queries, service
from app.preferences.pages import choices, leaving, shown
from app.preferences.pages.shown import blueprint
from app.preferences.queries import Reader
from app.preferences.schemas import Choices

if TYPE_CHECKING:
    from app.consent.models import Reach

_PLACES = {"topic": "topics", "postal": "postal", "email": "email"}
"""Where on the page a fault belongs, beside the fields that are called like their place."""


def reader_of(token: str) -> tuple[Reader, Response | None]:
    """Whose private page it is; and where its hour is over, the page that offers a fresh mail.

    So it is for who was merged since: the link was mailed to another mailbox than the one that they have now.
    """
    try:
        person = links.read_private(token, clock.now())
    except tokens.Expired as old:
        person = links.person_of(old.payload)
        return shown.reader(person.workspace_id, person.contact_id), private_expired(person)
    reader = shown.reader(person.workspace_id, person.contact_id)
    return reader, private_expired(person) if reader.contact_id != person.contact_id else None


@blueprint.get("/my/<token>")
@guards.public
def centre(token: str) -> Response:
    """Everything a person has chosen, and their own history."""
    reader, over = reader_of(token)
    return over or make_response(page(reader, token, {}))


@blueprint.post("/my/<token>")
@guards.public
def save(token: str) -> Response:
    """Put the choices into force."""
    reader, over = reader_of(token)
    if over is not None:
        return over
    try:
        posted = {name: value for name, value in request.form.items() if name != "topic"}
        values = load(Choices(), {**posted, "topic": request.form.getlist("topic")})
        choosing.save(reader, choices.saved(reader, values), shown.proof(token))
    except choosing.GuardianForgotten:
        faults = {"topic": _("New topics need the yes of a parent or guardian. Choose them in the form where you signed up.")}
        return make_response(page(reader, token, faults), 422)
    except BadInput as fault:
        faults = {name: _("This does not fit here.") for name in fault.fields}
        return make_response(page(reader, token, faults), fault.status)
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


def private_expired(person: links.Person) -> Response:
    """The page behind a private link whose hour is over: it offers a fresh mail and shows nothing."""
    reader = shown.reader(person.workspace_id, person.contact_id)
    reach = consent.find_reach(reader.workspace_id, reader.contact_id)
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


def page(reader: Reader, token: str, faults: dict[str, str]) -> str:
    """The private page, with what was wrong about a post."""
    chosen = consent.choices(reader.workspace_id, reader.contact_id)
    reach = consent.find_reach(reader.workspace_id, reader.contact_id)
    postal = contacts.find_address(reader.workspace_id, reader.contact_id, "post")
    offers_post = queries.offers_post(reader.workspace_id)
    actions = {name: url_for(f"preferences.{name}", token=token) for name in _ACTIONS}
    return render_template(
        "preferences/centre.html",
        **shown.shell(reader),
        **_paces(reader, reach),
        first_name=reader.first_name,
        address=reader.address,
        save_action=actions["save"],
        stop_action=actions["stop_private"],
        address_action=actions["wish_address"],
        export_action=actions["ask_data"],
        erase_action=actions["ask_erase"],
        channels=choices.channels() if offers_post else [],
        topics=choices.topics(reader, reach, offers_post=offers_post),
        agreement=choices.agreement(reader),
        agreement_post=choices.agreement(reader, Channel.POST),
        asks_again=True,
        asks_guardian=_waits_for_guardian(reader),
        asks_postal=offers_post or postal is not None,
        postal=postal.address if postal else "",
        tracking=chosen.tracking.value,
        levels=[(level.value, *choices.tracking_words(level)) for level in Level],
        mail_languages=[(code, i18n.NAMES[code], code) for code in i18n.languages()],
        mail_language=reader.language,
        history=_history(reader),
        receipt_url=url_for("preferences.receipt", token=token),
        saved_at=clock.now() if request.args.get("saved") else None,
        errors=[{"id": _PLACES.get(name, name), "message": text} for name, text in faults.items()],
        given=request.form if faults else {},
    )


def _waits_for_guardian(reader: Reader) -> bool:
    guardian = guardians.of_child(reader.workspace_id, reader.contact_id)
    return guardian is not None and guardian.said_at is None


_ACTIONS = ("save", "stop_private", "wish_address", "ask_data", "ask_erase")


def _paces(reader: Reader, reach: Reach | None) -> dict[str, Any]:
    return {
        "frequency": choices.frequency(reach),
        "pause": choices.pause(reach, clock.now(), reader.brand.time_zone),
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
