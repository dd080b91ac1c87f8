"""What mails ask for: a picture and links. Answered without the database wherever the links are known."""

from __future__ import annotations

import base64
from typing import Final

from flask import Blueprint, Response, current_app, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from app.kernel.errors import NotFound
from app.kernel.http import guards
from app.tracking import links, recorder, tokens
from app.tracking.recorder import Recorder
from app.tracking.rules.hits import HIDDEN, NO_LINK, Kind
from app.tracking.rules.targets import is_pattern, is_web
from app.tracking.tokens import Link

blueprint = Blueprint("tracking", __name__)
PIXEL: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")
"""One transparent point, 43 bytes."""


@blueprint.get("/o/<token>.gif")
@guards.untouched
def pixel(token: str) -> Response:
    """A picture of one point: the same answer for every token, ours or not."""
    try:
        mailing_no, n = tokens.read(token)
    except NotFound:
        pass
    else:
        _record(mailing_no, n, Kind.OPEN, NO_LINK)
    return Response(PIXEL, content_type="image/gif", headers={"Cache-Control": "no-store"})


@blueprint.get("/r/<code>")
@guards.untouched
def follow(code: str) -> AnyResponse:
    """To where the link of the mailing leads, or the target that we signed; what else is asked is not looked at."""
    link, target = tokens.read_target_code(code) if len(code) > tokens.MAX_CODE else _registered(code)
    if not is_web(target):
        raise NotFound
    _record(link.mailing_no, link.n, Kind.CLICK, link.index)
    return redirect(target, 302)


def _registered(code: str) -> tuple[Link, str]:
    link = tokens.read_code(code)
    mailing = links.get(link.mailing_no)
    if link.index == HIDDEN:
        return link, mailing.home_url
    # Where merge tags lead stands in the code itself; without it, this is none that we wrote.
    if link.index >= len(mailing.links) or is_pattern(mailing.links[link.index]):
        raise NotFound
    return link, mailing.links[link.index]


def _record(mailing_no: int, n: int, kind: Kind, link: int) -> None:
    taker: Recorder = current_app.extensions[recorder.EXTENSION]
    headers = request.headers
    hints = " ".join(
        headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
    ).lower()
    taker.record(
        mailing_no,
        n,
        kind,
        link,
        is_head=request.method == "HEAD",
        is_prefetch="prefetch" in hints or "preview" in hints,
        program=headers.get("User-Agent", ""),
    )
