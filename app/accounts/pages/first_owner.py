"""The first step of the first run: who owns this installation. Closed for good once somebody does."""

from __future__ import annotations

import logging

from flask import Response, current_app, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.accounts import identity, queries, service
from app.accounts.pages import blueprint
from app.accounts.rules import links, passwords
from app.accounts.schemas import FirstOwner
from app.config import Settings
from app.kernel import limits
from app.kernel.errors import BadInput, Conflict, TooMany
from app.kernel.http import guards
from app.kernel.http.posted import posted

log = logging.getLogger(__name__)
CODE_TRIES, CODE_SECONDS = 20, 3600
NEXT_STEP = "/setup/brand"


@blueprint.get("/setup/account")
@guards.visitor
def first_owner() -> AnyResponse:
    """The form, while nobody owns this installation."""
    if queries.has_owner():
        return redirect("/")
    if _needs_code():
        log.warning("the set-up code of this server is %s", service.set_up_code())
    return _page()


@blueprint.post("/setup/account")
@guards.visitor
def make_first_owner() -> AnyResponse:
    """Make the owner and sign them in. On a public server only somebody who can read its log may do it."""
    if queries.has_owner():
        raise Conflict("Nod has its owner already. Sign in instead.")
    try:
        form = posted(FirstOwner())
        if _needs_code():
            _check_code(form["code"])
        user = service.create_owner(form["email"], form["name"], form["password"])
    except BadInput as problem:
        return _page(problem.fields, problem.status)
    opened = service.open_session(user.id, None, identity.browser(), keep=False)
    response = make_response(redirect(NEXT_STEP, 303))
    identity.keep_session(response, opened, service.remember_device(user.id))
    return response


def _needs_code() -> bool:
    settings: Settings = current_app.config["NOD"]
    return settings.is_production


def _check_code(code: str) -> None:
    network = links.network_of(request.remote_addr or "")
    if not limits.hit("setup.code", network, CODE_TRIES, CODE_SECONDS):
        raise TooMany("Too many codes were tried from here. Wait an hour.", retry_after_seconds=CODE_SECONDS)
    service.check_set_up_code(code)


def _page(errors: dict[str, str] | None = None, status: int = 200) -> Response:
    page = render_template(
        "accounts/setup_account.html",
        action=url_for("accounts.first_owner"),
        values={"name": request.form.get("name", ""), "email": request.form.get("email", "")},
        errors=errors or {},
        password_least=passwords.SHORTEST,
        needs_code=_needs_code(),
    )
    return make_response(page, status)
