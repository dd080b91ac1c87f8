"""Signing in and out."""

from __future__ import annotations

from flask import Response, current_app, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.accounts import identity, queries, service
from app.accounts.pages import blueprint
from app.accounts.rules import lifetimes
from app.accounts.rules.links import safe_next
from app.accounts.schemas import SignIn
from app.config import Settings
from app.kernel.errors import BadInput
from app.kernel.http import guards
from app.kernel.http.posted import posted

_NO_MATCH = "That email and password do not match. Try again."


@blueprint.get("/sign-in")
@guards.visitor
def sign_in() -> AnyResponse:
    """The form; somebody who is in already goes on."""
    if not queries.has_owner():
        return redirect(url_for("accounts.first_owner"))
    target = safe_next(request.args.get("next", ""))
    if g.actor is not None:
        return redirect(target)
    return _form(email="", target=target)


@blueprint.post("/sign-in")
@guards.visitor
def open_session() -> AnyResponse:
    """Check address and password; the same answer for every reason to refuse."""
    try:
        form = posted(SignIn())
    except BadInput as problem:
        message = " ".join(problem.fields.values())
        return _form(email=request.form.get("email", ""), target="/", error=message, status=problem.status)
    target = safe_next(form["next"])
    found = service.sign_in(form["email"], form["password"], identity.browser(), keep=form["remember"])
    if found is None:
        return _form(email=form["email"], target=target, error=_NO_MATCH, status=401)
    response = make_response(redirect(target, 303))
    identity.keep_session(response, found.session, found.device_token)
    return response


@blueprint.post("/sign-out")
@guards.visitor
def sign_out() -> Response:
    """End the session on the server, not only in the browser."""
    if g.actor is not None:
        found = identity.account()
        service.end_session(found.id, found.user_id, "signed out")
    response = make_response(redirect(url_for("accounts.sign_in"), 303))
    identity.drop_session(response)
    return response


def _form(*, email: str, target: str, error: str = "", status: int = 200) -> Response:
    page = render_template(
        "accounts/sign_in.html",
        action=url_for("accounts.sign_in"),
        next="" if target == "/" else target,
        email=email,
        error=error,
        place=_place(),
        remember_days=lifetimes.ABSOLUTE.days,
    )
    return make_response(page, status)


def _place() -> str | None:
    """The one brand of this installation and its host; with several nobody knows yet which one is meant."""
    workspaces = queries.list_workspaces()
    if len(workspaces) != 1:
        return None
    settings: Settings = current_app.config["NOD"]
    return f"{workspaces[0].name} on {settings.host}"
