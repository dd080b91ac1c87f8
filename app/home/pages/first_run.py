"""How far the first run is, for whoever asks."""

from __future__ import annotations

from flask import g
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.accounts.queries import LiveSession
from app.delivery import queries as delivery
from app.home.rules import Step, may_enter, next_step
from app.kernel.errors import NotSignedIn


def who() -> LiveSession | None:
    """The session behind this request, if somebody is signed in."""
    found: LiveSession | None = g.get("account")
    return found


def somebody() -> LiveSession:
    """The session behind this request.

    Raises:
        NotSignedIn: nobody.
    """
    found = who()
    if found is None:
        raise NotSignedIn
    return found


def reached() -> Step:
    """The first step that is not done yet."""
    found = who()
    workspace_id = found.workspace_id if found else None
    return next_step(
        has_owner=found is not None or accounts.has_owner(),
        has_workspace=workspace_id is not None,
        has_sender=workspace_id is not None and delivery.sender_of(workspace_id) is not None,
    )


def turned_away(step: Step) -> Response | None:
    """A redirect to the first open step for whoever asks for one out of order."""
    found = reached()
    return None if may_enter(step, found) else redirect(f"/setup/{found}")
