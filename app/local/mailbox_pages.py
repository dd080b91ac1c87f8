"""Pages of the development mailbox: the list, a mail, the same as JSON and raw.

They show every mail, so they exist in development only, and only for who sits at this machine.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify, render_template, request

from app.config import Settings
from app.kernel.errors import NotFound
from app.kernel.http import guards, headers
from app.local.mailbox_store import Card, Mail, Mailbox

PAGE_SIZE = 50
MOST = 2_000
# Links open in a tab of their own: pages of Nod refuse to be shown inside a frame.
SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
MAIL_POLICY = (
    f"sandbox {SANDBOX}; default-src 'none'; img-src 'self' https: data:; style-src 'unsafe-inline'; "
    "font-src https: data:; frame-ancestors 'self'"
)

blueprint = Blueprint("mailbox", __name__, template_folder="templates")


def install(app: Flask, settings: Settings) -> None:
    """Add the mailbox to an application in development; do nothing in production."""
    if settings.mailbox_dir and not settings.is_production:
        app.register_blueprint(blueprint)


@blueprint.get("/mailbox")
@guards.operator
def index() -> str:
    """The newest mails, of one recipient with `?to=`."""
    to = request.args.get("to", "")
    cards = _mailbox().list_cards(to=to, before=request.args.get("before", ""), limit=PAGE_SIZE + 1)
    older = cards[PAGE_SIZE - 1].id if len(cards) > PAGE_SIZE else ""
    return render_template("mailbox/list.html", cards=cards[:PAGE_SIZE], to=to, older=older)


@blueprint.get("/mailbox.json")
@guards.operator
def index_json() -> Response:
    """The same as JSON: `to`, `before` and `limit` narrow it."""
    limit = min(request.args.get("limit", 100, type=int), MOST)
    cards = _mailbox().list_cards(
        to=request.args.get("to", ""), before=request.args.get("before", ""), limit=limit
    )
    return jsonify(mails=[_as_json(card) for card in cards])


@blueprint.get("/mailbox/<mail_id>")
@guards.operator
def show(mail_id: str) -> str:
    """One mail: as it looks, as text, its headers."""
    return render_template("mailbox/mail.html", mail=_mail(mail_id), sandbox=SANDBOX)


@blueprint.get("/mailbox/<mail_id>.json")
@guards.operator
def show_json(mail_id: str) -> Response:
    """One mail as JSON."""
    mail = _mail(mail_id)
    return jsonify(
        **_as_json(mail.card), headers=[list(pair) for pair in mail.headers], text=mail.text, html=mail.html
    )


@blueprint.get("/mailbox/<mail_id>.eml")
@guards.operator
def raw(mail_id: str) -> Response:
    """One mail, byte for byte as it came."""
    return Response(_mail(mail_id).raw, content_type="message/rfc822")


@blueprint.get("/mailbox/<mail_id>/html")
@guards.operator
def html(mail_id: str) -> Response:
    """The HTML part alone, without rights, for the frame of the mail's page."""
    headers.allow_frames("'self'")
    response = Response(_with_links_outside(_mail(mail_id).html), content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    return response


def _mailbox() -> Mailbox:
    settings: Settings = current_app.config["NOD"]
    return Mailbox(Path(settings.mailbox_dir))


def _mail(mail_id: str) -> Mail:
    mail = _mailbox().get(mail_id)
    if mail is None:
        raise NotFound("This mail is not in the mailbox, or no longer.")
    return mail


def _as_json(card: Card) -> dict[str, Any]:
    values = asdict(card)
    values["from"] = values.pop("from_")
    return values


def _with_links_outside(document: str) -> str:
    base = '<base target="_blank">'
    changed, count = re.subn(r"(<head\b[^>]*>)", rf"\1{base}", document, count=1, flags=re.IGNORECASE)
    return changed if count else base + document
