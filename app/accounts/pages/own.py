"""One's own account: password, and where one is signed in."""

from __future__ import annotations

from typing import Any

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.accounts import identity, queries, service
from app.accounts.pages import blueprint
from app.accounts.rules import acts, browsers, lifetimes, passwords
from app.accounts.rules.roles import OWN
from app.accounts.schemas import NewPassword, Nothing, OneSession
from app.kernel import clock
from app.kernel.errors import BadInput, NotFound
from app.kernel.http import guards
from app.kernel.http.posted import posted


@blueprint.get("/settings/you")
@guards.member(OWN)
def own_account() -> str:
    """The page."""
    return _page(
        said="Your password is changed, and every other session has ended."
        if "changed" in request.args
        else ""
    )


@blueprint.post("/settings/password")
@guards.member(OWN)
def change_password() -> AnyResponse:
    """Take a new password; every session ends, and this browser gets a new one."""
    live = identity.account()
    try:
        form = posted(NewPassword())
        opened = service.change_password(
            live.user_id,
            current=form["current"],
            new=form["new"],
            browser=identity.browser(),
            workspace_id=live.workspace_id,
            keep=live.kept,
        )
    except BadInput as problem:
        return make_response(_page(problem.fields), problem.status)
    response = make_response(redirect(url_for("accounts.own_account", changed=1), 303))
    identity.keep_session(response, opened)
    return response


@blueprint.post("/settings/sessions/end")
@guards.member(OWN)
def end_session() -> AnyResponse:
    """End one of one's own sessions."""
    live = identity.account()
    session_id = posted(OneSession())["id"]
    if not service.end_session(session_id, live.user_id, "ended by its owner"):
        raise NotFound("That session has ended already.")
    service.record(
        "session.ended",
        by=acts.user(live.user_id),
        workspace_id=live.workspace_id,
        of=f"session:{session_id}",
    )
    return redirect(url_for("accounts.own_account"), 303)


@blueprint.post("/settings/sessions/end-others")
@guards.member(OWN)
def end_other_sessions() -> AnyResponse:
    """End all of one's own sessions but this one."""
    live = identity.account()
    posted(Nothing())
    count = service.end_sessions(live.user_id, "ended by its owner", except_id=live.id)
    act = "sessions.revoked"
    service.record(act, by=acts.user(live.user_id), workspace_id=live.workspace_id, detail={"count": count})
    return redirect(url_for("accounts.own_account"), 303)


def _page(errors: dict[str, str] | None = None, said: str = "") -> str:
    live = identity.account()
    now = clock.now()
    found = queries.list_sessions(live.user_id, now, lifetimes.idle_since(now))
    sessions: list[dict[str, Any]] = [
        {
            "id": row.id,
            "device": browsers.name_of(row.user_agent),
            "place": row.ip,
            "began_at": row.created_at,
            "seen_at": row.seen_at,
            "current": row.id == live.id,
        }
        for row in found
    ]
    return render_template(
        "accounts/own.html",
        email=live.user_email,
        errors=errors or {},
        said=said,
        password_least=passwords.SHORTEST,
        password_action=url_for("accounts.change_password"),
        sessions=sessions,
        revoke_action=url_for("accounts.end_session"),
        revoke_others_action=url_for("accounts.end_other_sessions"),
    )
