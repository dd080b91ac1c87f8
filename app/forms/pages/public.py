"""The form that readers see, and its one endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask import Response, current_app, jsonify, make_response, redirect, render_template, request, url_for

from app.accounts import queries as accounts
from app.accounts.rules.links import network_of
from app.consent import queries as consent
from app.consent.rules import Proof
from app.consent.service import REQUEST_DAYS
from app.contacts import queries as contacts
from app.contacts.rules import FieldKind
from app.delivery import queries as delivery
from app.forms import queries, sealed, service
from app.forms.models import Form, FormVersion
from app.forms.pages import blueprint
from app.forms.rules import (
    CUSTOM,
    HOUR_SECONDS,
    POSTS_PER_FORM_AND_MINUTE,
    POSTS_PER_NETWORK_AND_HOUR,
    Age,
    Asked,
    Definition,
    Use,
    judge_age,
    read_version_name,
    version_name,
)
from app.forms.schemas import FORM, Answer, collect, read_answer, several
from app.kernel import clock, i18n, limits, tokens
from app.kernel.errors import BadInput, NotFound, TooMany
from app.kernel.http import guards, headers, problems
from app.kernel.i18n import gettext as _
from app.kernel.ids import uuid7

if TYPE_CHECKING:
    from app.consent.models import Interest
    from app.contacts.models import CustomField

TIME = "form time"
DIRECTIONS = {"ar": "rtl", "fa": "rtl", "he": "rtl"}
_TYPES = {
    FieldKind.NUMBER: "text",
    FieldKind.DATE: "date",
    FieldKind.CHOICE: "select",
    FieldKind.MULTI_CHOICE: "select",
    FieldKind.BOOLEAN: "checkbox",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One form in one language, with what a page about it needs."""

    form: Form
    version: FormVersion
    words: Definition
    languages: tuple[str, ...]
    interests: Sequence[Interest]
    custom: Sequence[CustomField]

    @property
    def action(self) -> str:
        """Where the form posts."""
        return url_for("forms.submit", public_id=self.form.public_id)


@blueprint.get("/f/<public_id>")
@guards.public
def hosted(public_id: str) -> Response:
    """The form as a page of its own, or in a frame."""
    form = queries.get_open_form(public_id)
    versions = {row.language: row for row in queries.list_versions(form)}
    sheet = sheet_of(form, versions[_language(tuple(versions), form.language)], tuple(versions))
    if request.method == "GET" and "preview" not in request.args:
        service.count(form, version=sheet.version.version, views=1)
    return _page(sheet, {}, {})


@blueprint.post("/f/<public_id>")
@guards.public
def submit(public_id: str) -> Response:
    """Take an answer. Whoever posts an address learns nothing about it: the answer is always the same."""
    _limit(public_id)
    pairs = list(request.form.items(multi=True))
    sheet = _posted_sheet(public_id, request.form.get("v", ""))
    form = sheet.form
    now = clock.now()
    if request.form.get("website"):
        return _allow_origin(form, _done(sheet, request.form.get("email", ""), now))
    try:
        answer = _read(sheet, pairs, now)
    except BadInput as fault:
        return _allow_origin(form, _faulty(sheet, fault))
    service.submit(form, sheet.version, _post(sheet, answer, pairs))
    return _allow_origin(form, _done(sheet, request.form.get("email", ""), now))


@blueprint.get("/f/<public_id>/inbox")
@guards.public
def inbox(public_id: str) -> str:
    """The next step, for everyone alike: look in your inbox."""
    form = queries.get_open_form(public_id)
    versions = {row.language: row for row in queries.list_versions(form)}
    sheet = sheet_of(form, versions[_language(tuple(versions), form.language)], tuple(versions))
    now = clock.now()
    return render_template(
        "forms/inbox.html",
        **_shell(sheet, languages=False),
        address=sealed.unseal(request.args.get("k", ""), now),
        sender=_sender(sheet),
        valid_until=now + timedelta(days=REQUEST_DAYS),
        form_url=url_for("forms.hosted", public_id=public_id, lang=sheet.version.language),
    )


# --- Reading a post ---------------------------------------------------------------------------------------------


def _limit(public_id: str) -> None:
    """Refuse floods; who is asking is the connection's address, never a header (proxies: NOD_TRUSTED_PROXIES)."""
    network = network_of(request.remote_addr or "")
    if not limits.hit("signup.network", network, POSTS_PER_NETWORK_AND_HOUR, HOUR_SECONDS):
        raise TooMany(retry_after_seconds=HOUR_SECONDS)
    if not limits.hit("signup.form", public_id, POSTS_PER_FORM_AND_MINUTE, 60):
        raise TooMany(retry_after_seconds=60)


def _posted_sheet(public_id: str, name: str) -> Sheet:
    """The form as the person saw it: pasted copies may name an older version."""
    named = read_version_name(name)
    found = queries.find_open_version(public_id, *named) if named else None
    if found is None:
        form = queries.get_open_form(public_id)
        i18n.use(_language((form.language,), form.language))
        raise BadInput(
            _("This copy of the form is not complete. Please sign up on our own page."),
            fields={"v": _("Load the form again.")},
        )
    form, version = found
    i18n.use(version.language)
    return sheet_of(form, version, (version.language,))


def _read(sheet: Sheet, pairs: Sequence[tuple[str, str]], now: datetime) -> Answer:
    """The checked answer.

    Faster than a person types is asked once more, not dropped: a browser may have filled the form in.
    """
    posted = collect(pairs, several(sheet.custom))
    age = _age(sheet.form, posted.get("t", ""), now)
    answer = read_answer(sheet.words, sheet.custom, {found.id for found in sheet.interests}, posted)
    if age is Age.TOO_FAST:
        raise BadInput(fields={FORM: _("That was faster than we can follow. Please press the button once more.")})
    if age is Age.STALE:
        raise BadInput(
            fields={FORM: _("This page was open for more than a day. Please press the button once more.")}
        )
    return answer


def _age(form: Form, token: str, now: datetime) -> Age:
    """How old the page is; a pasted form cannot be signed, so it carries no time."""
    if not token:
        return Age.FINE
    try:
        payload = tokens.verify(TIME, token, size=21)
    except NotFound:
        return Age.STALE
    if payload[5:] != form.id.bytes:
        return Age.STALE
    return judge_age(now.timestamp() - int.from_bytes(payload[:5], "big"))


def _post(sheet: Sheet, answer: Answer, pairs: Sequence[tuple[str, str]]) -> service.Post:
    own_page = current_app.config["NOD"].url + sheet.action
    origin = request.headers.get("Origin", "")
    known = origin in sheet.form.allowed_origins
    return service.Post(
        address=answer.address,
        interests=answer.interests,
        tracking=answer.tracking,
        proof=Proof(
            ip=request.remote_addr or "",
            user_agent=request.headers.get("User-Agent", "")[:400],
            http_method="POST",
        ),
        once=request.form.get("once", "")[:64],
        pairs=[pair for pair in pairs if pair[0] not in {"t", "once"}],
        page_url=(request.referrer or origin)[:500] if known else own_page,
        referrer=(request.referrer or "")[:500],
        profile=answer.profile,
        custom=answer.custom,
    )


# --- Answering --------------------------------------------------------------------------------------------------


def _done(sheet: Sheet, address: str, now: datetime) -> Response:
    """The one answer to every post that fits, and to every bot."""
    if problems.wants_json():
        return jsonify(
            status="asked",
            title=_("Look in your inbox"),
            detail=_("We sent one mail to your address. Press the button in it, then say yes on our page."),
        )
    target = url_for(
        "forms.inbox",
        public_id=sheet.form.public_id,
        lang=sheet.version.language,
        k=sealed.seal(address.strip()[:254], now),
    )
    return make_response(redirect(target, 303))


def _faulty(sheet: Sheet, fault: BadInput) -> Response:
    if problems.wants_json():
        return problems.answer(fault)
    response = _page(sheet, fault.fields, request.form.to_dict())
    response.status_code = fault.status
    return response


def _allow_origin(form: Form, response: Response) -> Response:
    """Let the form's own websites read the answer; without credentials, so no cookie ever counts here."""
    response.headers.add("Vary", "Origin")
    origin = request.headers.get("Origin", "")
    if origin in form.allowed_origins:
        response.headers["Access-Control-Allow-Origin"] = origin
    return response


# --- Showing ----------------------------------------------------------------------------------------------------


def _language(offered: Sequence[str], otherwise: str) -> str:
    """The language of this page: asked for in the address, else by the browser, else the form's own."""
    asked = request.args.get("lang", "")
    chosen = (
        asked
        if asked in offered
        else i18n.best(request.headers.get("Accept-Language", ""), offered, otherwise)
    )
    i18n.use(chosen)
    return chosen


def sheet_of(form: Form, version: FormVersion, languages: tuple[str, ...]) -> Sheet:
    """A version with what showing it needs."""
    words = version.words
    wanted = any(item.name.startswith(CUSTOM) for item in words.asked)
    custom = contacts.list_fields(form.workspace_id) if wanted else []
    found = consent.get_interests(form.workspace_id, words.interests)
    interests = [interest for interest in found if interest.archived_at is None]
    return Sheet(form, version, words, languages, interests, custom)


def _shell(sheet: Sheet, *, languages: bool = True) -> dict[str, Any]:
    """What every public page shows around its own words."""
    brand = accounts.brand(sheet.form.workspace_id)
    current = sheet.version.language
    others = [
        {
            "code": code,
            "label": code.upper(),
            "name": i18n.NAMES.get(code, code),
            "url": url_for("forms.hosted", public_id=sheet.form.public_id, lang=code),
            "current": code == current,
        }
        for code in sheet.languages
    ]
    return {
        "brand": brand,
        "lang": current,
        "dir": DIRECTIONS.get(current, "ltr"),
        "zone": brand.time_zone,
        "languages": others if languages else [],
    }


def _sender(sheet: Sheet) -> dict[str, str]:
    found = delivery.sender_of(sheet.form.workspace_id)
    return {"name": found.name, "address": found.address} if found else {"name": "", "address": ""}


def _page(sheet: Sheet, faults: Mapping[str, str], given: Mapping[str, str]) -> Response:
    framed = request.args.get("frame") == "1"
    headers.allow_frames("'self'", *sheet.form.allowed_origins)
    shell = _shell(sheet, languages=not given)
    body = render_template(
        "forms/hosted.html",
        **shell,
        theme=request.args.get("theme", ""),
        framed=framed,
        form={"title": sheet.words.title, "intro": sheet.words.intro, "button": sheet.words.button},
        action=sheet.action,
        hidden=_hidden(sheet, given.get("t", "")),
        fields=fields_of(sheet, faults, given),
        topics=_topics(sheet),
        topics_error=faults.get("topic"),
        boxes=_boxes(sheet, faults),
        retention=sheet.words.notice,
        privacy_url=sheet.words.privacy_url or shell["brand"].privacy_url,
        errors=_summary(sheet, faults),
    )
    return make_response(body)


def _hidden(sheet: Sheet, opened: str) -> dict[str, str]:
    """The signed fields; a page shown again keeps the time of the first, so that a quick correction counts."""
    now = clock.now()
    fresh = tokens.sign(TIME, int(now.timestamp()).to_bytes(5, "big") + sheet.form.id.bytes)
    return {
        "v": version_name(sheet.version.version, sheet.version.language),
        "t": fresh if not opened or _age(sheet.form, opened, now) is Age.STALE else opened,
        "once": str(uuid7()),
    }


def fields_of(sheet: Sheet, faults: Mapping[str, str], given: Mapping[str, str]) -> list[dict[str, Any]]:
    """The fields in their order, the address first, with what was typed and what was wrong with it."""
    email = _field("email", _("Email address"), "email", required=True, autocomplete="email")
    known = {CUSTOM + item.key: item for item in sheet.custom}
    listed = [
        email,
        *(_asked(item, known.get(item.name)) for item in sheet.words.asked if item.use is not Use.OFF),
    ]
    shown = [item for item in listed if item is not None]
    for item in shown:
        item["value"] = given.get(item["name"], "")
        item["error"] = faults.get(item["name"], "")
    return shown


def _asked(item: Asked, custom: CustomField | None) -> dict[str, Any] | None:
    required = item.use is Use.REQUIRED
    if item.name == "first_name":
        return _field("first_name", _("First name"), "text", required=required, autocomplete="given-name")
    if item.name == "last_name":
        return _field("last_name", _("Last name"), "text", required=required, autocomplete="family-name")
    if custom is None:
        return None
    found = _field(item.name, custom.label, _TYPES.get(FieldKind(custom.kind), "text"), required=required)
    if custom.choices:
        found["options"] = [
            ("", _("Please choose"), ""),
            *((choice, choice, "") for choice in custom.choices),
        ]
    return found


def _field(name: str, label: str, kind: str, *, required: bool, autocomplete: str = "") -> dict[str, Any]:
    return {
        "name": name, "label": label, "type": kind, "required": required, "autocomplete": autocomplete,
        "hint": "", "options": (),
    }  # fmt: skip


def _topics(sheet: Sheet) -> list[dict[str, Any]]:
    """The interests to choose from; one alone stands for itself. What was ticked stays ticked after a fault."""
    if len(sheet.words.interests) < 2:
        return []
    ticked = set(request.form.getlist("topic"))
    by_id: dict[UUID, Interest] = {interest.id: interest for interest in sheet.interests}
    return [
        {
            "id": str(found.id),
            "name": found.name,
            "description": found.description,
            "pace": found.pace,
            "checked": str(found.id) in ticked,
        }
        for found in (by_id.get(interest_id) for interest_id in sheet.words.interests)
        if found is not None
    ]


def _boxes(sheet: Sheet, faults: Mapping[str, str]) -> list[dict[str, Any]]:
    """Consent boxes: empty on every page that is loaded; only the person's own tick survives a faulty post."""
    words, ticked = sheet.words, request.form
    boxes = [("yes", "1", words.consent, words.consent_hint)]
    if words.tracking:
        boxes.append(("tracking", "individual", words.tracking, words.tracking_hint))
    return [
        {
            "name": name, "value": value, "text": text, "hint": hint,
            "checked": ticked.get(name) == value, "error": faults.get(name, ""),
        }
        for name, value, text, hint in boxes
    ]  # fmt: skip


def _summary(sheet: Sheet, faults: Mapping[str, str]) -> list[dict[str, str | None]]:
    """Every fault with the place it belongs to; unknown fields have none."""
    places = {"email", "yes", "tracking", *(item.name for item in sheet.words.asked)}
    ids = {name: name for name in places} | {"topic": "topics"}
    return [{"id": ids.get(name), "message": message} for name, message in faults.items()]
