"""Every route carries exactly one guard; the application does not start with a route that has none.

A guarded view runs inside one transaction: returning commits, raising rolls back.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, current_app, redirect, request, url_for
from werkzeug.wrappers import Response

from app.kernel.db import transaction
from app.kernel.errors import Forbidden, NotFound, NotSignedIn
from app.kernel.http import csrf
from app.kernel.http.actor import authenticate

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Guard:
    """What a route asks for: ``kind`` and, for members and keys, the permission."""

    kind: str
    permission: str = ""


def public(view: View) -> View:
    """Anyone, without a session: forms, confirm and preference pages, tracking. What it may do stands in its token."""
    return _guarded(view, Guard("public"), lambda: None)


def visitor(view: View) -> View:
    """Anyone, from a page of ours: sign-in and first set-up."""

    def check() -> None:
        authenticate("user", request)
        csrf.visitor_secret()
        csrf.check(request)

    return _guarded(view, Guard("visitor"), check)


def member(permission: str, *, in_slices: bool = False) -> Callable[[View], View]:
    """Somebody signed in who holds the permission.

    Args:
        permission: such as ``people.read``.
        in_slices: the view talks to another machine and opens its own short transactions around that; the
            check alone runs in one.
    """

    def check() -> Response | None:
        actor = authenticate("user", request)
        if actor is None:
            if request.method in csrf.SAFE and request.accept_mimetypes.accept_html:
                return redirect(url_for("accounts.sign_in", next=request.full_path.rstrip("?")))
            raise NotSignedIn("Your session has ended. Sign in and repeat what you did.")
        csrf.check(request)
        if not actor.may(permission):
            raise Forbidden("Ask an owner of this workspace for the right to do this.")
        return None

    def check_alone() -> Response | None:
        with transaction():
            return check()

    if in_slices:
        return lambda view: _guarded(view, Guard("member", permission), check_alone, in_transaction=False)
    return lambda view: _guarded(view, Guard("member", permission), check)


def api(scope: str) -> Callable[[View], View]:
    """A program with an API key that holds the scope."""

    def check() -> None:
        actor = authenticate("api_key", request)
        if actor is None:
            raise NotSignedIn("Send your API key as: Authorization: Bearer …")
        if not actor.may(scope):
            raise Forbidden(f"This key lacks the scope {scope}.")

    return lambda view: _guarded(view, Guard("api", scope), check)


def untouched(view: View) -> View:
    """Anyone, without a transaction: the sign of life, static files, and links in mails, which work without it."""
    return _guarded(view, Guard("public"), lambda: None, in_transaction=False)


def operator(view: View) -> View:
    """Whoever runs the machine: on loopback, or with the metrics token."""

    def check() -> None:
        wanted = current_app.config["NOD"].metrics_token
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        local = request.remote_addr in {"127.0.0.1", "::1"} and not request.headers.get("X-Forwarded-For")
        allowed = given.isascii() and hmac.compare_digest(given, wanted) if wanted else local
        if not allowed:
            raise NotFound

    return _guarded(view, Guard("operator"), check, in_transaction=False)


def _guarded(
    view: View, guard: Guard, check: Callable[[], Response | None], *, in_transaction: bool = True
) -> View:
    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not in_transaction:
            return check() or view(*args, **kwargs)
        with transaction():
            return check() or view(*args, **kwargs)

    guarded.guard = guard  # type: ignore[attr-defined]
    return guarded  # type: ignore[return-value]


def guard_of(app: Flask, endpoint: str) -> Guard | None:
    """The guard of a route, None where it has none."""
    return getattr(app.view_functions[endpoint], "guard", None)


def refuse_unguarded(app: Flask) -> None:
    """Stop the start when a route has no guard.

    Raises:
        RuntimeError: names each of them.
    """
    naked = sorted(rule.endpoint for rule in app.url_map.iter_rules() if guard_of(app, rule.endpoint) is None)
    if naked:
        raise RuntimeError(f"These routes have no guard: {', '.join(naked)}.")
