"""Headers that every answer carries."""

from __future__ import annotations

import secrets

from flask import Response, g, request

_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; "
    "img-src 'self' data: https:; font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; manifest-src 'self'; frame-ancestors {ancestors}"
)


def nonce() -> str:
    """The nonce of this answer, for the few elements that a library adds itself."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(12)
    known: str = g.csp_nonce
    return known


def allow_frames(*ancestors: str) -> None:
    """Let these origins (or ``*``) show this answer in a frame; only the embedded form uses it."""
    g.frame_ancestors = " ".join(ancestors) or "'none'"


def add(response: Response) -> Response:
    """Policy, no sniffing, no referrer; nothing private is cached."""
    headers = response.headers
    ancestors = g.get("frame_ancestors", "'none'")
    headers.setdefault("Content-Security-Policy", _POLICY.format(nonce=nonce(), ancestors=ancestors))
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
    if ancestors == "'none'":
        headers.setdefault("X-Frame-Options", "DENY")
    if request.is_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint == "static":
        # Other websites load the web component; nothing here differs from one reader to another.
        headers["Access-Control-Allow-Origin"] = "*"
        if "v" in request.args and response.status_code == 200:
            headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
    headers.setdefault("Cache-Control", "no-store")
    headers.add("Vary", "Cookie")
    return response
