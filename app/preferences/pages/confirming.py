"""The confirm page: loading it changes nothing, its one button does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flask import Response, current_app, make_response, render_template, request, url_for

from app.consent import queries as consent
from app.consent.rules import Level, RequestState, State
from app.consent.service import RequestOver, mark_suspect
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
    if asked.state == RequestState.OPEN and (why := suspicion_of(asked)):
        mark_suspect(asked.id)
        return _after_confirm(asked, token) or _question(asked, token, again=why)
    return _confirm(asked, token, "")


@blueprint.post("/c/<token>/again")
@guards.public
def confirm_again(token: str) -> Response:
    """The second tap; one that is again quicker than a person changes nothing either."""
    asked = _request_of(token)
    if asked.state == RequestState.OPEN and is_quick(asked):
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
    asked = consent.request_by_token(token)
    if guardians.is_waiting(asked.id):
        raise NotFound  # this link is in no mail yet
    return asked


def suspicion_of(asked: ConsentRequest) -> str:
    """Why this press is not believed yet; empty where nothing speaks against it."""
    return suspicion.reason(
        decoy=asked.suspect_at is not None,
        opened_at=links.read_opened(request.form.get("t", ""), asked.id),
        now=clock.now(),
        ip=request.remote_addr or "",
        more_networks=current_app.config["NOD"].scanner_networks,
    )


def is_quick(asked: ConsentRequest) -> bool:
    """Whether this second press came quicker than a person again."""
    opened_at = links.read_opened(request.form.get("t", ""), asked.id)
    return opened_at is not None and clock.now() - opened_at < suspicion.QUICK


def _confirm(asked: ConsentRequest, token: str, verdict: str) -> Response:
    seconds = queries.seconds_since_mail(asked)
    act = shown.proof(token, seconds_since_mail=seconds, verdict=verdict)
    proof = replace(act, guardian_event=guardians.event_of(asked.id))
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
        return too_old(asked, url_for("preferences.fresh", token=token), reader.masked)
    return None


def too_old(asked: ConsentRequest, fresh_url: str, masked: str) -> Response:
    """The page of a link that is over; ``fresh_url`` puts the question anew to the ``masked`` address."""
    body = render_template(
        "preferences/expired.html",
        **shown.shell(shown.speak_request(asked), asked.language),
        kind="confirm",
        action=fresh_url,
        masked=masked,
        ended_at=asked.expires_at if asked.expires_at <= clock.now() else None,
        days=(asked.expires_at - asked.created_at).days,
        form_url=None,
    )
    return make_response(body, 410)


def _question(asked: ConsentRequest, token: str, *, again: str = "") -> Response:
    target = "preferences.confirm_again" if again else "preferences.confirm"
    return question(asked, url_for(target, token=token), again=again)


def question(asked: ConsentRequest, action: str, *, again: str = "", for_child: bool = False) -> Response:
    """What a yes would permit, and one button.

    Args:
        asked: the open request.
        action: where the button posts.
        again: why one more press is asked for.
        for_child: a guardian reads it, who need not learn more of the child's address than they know.
    """
    reader, words = shown.speak_request(asked), queries.find_words(asked)
    body = render_template(
        "preferences/confirm.html",
        **shown.shell(reader, asked.language),
        action=action,
        decoy_url=url_for("preferences.decoy", token=links.decoy(asked.id)),
        opened=links.opened(asked.id, clock.now()),
        again=again,
        address=reader.masked if for_child else reader.address,
        for_child=for_child,
        topics=shown.topics(queries.list_asked(asked), asked.channel),
        tracking=asked.tracking or Level.NONE.value,
        words={"text": words.text, "shown_at": words.shown_at, "where": words.site, "version": words.version}
        if words
        else None,
        by_staff=queries.asked_by(asked) == "staff",
        purge_days=PURGE_DAYS,
    )
    return make_response(body)
