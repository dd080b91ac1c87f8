"""Reading what was posted to a form: who may post how often, how old the page is, which address it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app, request
from werkzeug.exceptions import BadRequest as HttpBadRequest

from app.accounts import queries as accounts
from app.accounts.rules.links import network_of
from app.consent.rules import Proof
from app.contacts.addresses import Address
from app.forms import queries, service
from app.forms.abuse import addresses, puzzle
from app.forms.models import Form
from app.forms.pages import known
from app.forms.pages.sheets import Sheet, choose_language, sheet_of
from app.forms.rules import (
    GUARDIAN,
    HOUR_SECONDS,
    OLDEST_SECONDS,
    PATIENCE_SECONDS,
    POSTS_PER_FORM_AND_MINUTE,
    POSTS_PER_NETWORK_AND_HOUR,
    Age,
    judge_age,
    origin_of,
    read_version_name,
)
from app.forms.schemas import FORM, Answer, asks_birthday, collect, read_answer, several
from app.forms.style import Take
from app.kernel import i18n, limits, once, tokens
from app.kernel.errors import BadInput, BadRequest, NotFound, TooMany
from app.kernel.i18n import gettext as _

TIME = "form time"
DOORS = frozenset({"html", "component", "frame", "api"})
Pairs = list[tuple[str, str]]


class PuzzleWanted(BadInput):
    """Many ask through this form: a browser solves a puzzle, a person without scripts waits some seconds."""


def limit(public_id: str) -> None:
    """Refuse floods; who is asking is the connection's address, never a header (proxies: NOD_TRUSTED_PROXIES)."""
    network = network_of(request.remote_addr or "")
    within = limits.hits(
        limits.Limit("signup.network", network, POSTS_PER_NETWORK_AND_HOUR, HOUR_SECONDS),
        limits.Limit("signup.form", public_id, POSTS_PER_FORM_AND_MINUTE, 60),
    )
    if not within[0]:
        raise TooMany(retry_after_seconds=HOUR_SECONDS)
    if not within[1]:
        raise TooMany(retry_after_seconds=60)


def pairs_of() -> Pairs:
    """Names and values as posted; a JSON object counts as a form: lists repeat a name, true is a tick.

    Raises:
        BadRequest: JSON that is no flat object.
    """
    if not request.is_json:
        return list(request.form.items(multi=True))
    try:
        plain = request.get_json()
    except HttpBadRequest:
        plain = None
    if not isinstance(plain, dict):
        raise BadRequest("Send a JSON object.")
    return [(name, _text(one)) for name, value in plain.items() for one in _each(value)]


def _each(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value in (None, False, "") else [value]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else ""
    if not isinstance(value, str | int | float):
        raise BadRequest("Send texts, numbers, true or false, and lists of them.")
    return str(value)


def posted_sheet(public_id: str, name: str) -> Sheet:
    """The form as the person saw it: pasted copies may name an older version."""
    if sheet := known.find(public_id, name):
        i18n.use(sheet.version.language)
        return sheet
    named = read_version_name(name)
    found = queries.find_open_version(public_id, *named) if named else None
    if found is None:
        form = queries.get_open_form(public_id)
        i18n.use(choose_language((form.language,), form.language))
        raise BadInput(
            _("This copy of the form is not complete. Please sign up on our own page."),
            fields={"v": _("Load the form again.")},
        )
    form, version = found
    i18n.use(version.language)
    return known.keep(public_id, name, sheet_of(form, version, (version.language,)))


def read(sheet: Sheet, pairs: Pairs, now: datetime) -> Answer:
    """The checked answer.

    Faster than a person types is asked once more, not dropped: a browser may have filled the form in.

    Raises:
        BadInput: names each field that does not fit.
        PuzzleWanted: this form is being flooded.
        addresses.Unknown: the DNS has to be asked about this domain first.
    """
    posted = collect(pairs, several(sheet.custom))
    age = age_of(sheet.form, posted.get("t", ""), now)
    answer = _read_answer(sheet, posted, now)
    _check_address(sheet.form, answer.address)
    if answer.guardian is not None:
        _check_address(sheet.form, answer.guardian, GUARDIAN)
    if age is Age.TOO_FAST:
        raise BadInput(
            fields={FORM: _("That was faster than we can follow. Please press the button once more.")}
        )
    if age is Age.STALE:
        raise BadInput(
            fields={FORM: _("This page was open for more than a day. Please press the button once more.")}
        )
    if is_braked(sheet.form, now):
        _brake(sheet.form, posted, now)
    return answer


def _read_answer(sheet: Sheet, posted: Mapping[str, Any], now: datetime) -> Answer:
    """Only a birthday needs the brand: whose country's age counts, and which day it is there."""
    offered = {found.id for found in sheet.interests}
    if not asks_birthday(sheet.words, sheet.custom):
        return read_answer(sheet.words, sheet.custom, offered, posted, country="", today=now.date())
    brand = accounts.brand(sheet.form.workspace_id)
    today = now.astimezone(ZoneInfo(brand.time_zone)).date()
    return read_answer(sheet.words, sheet.custom, offered, posted, country=brand.country, today=today)


def is_braked(form: Form, now: datetime) -> bool:
    """Whether a post to this form has to bring a puzzle or time."""
    return form.challenge_until is not None and form.challenge_until > now


def _brake(form: Form, posted: dict[str, Any], now: datetime) -> None:
    """Let one post through for each puzzle that was solved, or for each page that was open long enough."""
    if puzzle.is_solved(posted.get("altcha", ""), form.public_id, now):
        return
    token = posted.get("t", "")
    if token and _seconds(form, token, now) >= PATIENCE_SECONDS:
        until = now + timedelta(seconds=OLDEST_SECONDS)
        if once.first("form page", token, until):
            return
    raise PuzzleWanted(
        fields={
            FORM: _(
                "Many people sign up here right now. Please wait ten seconds and press the button once more."
            )
        }
    )


def _check_address(form: Form, address: Address, name: str = "email") -> None:
    """Look at an address as the form's policy wants, and at whether mail can reach it; ``name`` is its field."""
    policy, flags = form.rules, addresses.flags_of(address)
    if "disposable" in flags and policy.disposable is Take.REFUSE:
        raise BadInput(fields={name: _("Addresses of throw-away services are not taken here.")})
    if "role" in flags and policy.role is Take.REFUSE:
        raise BadInput(fields={name: _("Please write a person's own address, not that of an office.")})
    if current_app.config["NOD"].is_production and not addresses.takes_mail(address.domain):
        raise BadInput(
            fields={name: _("No mail can reach this domain. Please check what stands after the @.")}
        )


def age_of(form: Form, token: str, now: datetime) -> Age:
    """How old the page is; a pasted form cannot be signed, so it carries no time."""
    if not token:
        return Age.FINE
    seconds = _seconds(form, token, now)
    return Age.STALE if seconds < 0 else judge_age(seconds)


def _seconds(form: Form, token: str, now: datetime) -> float:
    """Seconds since this form's page was signed; less than zero where it was not."""
    try:
        payload = tokens.verify(TIME, token, size=21)
    except NotFound:
        return -1.0
    if payload[5:] != form.id.bytes:
        return -1.0
    return max(now.timestamp() - int.from_bytes(payload[:5], "big"), 0.0)


def signed_time(form: Form, now: datetime) -> str:
    """Says when a page of this form was shown."""
    return tokens.sign(TIME, int(now.timestamp()).to_bytes(5, "big") + form.id.bytes)


def post_of(sheet: Sheet, answer: Answer, pairs: Sequence[tuple[str, str]]) -> service.Post:
    """The answer with all that is known about how it came."""
    own_page = current_app.config["NOD"].url + sheet.action
    origin = request.headers.get("Origin", "")
    is_known = origin in sheet.form.allowed_origins
    posted = dict(pairs)
    return service.Post(
        address=answer.address,
        interests=answer.interests,
        guardian=answer.guardian,
        tracking=answer.tracking,
        proof=Proof(
            ip=request.remote_addr or "",
            user_agent=request.headers.get("User-Agent", "")[:400],
            http_method="POST",
            verdict=" ".join(addresses.flags_of(answer.address)),
        ),
        once=posted.get("once", "")[:64],
        pairs=[pair for pair in pairs if pair[0] not in {"t", "once", "altcha"}],
        page_url=(request.referrer or origin)[:500] if is_known else own_page,
        referrer=(request.referrer or "")[:500],
        source=source_of(sheet.form, posted.get("via", ""), origin),
        profile=answer.profile,
        custom=answer.custom,
    )


def source_of(form: Form, door: str, origin: str) -> str:
    """How the counts name where somebody came from: the door, and the website where it is one that we know.

    Anybody may write any website into a post, so that others share one word.
    """
    if door not in DOORS:
        return "page"
    site = accounts.brand(form.workspace_id).site
    is_known = origin in form.allowed_origins or (site is not None and origin == origin_of(site))
    return f"{door} {origin.partition('//')[2]}" if is_known else door
