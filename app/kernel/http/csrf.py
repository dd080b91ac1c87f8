"""Tokens that tie a form to the browser that loaded it."""

from __future__ import annotations

import hmac
import secrets

from flask import Request, Response, current_app, g, request
from markupsafe import Markup

from app.kernel import tokens
from app.kernel.errors import Forbidden

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FIELD = "csrf"
HEADER = "X-CSRF-Token"
_MESSAGE = "This page has been open too long, or it was not ours. Load it again and repeat what you did."


def cookie_name(base: str) -> str:
    """``__Host-`` ties the cookie to this host and to TLS; development without TLS cannot have it."""
    return f"__Host-{base}" if current_app.config["NOD"].is_secure else base


def set_cookie(response: Response, base: str, value: str, max_age_seconds: int | None = None) -> None:
    """A cookie that scripts cannot read and other sites cannot send along with a post."""
    response.set_cookie(
        cookie_name(base),
        value,
        max_age=max_age_seconds,
        path="/",
        httponly=True,
        secure=current_app.config["NOD"].is_secure,
        samesite="Lax",
    )


def visitor_secret() -> bytes:
    """The secret of a browser that is not signed in; a cookie made at its first page."""
    known: str | None = g.get("visitor")
    if known is None:
        known = request.cookies.get(cookie_name("nod_visitor"), "")
        if len(known) < 22:
            known = secrets.token_urlsafe(16)
            g.new_visitor = known
        g.visitor = known
    return known.encode()


def remember_visitor(response: Response) -> Response:
    """Give a new browser its cookie."""
    fresh: str | None = g.get("new_visitor")
    if fresh:
        set_cookie(response, "nod_visitor", fresh)
    return response


def token() -> str:
    """The token for forms of this request's session or browser."""
    return _make(_secret())


def field() -> Markup:
    """The hidden field that every form of a signed-in page carries."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, token())


def check(current: Request) -> None:
    """Refuse an unsafe request that does not come from a page of ours.

    Raises:
        Forbidden: no token, another session's token, or a browser that says the post is cross-site.
    """
    if current.method in SAFE:
        return
    if current.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise Forbidden(_MESSAGE)
    given = current.headers.get(HEADER) or current.form.get(FIELD, "")
    if not given.isascii() or not hmac.compare_digest(given, _make(_secret())):
        raise Forbidden(_MESSAGE)


def _secret() -> bytes:
    actor = g.get("actor")
    if actor is not None and actor.csrf_secret:
        return bytes(actor.csrf_secret)
    return b"visitor" + visitor_secret()


def _make(secret: bytes) -> str:
    return tokens.mac("csrf", secret).hex()
