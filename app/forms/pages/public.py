"""The form that readers see, and its one endpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import Response, current_app, jsonify, make_response, redirect, render_template, request, url_for

from app.delivery import queries as delivery
from app.forms import queries, sealed, service
from app.forms.abuse import addresses, puzzle
from app.forms.models import Form
from app.forms.pages import blueprint, posts
from app.forms.pages.sheets import (
    Sheet,
    boxes_of,
    choose_language,
    fields_of,
    sheet_of,
    shell,
    summary_of,
    topics_of,
)
from app.forms.rules import Age, version_name
from app.forms.style import Style
from app.kernel import clock
from app.kernel.db import transaction
from app.kernel.errors import BadInput, NotFound
from app.kernel.http import guards, headers, problems
from app.kernel.i18n import gettext as _
from app.kernel.ids import uuid7
from app.preferences import queries as preferences

PREFLIGHT_SECONDS = 600
YEAR_SECONDS = 365 * 24 * 3600


@blueprint.get("/f/<public_id>", provide_automatic_options=False)
@guards.public
def hosted(public_id: str) -> Response:
    """The form as a page of its own, or in a frame."""
    sheet = _asked_sheet(public_id)
    if request.method == "GET" and "preview" not in request.args:
        source = "frame" if request.args.get("frame") == "1" else "page"
        service.count(sheet.form, version=sheet.version.version, source=source, views=1)
    return page_of(sheet, {}, {})


@blueprint.get("/f/<public_id>/fragment", provide_automatic_options=False)
@guards.public
def fragment(public_id: str) -> Response:
    """The form as plain HTML for the web component, which a website of the form may read."""
    sheet = _asked_sheet(public_id)
    source = posts.source_of(sheet.form, "component", request.headers.get("Origin", ""))
    service.count(sheet.form, version=sheet.version.version, source=source, views=1)
    return _allow_origin(sheet.form, make_response(plain_html(sheet, "component", signed=True)))


@blueprint.get("/f/look.css")
@guards.untouched
def look() -> Response:
    """Colours, font and corners as rules; all of it stands in the address, so it may be cached for ever."""
    try:
        css = Style.from_query(request.args).css
    except ValueError:
        raise NotFound("This look is not here.") from None
    response = make_response(css)
    response.content_type = "text/css; charset=utf-8"
    response.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
    return response


@blueprint.post("/f/<public_id>", provide_automatic_options=False)
@guards.untouched
def submit(public_id: str) -> Response:
    """Take an answer. Whoever posts an address learns nothing about it: the answer is always the same.

    No transaction is open while the DNS is asked about a domain that nobody here has looked up lately.
    """
    return _answer(public_id, posts.pairs_of(), is_counted=False)


@blueprint.route("/f/<public_id>", methods=["OPTIONS"], provide_automatic_options=False)
@guards.public
def preflight(public_id: str) -> Response:
    """Tell a browser which websites may post JSON here."""
    form = queries.get_open_form(public_id)
    response = _allow_origin(form, Response(status=204))
    if "Access-Control-Allow-Origin" in response.headers:
        response.headers["Access-Control-Allow-Methods"] = "POST"
        response.headers["Access-Control-Allow-Headers"] = "Content-Type, Accept"
        response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    return response


@blueprint.get("/f/<public_id>/inbox")
@guards.public
def inbox(public_id: str) -> str:
    """The next step, for everyone alike: look in your inbox."""
    sheet = _asked_sheet(public_id)
    now = clock.now()
    return render_template(
        "forms/inbox.html",
        **shell(sheet, languages=False),
        title=sheet.words.thanks_title,
        thanks=sheet.words.thanks,
        address=sealed.unseal(request.args.get("k", ""), now),
        for_child="child" in request.args,
        sender=_sender(sheet),
        valid_until=now + timedelta(days=preferences.confirm_days(sheet.form.workspace_id)),
        form_url=url_for("forms.hosted", public_id=public_id, lang=sheet.version.language),
    )


def _asked_sheet(public_id: str) -> Sheet:
    form = queries.get_open_form(public_id)
    versions = {row.language: row for row in queries.list_versions(form)}
    return sheet_of(form, versions[choose_language(tuple(versions), form.language)], tuple(versions))


# --- Answering --------------------------------------------------------------------------------------------------


def _answer(public_id: str, pairs: posts.Pairs, *, is_counted: bool) -> Response:
    try:
        with transaction():
            clock.use_recent()
            if not is_counted:
                posts.limit(public_id)
            return _take(public_id, pairs)
    except addresses.Unknown as found:
        addresses.look_up(found.domain)
    return _answer(public_id, pairs, is_counted=True)  # once for each address of a post


def _take(public_id: str, pairs: posts.Pairs) -> Response:
    posted = dict(pairs)
    sheet = posts.posted_sheet(public_id, posted.get("v", ""))
    form, now = sheet.form, clock.now()
    if posted.get("website"):
        return _allow_origin(form, _done(sheet, posted.get("email", ""), now))
    try:
        answer = posts.read(sheet, pairs, now)
    except BadInput as fault:
        return _allow_origin(form, _faulty(sheet, fault, posted))
    service.receive(form, sheet.version, posts.post_of(sheet, answer, pairs))
    if answer.guardian is not None:
        return _allow_origin(form, _done(sheet, answer.guardian.raw, now, for_child=True))
    return _allow_origin(form, _done(sheet, posted.get("email", ""), now))


def _done(sheet: Sheet, address: str, now: datetime, *, for_child: bool = False) -> Response:
    """The one answer to every post that fits, and to every bot."""
    words = sheet.words
    elsewhere = words.after_url if service.may_go_to(sheet.form, words.after_url) else ""
    if request.is_json or problems.wants_json():
        more = {"url": elsewhere} if elsewhere else {}
        return jsonify(
            status="asked",
            title=words.thanks_title
            or (_("Ask your parent or guardian") if for_child else _("Look in your inbox")),
            detail=f"{words.thanks} {_next_step(for_child)}".strip(),
            **more,
        )
    target = elsewhere or url_for(
        "forms.inbox",
        public_id=sheet.form.public_id,
        lang=sheet.version.language,
        k=sealed.seal(address.strip()[:254], now),
        child="1" if for_child else None,
    )
    return make_response(redirect(target, 303))


def _next_step(for_child: bool) -> str:
    if for_child:
        return _("We sent one mail to your parent or guardian. After their yes we send one to you.")
    return _("We sent one mail to your address. Press the button in it, then say yes on our page.")


def _faulty(sheet: Sheet, fault: BadInput, posted: Mapping[str, str]) -> Response:
    if request.is_json or problems.wants_json():
        return _faulty_json(sheet, fault)
    response = page_of(sheet, fault.fields, posted)
    response.status_code = fault.status
    return response


def _faulty_json(sheet: Sheet, fault: BadInput) -> Response:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": fault.title,
        "status": fault.status,
        "detail": fault.detail,
        "errors": fault.fields,
    }
    if isinstance(fault, posts.PuzzleWanted):
        body["puzzle"] = puzzle.make(sheet.form.public_id, clock.now())
    response = jsonify(body)
    response.content_type = "application/problem+json"
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


def _sender(sheet: Sheet) -> dict[str, str]:
    found = delivery.sender_of(sheet.form.workspace_id)
    return {"name": found.name, "address": found.address} if found else {"name": "", "address": ""}


def page_of(sheet: Sheet, faults: Mapping[str, str], given: Mapping[str, str], **more: Any) -> Response:
    """The hosted page; ``more`` stands in for parts of its context in a preview."""
    framed, is_preview = request.args.get("frame") == "1", "preview" in request.args
    headers.allow_frames("'self'", *sheet.form.allowed_origins)
    around = shell(sheet, languages=not given)
    now = clock.now()
    context = {
        **around,
        "theme": request.args.get("theme", ""),
        "framed": framed,
        "tells_height": framed and not is_preview,
        "form": {"title": sheet.words.title, "intro": sheet.words.intro, "button": sheet.words.button},
        "action": sheet.action,
        "hidden": _hidden(sheet, given.get("t", ""), "frame" if framed else given.get("via", "")),
        "puzzle": json.dumps(puzzle.make(sheet.form.public_id, now))
        if posts.is_braked(sheet.form, now) and not is_preview
        else "",
        "fields": fields_of(sheet, faults, given),
        "topics": topics_of(sheet),
        "topics_error": faults.get("topic"),
        "boxes": boxes_of(sheet, faults),
        "retention": sheet.words.notice,
        "privacy_url": sheet.words.privacy_url or around["brand"].privacy_url,
        "errors": summary_of(sheet, faults),
        **more,
    }
    return make_response(render_template("forms/hosted.html", **context))


def plain_html(sheet: Sheet, via: str, *, signed: bool = False) -> str:
    """The form as HTML to paste; signed where it is made anew for each reader."""
    brand = shell(sheet, languages=False)["brand"]
    return render_template(
        "forms/embed.html",
        url=current_app.config["NOD"].url + sheet.action,
        version=version_name(sheet.version.version, sheet.version.language),
        lang=sheet.version.language,
        via=via,
        signed=_hidden(sheet, "", "") if signed else {},
        style=";".join(f"{name}:{value}" for name, value in sheet.form.look.properties.items())
        if via == "component"
        else "",
        words=sheet.words,
        fields=fields_of(sheet, {}, {}),
        interests=sheet.interests,
        privacy_url=sheet.words.privacy_url or brand.privacy_url,
    ).strip()


def _hidden(sheet: Sheet, opened: str, via: str) -> dict[str, str]:
    """The signed fields; a page shown again keeps the time of the first, so that a quick correction counts."""
    now = clock.now()
    is_over = not opened or posts.age_of(sheet.form, opened, now) is Age.STALE
    found = {
        "v": version_name(sheet.version.version, sheet.version.language),
        "t": posts.signed_time(sheet.form, now) if is_over else opened,
        "once": str(uuid7()),
    }
    return {**found, "via": via} if via else found
