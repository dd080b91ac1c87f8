"""Headers that every answer carries."""

from __future__ import annotations

import secrets
from typing import Final

from flask import Response, g, request

_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; "
    "img-src 'self' data: https:; font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; manifest-src 'self'; frame-ancestors {ancestors}"
)
_NOBODY: Final = "'none'"
_FIXED: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()"),
)


def nonce() -> str:
    """The nonce of this answer, for the few elements that a library adds itself."""
    if "csp_nonce" not in g:
        g.csp_nonce = _new_nonce()
    known: str = g.csp_nonce
    return known


def allow_frames(*ancestors: str) -> None:
    """Let these origins (or ``*``) show this answer in a frame; only the embedded form uses it."""
    g.frame_ancestors = " ".join(ancestors) or _NOBODY


def sandbox(response: Response, pictures: str, *, allow: str = "", scripts: str = "") -> Response:
    """Show HTML that somebody wrote: in a frame of our own pages, without an origin, a form, or anything that runs.

    Args:
        response: it, on an address of its own.
        pictures: from where they may come, as in a policy.
        allow: what the sandbox lets through.
        scripts: which may run, as in a policy; empty: none.
    """
    allow_frames("'self'")
    runs = f"script-src {scripts}; " if scripts else ""
    response.headers["Content-Security-Policy"] = (
        f"{f'sandbox {allow}'.strip()}; default-src 'none'; img-src {pictures}; style-src 'unsafe-inline'; {runs}"
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    return response


def _new_nonce() -> str:
    return secrets.token_urlsafe(12)


def usual(is_secure: bool, nonce: str = "", ancestors: str = _NOBODY) -> list[tuple[str, str]]:
    """Policy, no sniffing, no referrer: also for answers outside of Flask.

    Args:
        is_secure: whether the reader came over TLS.
        nonce: of this answer's own elements; a new one that none has, unless it is given.
        ancestors: who may show the answer in a frame.
    """
    policy = _POLICY.format(nonce=nonce or _new_nonce(), ancestors=ancestors)
    found = [("Content-Security-Policy", policy), *_FIXED]
    if ancestors == _NOBODY:
        found.append(("X-Frame-Options", "DENY"))
    if is_secure:
        found.append(("Strict-Transport-Security", "max-age=31536000"))
    return found


def add(response: Response) -> Response:
    """What is usual; nothing private is cached."""
    headers = response.headers
    for name, value in usual(request.is_secure, nonce(), g.get("frame_ancestors", _NOBODY)):
        headers.setdefault(name, value)
    if request.endpoint == "static":
        # Other websites load the web component; nothing here differs from one reader to another.
        headers["Access-Control-Allow-Origin"] = "*"
        if "v" in request.args and response.status_code == 200:
            headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
    headers.setdefault("Cache-Control", "no-store")
    headers.add("Vary", "Cookie")
    return response
