"""Matches a request with a user's session or a program's key, and keeps the cookies of both kinds of browser."""

from __future__ import annotations

import hashlib
from uuid import UUID

from flask import Request, Response, g, request

from app.accounts import queries, service
from app.accounts.queries import LiveSession
from app.accounts.rules import lifetimes
from app.accounts.rules.brand import host_of
from app.accounts.rules.roles import OWN, permissions_of
from app.kernel import clock
from app.kernel.errors import BadRequest
from app.kernel.http import csrf
from app.kernel.http.actor import Actor

SESSION_COOKIE = "nod_session"
DEVICE_COOKIE = "nod_device"
NO_WORKSPACE = UUID(int=0)
"""Stands in an actor whose workspace is not made yet; no row has it."""
_KEY_NAMES = frozenset({"api_key", "apikey", "access_token"})


def user_of(current: Request) -> Actor | None:
    """Who is signed in in this browser, if anybody."""
    token = current.cookies.get(csrf.cookie_name(SESSION_COOKIE), "")
    if not 20 <= len(token) <= 100 or not token.isascii():
        return None
    now = clock.now()
    found = queries.find_live_session(service.hash_of_token(token), now, lifetimes.idle_since(now))
    if found is None:
        return None
    service.touch_session(found)
    g.account = found
    return Actor(
        kind="user",
        id=found.user_id,
        workspace_id=found.workspace_id or NO_WORKSPACE,
        name=found.user_name,
        permissions=permissions_of(found.role),
        csrf_secret=hashlib.sha256(b"nod csrf " + token.encode()).digest(),
    )


def key_of(current: Request) -> Actor | None:
    """The program whose key came in the Authorization header, if it works.

    Raises:
        BadRequest: a key in the address, where logs and histories keep it.
    """
    if any(
        name.lower() in _KEY_NAMES or service.is_key(value) for name, value in current.args.items(multi=True)
    ):
        raise BadRequest(
            "Send the key in the Authorization header, never in the address: logs keep addresses. Revoke this key."
        )
    scheme, _, secret = current.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or len(secret) > 200:
        return None
    found = queries.find_api_key(service.hash_of_key(secret.strip()), clock.now())
    if found is None:
        return None
    key, workspace_name = found
    service.touch_api_key(key)
    return Actor("api_key", key.id, key.workspace_id, workspace_name, frozenset({*key.scopes, OWN}))


def account() -> LiveSession:
    """The session of this request; only for views of somebody who is signed in."""
    found: LiveSession = g.account
    return found


def browser() -> service.Browser:
    """The browser of this request."""
    return service.Browser(
        ip=request.remote_addr or "",
        user_agent=request.headers.get("User-Agent", ""),
        session_token=request.cookies.get(csrf.cookie_name(SESSION_COOKIE), ""),
        device_token=request.cookies.get(csrf.cookie_name(DEVICE_COOKIE), ""),
    )


def keep_session(response: Response, opened: service.OpenedSession, device_token: str = "") -> None:
    """Give the browser its session's token, and the one by which it is known again."""
    age = int(lifetimes.ABSOLUTE.total_seconds()) if opened.kept else None
    csrf.set_cookie(response, SESSION_COOKIE, opened.token, age)
    if device_token:
        csrf.set_cookie(response, DEVICE_COOKIE, device_token, int(lifetimes.DEVICES_KEPT.total_seconds()))


def drop_session(response: Response) -> None:
    """Take the session's token from the browser."""
    csrf.set_cookie(response, SESSION_COOKIE, "", 0)


def shell() -> dict[str, object]:
    """What every page of somebody who is signed in shows of their workspace."""
    found: LiveSession | None = g.get("account")
    if found is None or found.workspace_id is None:
        return {}
    return {
        "workspace": {"name": found.workspace_name, "host": host_of(found.workspace_site)},
        "zone": found.workspace_time_zone,
    }
