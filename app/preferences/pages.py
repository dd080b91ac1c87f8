"""Pages behind links in mails. GET and HEAD change nothing; each act is a form of its own with one button."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, url_for

from app.consent import history
from app.consent import queries as consent
from app.consent.rules import Kind as EventKind
from app.consent.rules import Level, Proof, RequestState, State
from app.consent.service import REQUEST_DAYS, RequestOver, mark_suspect
from app.delivery import queries as delivery
from app.kernel import clock, i18n, tokens
from app.kernel.errors import BadInput, NotFound
from app.kernel.http import guards
from app.kernel.http.posted import load
from app.kernel.i18n import gettext as _
from app.preferences import links, queries, service
from app.preferences.queries import Reader
from app.preferences.rules import PURGE_DAYS
from app.preferences.schemas import Choices

if TYPE_CHECKING:
    from app.consent.models import ConsentRequest, Interest

blueprint = Blueprint("preferences", __name__, template_folder="templates")

ONE_CLICK = "List-Unsubscribe"


# --- Confirming -------------------------------------------------------------------------------------------------


@blueprint.get("/c/<token>")
@guards.public
def confirm_page(token: str) -> Response:
    """What would be confirmed, and one button."""
    asked = _request_of(token)
    return _after_confirm(asked, token) or _question(asked, token)


@blueprint.post("/c/<token>")
@guards.public
def confirm(token: str) -> Response:
    """The yes, unless a machine followed the hidden link: then one more tap is asked for."""
    asked = _request_of(token)
    if asked.state == RequestState.OPEN and asked.suspect_at is not None:
        return _after_confirm(asked, token) or _question(asked, token, again=True)
    return _confirm(asked, token, "")


@blueprint.post("/c/<token>/again")
@guards.public
def confirm_again(token: str) -> Response:
    """The second tap."""
    asked = _request_of(token)
    return _confirm(asked, token, "second tap" if asked.suspect_at else "")


@blueprint.post("/c/<token>/fresh")
@guards.public
def fresh(token: str) -> str:
    """A new mail for a link that is over; it goes to the address of the request and nowhere else."""
    asked = _request_of(token)
    reader = _speak_request(asked)
    service.ask_again(asked, _proof(token))
    return render_template("preferences/fresh_sent.html", **_shell(reader, asked.language), **_sender(reader))


@blueprint.get("/d/<token>")
@guards.public
def decoy(token: str) -> str:
    """The link that no person sees: whoever follows it is a machine, so the question is held."""
    found = consent.find_request(links.read_decoy(token))
    if found is None:
        raise NotFound
    mark_suspect(found.id)
    reader = _speak_request(found)
    return render_template("preferences/nothing.html", **_shell(reader, found.language))


def _request_of(token: str) -> ConsentRequest:
    if request.args:
        raise NotFound  # no link of ours carries more than its token; a target to send people to least of all
    return consent.request_by_token(token)


def _confirm(asked: ConsentRequest, token: str, verdict: str) -> Response:
    proof = _proof(token, seconds_since_mail=queries.seconds_since_mail(asked), verdict=verdict)
    try:
        service.confirm(asked, proof)
    except RequestOver as over:
        asked = over.request
    return _after_confirm(asked, token) or _question(asked, token)


def _after_confirm(asked: ConsentRequest, token: str) -> Response | None:
    """The page of a request that was answered or is over; None while it is open."""
    reader = _speak_request(asked)
    shell = _shell(reader, asked.language)
    if asked.state == RequestState.CONFIRMED:
        states = consent.choices(reader.workspace_id, reader.contact_id).interests
        got = [found for found in queries.list_asked(asked) if states.get(found.id) is State.YES]
        body = render_template(
            "preferences/confirmed.html",
            **shell,
            **_sender(reader),
            first_name=reader.first_name,
            topics=_topics(got),
            confirmed_at=asked.done_at,
            welcome_mail=True,
            preferences_url=_preferences_url(reader),
        )
        return make_response(body)
    if queries.is_over(asked):
        body = render_template(
            "preferences/expired.html",
            **shell,
            kind="confirm",
            action=url_for("preferences.fresh", token=token),
            masked=reader.masked,
            ended_at=asked.expires_at if asked.expires_at <= clock.now() else None,
            days=REQUEST_DAYS,
            form_url=None,
        )
        return make_response(body, 410)
    return None


def _question(asked: ConsentRequest, token: str, *, again: bool = False) -> Response:
    reader = _speak_request(asked)
    words = queries.find_words(asked)
    target = "preferences.confirm_again" if again else "preferences.confirm"
    body = render_template(
        "preferences/confirm.html",
        **_shell(reader, asked.language),
        action=url_for(target, token=token),
        decoy_url=url_for("preferences.decoy", token=links.decoy(asked.id)),
        again=again,
        address=reader.address,
        topics=_topics(queries.list_asked(asked)),
        tracking=asked.tracking or Level.NONE.value,
        words={"text": words.text, "shown_at": words.shown_at, "where": words.site, "version": words.version}
        if words
        else None,
        purge_days=PURGE_DAYS,
    )
    return make_response(body)


# --- Leaving ----------------------------------------------------------------------------------------------------


@blueprint.get("/u/<token>")
@guards.public
def unsubscribe_page(token: str) -> str:
    """One button; loading it ends nothing."""
    reader, topic, permission_id = _target(links.read_unsubscribe(token))
    return render_template(
        "preferences/unsubscribe.html",
        **_shell(reader),
        masked=reader.masked,
        topic=topic,
        action=url_for("preferences.unsubscribe", token=token),
        all_action=url_for("preferences.stop_all", token=token) if topic else None,
        why_url=url_for("preferences.why", token=links.why(permission_id)) if permission_id else None,
    )


@blueprint.post("/u/<token>")
@guards.public
def unsubscribe(token: str) -> Response:
    """Leaving: by the button of the page, or by a mail program's one-click post (RFC 8058).

    Neither needs a cookie, and the mail program gets its answer at once, after the commit, without a redirect.
    """
    named = links.read_unsubscribe(token)
    one_click = request.form.get(ONE_CLICK, "").lower() == "one-click"
    left = service.leave(named, _proof(token), method="one_click" if one_click else "link")
    if one_click:
        return Response("Done.\n", content_type="text/plain; charset=utf-8")
    if not left.interests:
        return _stopped(left)
    service.tell_of_leaving(left)
    reader = _reader(left.workspace_id, left.contact_id)
    shell = _shell(reader)
    body = render_template(
        "preferences/unsubscribed.html",
        **shell,
        masked=reader.masked,
        topic=_names(left.interests),
        left_at=clock.now(),
        undo_action=_undo_action(left),
        still=[{"name": found.name} for found in queries.list_still(left.workspace_id, left.contact_id)],
        all_action=url_for("preferences.stop_all", token=token),
    )
    return make_response(body)


@blueprint.post("/u/<token>/all")
@guards.public
def stop_all(token: str) -> Response:
    """Stop everything, from an unsubscribe link."""
    reader, _topic, _permission = _target(links.read_unsubscribe(token))
    return _stopped(service.stop(reader.workspace_id, reader.contact_id, _proof(token), method="link"))


@blueprint.get("/u/<token>/undo")
@guards.public
def undo_page(token: str) -> str:
    """The way back from the mail that says "you are out": one button."""
    what = links.read_undo(token, clock.now())
    reader = _reader(what.workspace_id, what.contact_id)
    shell = _shell(reader)
    action = url_for("preferences.undo", token=token)
    return render_template("preferences/undo.html", **shell, masked=reader.masked, action=action)


@blueprint.post("/u/<token>/undo")
@guards.public
def undo(token: str) -> str:
    """Take leaving back."""
    what = links.read_undo(token, clock.now())
    service.take_back(what, _proof(token))
    reader = _reader(what.workspace_id, what.contact_id)
    shell = _shell(reader)
    still = queries.list_still(what.workspace_id, what.contact_id)
    return render_template(
        "preferences/undone.html", **shell, masked=reader.masked, topics=_topics(still), unsubscribe_url=None
    )


def _target(named: links.Unsubscribe) -> tuple[Reader, str | None, UUID | None]:
    """Whom an unsubscribe link is about, its topic, and its permission where it names one."""
    if named.kind is links.Kind.PERMISSION:
        permission = queries.get_permission(named.id)
        found = consent.get_interests(permission.workspace_id, [permission.interest_id or named.id])
        return _reader(permission.workspace_id, permission.contact_id), _names(found), permission.id
    if named.kind is links.Kind.REQUEST:
        asked = consent.find_request(named.id)
        if asked is None:
            raise NotFound
        return _reader(asked.workspace_id, asked.contact_id), _names(queries.list_asked(asked)), None
    reach = consent.find_reach_by_id(named.id)
    if reach is None:
        raise NotFound
    return _reader(reach.workspace_id, reach.contact_id), None, None


def _stopped(left: service.Left) -> Response:
    reader = _reader(left.workspace_id, left.contact_id)
    shell = _shell(reader)
    body = render_template(
        "preferences/stopped.html",
        **shell,
        masked=reader.masked,
        stopped_at=clock.now(),
        undo_action=_undo_action(left),
    )
    return make_response(body)


def _undo_action(left: service.Left) -> str | None:
    if left.event_id is None:
        return None
    what = links.Undo(left.workspace_id, left.contact_id, left.event_id)
    return url_for("preferences.undo", token=links.undo(what, clock.now() + links.UNDO_ON_PAGE))


# --- Asking for the private page --------------------------------------------------------------------------------


@blueprint.get("/p/<token>")
@guards.public
def request_page(token: str) -> str:
    """Where "change my choices" leads: mails get forwarded, so it shows nothing."""
    reader = _reader_of_reach(links.read_preferences(token))
    return render_template(
        "preferences/request.html",
        **_shell(reader),
        masked=reader.masked,
        send_action=url_for("preferences.send_link", token=token),
        stop_action=url_for("preferences.stop", token=token),
    )


@blueprint.post("/p/<token>/send")
@guards.public
def send_link(token: str) -> str:
    """Mail the private link to the person's own address."""
    reader = _reader_of_reach(links.read_preferences(token))
    service.send_private_link(reader.workspace_id, reader.contact_id)
    return render_template(
        "preferences/link_sent.html", **_shell(reader), **_sender(reader), masked=reader.masked
    )


@blueprint.post("/p/<token>/stop")
@guards.public
def stop(token: str) -> Response:
    """Stop everything, without any private link."""
    reader = _reader_of_reach(links.read_preferences(token))
    return _stopped(service.stop(reader.workspace_id, reader.contact_id, _proof(token), method="link"))


# --- The private page -------------------------------------------------------------------------------------------


@blueprint.get("/my/<token>")
@guards.public
def centre(token: str) -> Response:
    """Everything a person has chosen, and their own history."""
    try:
        person = links.read_private(token, clock.now())
    except tokens.Expired as old:
        return _private_expired(links.person_of(old.payload))
    reader = _reader(person.workspace_id, person.contact_id)
    return make_response(_centre(reader, token, {}))


@blueprint.post("/my/<token>")
@guards.public
def save(token: str) -> Response:
    """Put the choices into force."""
    try:
        person = links.read_private(token, clock.now())
    except tokens.Expired as old:
        return _private_expired(links.person_of(old.payload))
    reader = _reader(person.workspace_id, person.contact_id)
    try:
        posted = {name: value for name, value in request.form.items() if name != "topic"}
        values = load(Choices(), {**posted, "topic": request.form.getlist("topic")})
        service.save(reader, _saved(reader, values), _proof(token))
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
        return _private_expired(links.person_of(old.payload))
    return _stopped(service.stop(person.workspace_id, person.contact_id, _proof(token)))


def _saved(reader: Reader, values: dict[str, Any]) -> service.Saved:
    tracking: Level = values["tracking"]
    return service.Saved(
        ticked=set(values["topic"]),
        tracking=tracking,
        first_name=values["first_name"],
        language=values["language"],
        words=_agreement(reader),
        tracking_words=" ".join(_tracking_words(tracking)),
        page_url=current_app.config["NOD"].url + "/my",
    )


def _agreement(reader: Reader) -> str:
    """The words beside the topics; stored letter for letter with each new yes."""
    return _(
        "%(brand)s may email me about the topics ticked here. I can stop with one click in every mail."
    ) % {"brand": reader.brand.short_name}


def _tracking_words(level: Level) -> tuple[str, str]:
    """Words and smaller words of each choice, as shown and as stored."""
    return {
        Level.NONE: (_("Nothing"), _("Links go straight to their page, no picture reports back")),
        Level.AGGREGATE: (_("Totals only"), _("“38 of 100 people read it”, without knowing who")),
        Level.INDIVIDUAL: (
            _("What I open and click"),
            _("To send me less that does not interest me. Ends for old mails too when you take it back"),
        ),
    }[level]


def _private_expired(person: links.Person) -> Response:
    reader = _reader(person.workspace_id, person.contact_id)
    reach = consent.find_reach(person.workspace_id, person.contact_id)
    if reach is None:
        raise NotFound
    body = render_template(
        "preferences/expired.html",
        **_shell(reader),
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
        **_shell(reader),
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
        levels=[(level.value, *_tracking_words(level)) for level in Level],
        mail_languages=[(code, i18n.NAMES[code], code) for code in i18n.languages()],
        mail_language=reader.language,
        history=_history(reader),
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


def _verb(entry: history.HistoryEntry) -> str:
    if entry.kind is EventKind.CHANGED:
        return _("Took leaving back") if entry.body.get("undoes") else _("Chose what we may see")
    return {
        EventKind.REQUESTED: _("Asked"),
        EventKind.DOI_MAIL_SENT: _("Question mailed"),
        EventKind.CONFIRMED: _("Said yes"),
        EventKind.RE_CONFIRMED: _("Said yes again"),
        EventKind.WITHDRAWN: _("Said no"),
        EventKind.OBJECTED: _("Stopped everything"),
        EventKind.EXPIRED: _("Did not answer"),
        EventKind.IMPORTED: _("Brought in from elsewhere"),
        EventKind.CORRECTED: _("Corrected"),
        EventKind.SUPPRESSED: _("Must not be written to"),
        EventKind.CANCELLED: _("Called the question off"),
        EventKind.ERASED: _("Erased"),
    }[entry.kind]


def _history(reader: Reader) -> list[dict[str, str]]:
    return [
        {
            "state": entry.word.value if entry.word else "open",
            "verb": _verb(entry),
            "text": ", ".join(entry.interests),
            "detail": i18n.instant(entry.at, reader.brand.time_zone),
        }
        for entry in history.list_history(reader.workspace_id, reader.contact_id)
    ]


# --- Why --------------------------------------------------------------------------------------------------------


@blueprint.get("/w/<token>")
@guards.public
def why(token: str) -> str:
    """The events and the words behind a mail."""
    permission = queries.get_permission(links.read_why(token))
    reader = _reader(permission.workspace_id, permission.contact_id)
    entries = queries.list_why(permission)
    reach = consent.find_reach(permission.workspace_id, permission.contact_id)
    allowed = permission.state == State.YES and not (reach and (reach.objected_at or reach.suppressed_at))
    leave = links.unsubscribe(links.Kind.PERMISSION, permission.id)
    topic = consent.get_interests(permission.workspace_id, [permission.interest_id or permission.id])
    return render_template(
        "preferences/why.html",
        **_shell(reader),
        masked=reader.masked,
        topic=_names(topic),
        allowed=allowed,
        entries=[
            {
                "state": entry.word.value if entry.word else "open",
                "verb": _verb(entry),
                "at": entry.at,
                "detail": queries.site(str((entry.body.get("page") or {}).get("url") or "")),
            }
            for entry in entries
        ],
        words=_words_of(permission.workspace_id, entries),
        unsubscribe_action=url_for("preferences.unsubscribe", token=leave) if allowed else None,
        all_action=url_for("preferences.stop_all", token=leave) if allowed else None,
        request_url=_preferences_url(reader),
    )


def _words_of(workspace_id: UUID, entries: Sequence[history.HistoryEntry]) -> dict[str, str] | None:
    for entry in entries:
        for shown in entry.body.get("texts", []):
            if shown["kind"] == "consent":
                return {"text": consent.get_text(workspace_id, UUID(shown["id"])).body}
    return None


# --- What all of them need --------------------------------------------------------------------------------------


def _reader(workspace_id: UUID, contact_id: UUID) -> Reader:
    """The reader, and from here on their language."""
    found = queries.get_reader(workspace_id, contact_id)
    i18n.use(found.language)
    return found


def _speak_request(asked: ConsentRequest) -> Reader:
    found = queries.get_reader(asked.workspace_id, asked.contact_id)
    i18n.use(asked.language)
    return found


def _reader_of_reach(reach_id: UUID) -> Reader:
    reach = consent.find_reach_by_id(reach_id)
    if reach is None:
        raise NotFound
    return _reader(reach.workspace_id, reach.contact_id)


def _shell(reader: Reader, language: str = "") -> dict[str, Any]:
    return {
        "brand": reader.brand,
        "lang": language or i18n.current(),
        "dir": "ltr",
        "zone": reader.brand.time_zone,
    }


def _sender(reader: Reader) -> dict[str, Any]:
    """Who our mail comes from, so that it can be found in the inbox."""
    found = delivery.sender_of(reader.workspace_id)
    if found is None:
        return {"sender": {"name": reader.brand.name, "address": reader.brand.contact_email or ""}}
    return {"sender": {"name": found.name, "address": found.address}}


def _preferences_url(reader: Reader) -> str | None:
    reach = consent.find_reach(reader.workspace_id, reader.contact_id)
    return url_for("preferences.request_page", token=links.preferences(reach.id)) if reach else None


def _topics(interests: Sequence[Interest]) -> list[dict[str, str]]:
    return [{"name": found.name, "note": found.pace} for found in interests]


def _names(interests: Sequence[Interest]) -> str:
    return ", ".join(found.name for found in interests)


def _proof(token: str, *, seconds_since_mail: int | None = None, verdict: str = "") -> Proof:
    """The act as it came over the wire; of the token only so much that it cannot be used again."""
    return Proof(
        ip=request.remote_addr or "",
        user_agent=request.headers.get("User-Agent", "")[:400],
        http_method=request.method,
        token_id=token[:8],
        seconds_since_mail=seconds_since_mail,
        verdict=verdict,
    )
