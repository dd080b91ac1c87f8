"""The confirm page: loading it changes nothing, its one button does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, current_app, make_response, render_template, request, url_for

from app.consent import queries as consent
from app.consent.rules import Level, RequestState, State
from app.consent.service import REQUEST_DAYS, RequestOver, mark_suspect
from app.kernel import clock
from app.kernel.errors import NotFound
from app.kernel.http import guards
from app.preferences import guardians, links, queries, service, suspicion
from app.preferences.pages import shown
from app.preferences.pages.shown import blueprint
from app.preferences.rules import PURGE_DAYS

if TYPE_CHECKING:
    from app.consent.models import ConsentRequest


@blueprint.get("/c/<token>")
@guards.public
def confirm_page(token: str) -> Response:
    """What would be confirmed, and one button."""
    asked = _request_of(token)
    return _after_confirm(asked, token) or _question(asked, token)


@blueprint.post("/c/<token>")
@guards.public
def confirm(token: str) -> Response:
    """The yes, unless it may be a machine's: then one more tap is asked for."""
    asked = _request_of(token)
    if asked.state == RequestState.OPEN and (why := _suspicion(asked)):
        mark_suspect(asked.id)
        return _after_confirm(asked, token) or _question(asked, token, again=why)
    return _confirm(asked, token, "")


@blueprint.post("/c/<token>/again")
@guards.public
def confirm_again(token: str) -> Response:
    """The second tap; one that is again quicker than a person changes nothing either."""
    asked = _request_of(token)
    opened_at = links.read_opened(request.form.get("t", ""), asked.id)
    if asked.state == RequestState.OPEN and opened_at and clock.now() - opened_at < suspicion.QUICK:
        return _after_confirm(asked, token) or _question(asked, token, again="quick")
    return _confirm(asked, token, "second tap" if asked.suspect_at else "")


@blueprint.post("/c/<token>/fresh")
@guards.public
def fresh(token: str) -> str:
    """A new mail for a link that is over; it goes to the address of the request and nowhere else."""
    asked = _request_of(token)
    reader = shown.speak_request(asked)
    service.ask_again(asked, shown.proof(token))
    return render_template(
        "preferences/fresh_sent.html", **shown.shell(reader, asked.language), **shown.sender(reader)
    )


@blueprint.get("/d/<token>")
@guards.public
def decoy(token: str) -> str:
    """The link that no person sees: whoever follows it is a machine, so the question is held."""
    found = consent.find_request(links.read_decoy(token))
    if found is None:
        raise NotFound
    mark_suspect(found.id)
    reader = shown.speak_request(found)
    return render_template("preferences/nothing.html", **shown.shell(reader, found.language))


def _request_of(token: str) -> ConsentRequest:
    if request.args:
        raise NotFound  # no link of ours carries more than its token; a target to send people to least of all
    return consent.request_by_token(token)


def _suspicion(asked: ConsentRequest) -> str:
    return suspicion.reason(
        decoy=asked.suspect_at is not None,
        opened_at=links.read_opened(request.form.get("t", ""), asked.id),
        now=clock.now(),
        ip=request.remote_addr or "",
        more_networks=current_app.config["NOD"].scanner_networks,
    )


def _confirm(asked: ConsentRequest, token: str, verdict: str) -> Response:
    guardian = guardians.find(asked.id)
    if guardian is not None:
        verdict = "; ".join(filter(None, (verdict, f"said by the guardian, {guardian.address}")))
    proof = shown.proof(token, seconds_since_mail=queries.seconds_since_mail(asked), verdict=verdict)
    try:
        service.confirm(asked, proof)
    except RequestOver as over:
        asked = over.request
    return _after_confirm(asked, token) or _question(asked, token)


def _after_confirm(asked: ConsentRequest, token: str) -> Response | None:
    """The page of a request that was answered or is over; None while it is open."""
    reader = shown.speak_request(asked)
    shell = shown.shell(reader, asked.language)
    if asked.state == RequestState.CONFIRMED:
        states = consent.choices(reader.workspace_id, reader.contact_id, asked.channel).interests
        got = [found for found in queries.list_asked(asked) if states.get(found.id) is State.YES]
        body = render_template(
            "preferences/confirmed.html",
            **shell,
            **shown.sender(reader),
            first_name=reader.first_name,
            topics=shown.topics(got, asked.channel),
            confirmed_at=asked.done_at,
            welcome_mail=True,
            preferences_url=shown.preferences_url(reader),
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


def _question(asked: ConsentRequest, token: str, *, again: str = "") -> Response:
    reader = shown.speak_request(asked)
    words, guardian = queries.find_words(asked), guardians.find(asked.id)
    target = "preferences.confirm_again" if again else "preferences.confirm"
    body = render_template(
        "preferences/confirm.html",
        **shown.shell(reader, asked.language),
        action=url_for(target, token=token),
        decoy_url=url_for("preferences.decoy", token=links.decoy(asked.id)),
        opened=links.opened(asked.id, clock.now()),
        again=again,
        address=reader.masked if guardian else reader.address,
        for_child=guardian is not None,
        topics=shown.topics(queries.list_asked(asked), asked.channel),
        tracking=asked.tracking or Level.NONE.value,
        words={"text": words.text, "shown_at": words.shown_at, "where": words.site, "version": words.version}
        if words
        else None,
        by_staff=queries.asked_by(asked) == "staff",
        purge_days=PURGE_DAYS,
    )
    return make_response(body)
