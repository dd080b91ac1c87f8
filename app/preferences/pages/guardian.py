"""The page of a guardian: loading it changes nothing, and its one button lets the child be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, make_response, render_template, request, url_for

from app.consent import queries as consent
from app.consent.service import mark_suspect
from app.contacts.rules import mask
from app.kernel.errors import NotFound
from app.kernel.http import guards
from app.preferences import guardians, links, queries, service
from app.preferences.pages import confirming, shown
from app.preferences.pages.shown import blueprint

if TYPE_CHECKING:
    from app.consent.models import ConsentRequest
    from app.preferences.models import Guardian


@blueprint.get("/g/<token>")
@guards.public
def guardian_page(token: str) -> Response:
    """What the child would be asked, and one button."""
    asked, guardian = _asked(token)
    return _after(asked, guardian, token) or _question(asked, token)


@blueprint.post("/g/<token>")
@guards.public
def guardian_yes(token: str) -> Response:
    """The guardian's yes, unless it may be a machine's: then one more tap is asked for."""
    asked, guardian = _asked(token)
    if over := _after(asked, guardian, token):
        return over
    if why := confirming.suspicion_of(asked):
        mark_suspect(asked.id)
        return _question(asked, token, again=why)
    return _say_yes(asked, guardian, token, "")


@blueprint.post("/g/<token>/again")
@guards.public
def guardian_yes_again(token: str) -> Response:
    """The second tap; one that is again quicker than a person changes nothing either."""
    asked, guardian = _asked(token)
    if over := _after(asked, guardian, token):
        return over
    if confirming.is_quick(asked):
        return _question(asked, token, again="quick")
    return _say_yes(asked, guardian, token, "second tap" if asked.suspect_at else "")


@blueprint.post("/g/<token>/fresh")
@guards.public
def guardian_fresh(token: str) -> str:
    """A new mail for a link that is over; it goes to the same guardian and nowhere else."""
    asked, guardian = _asked(token)
    if guardian.said_at:
        raise NotFound
    reader = shown.speak_request(asked)
    service.ask_again(asked, shown.proof(token))
    return render_template(
        "preferences/fresh_sent.html", **shown.shell(reader, asked.language), **shown.sender(reader)
    )


def _asked(token: str) -> tuple[ConsentRequest, Guardian]:
    if request.args:
        raise NotFound
    request_id = links.read_guardian(token)
    asked, guardian = consent.find_request(request_id), guardians.find(request_id)
    if asked is None or guardian is None or not guardian.address:
        raise NotFound
    return asked, guardian


def _say_yes(asked: ConsentRequest, guardian: Guardian, token: str, verdict: str) -> Response:
    seconds = queries.seconds_since_mail(asked)
    guardians.say_yes(asked, shown.proof(token, seconds_since_mail=seconds, verdict=verdict))
    return _after(asked, guardian, token) or _question(asked, token)


def _after(asked: ConsentRequest, guardian: Guardian, token: str) -> Response | None:
    """The page of a question that the guardian answered, or that is over; None while they may answer."""
    if guardian.said_at is None and queries.is_over(asked):
        fresh = url_for("preferences.guardian_fresh", token=token)
        return confirming.too_old(asked, fresh, mask(guardian.address or ""))
    if guardian.said_at is None:
        return None
    reader = shown.speak_request(asked)
    body = render_template(
        "preferences/guardian_said.html",
        **shown.shell(reader, asked.language),
        **shown.sender(reader),
        masked=reader.masked,
        said_at=guardian.said_at,
        leave_url=url_for(
            "preferences.unsubscribe_page", token=links.unsubscribe(links.Kind.REQUEST, asked.id)
        ),
    )
    return make_response(body)


def _question(asked: ConsentRequest, token: str, *, again: str = "") -> Response:
    target = "preferences.guardian_yes_again" if again else "preferences.guardian_yes"
    return confirming.question(asked, url_for(target, token=token), again=again, for_child=True)
