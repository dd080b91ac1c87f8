"""Setting how fast mails may leave through the workspace's own mail server."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, make_response, redirect, url_for
from werkzeug.wrappers import Response

from app.accounts import service as accounts
from app.accounts.rules import acts
from app.delivery import service
from app.home.pages.settings import page
from app.home.schemas import PaceForm, ReceiverForm, ReceiverPaceForm
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted

blueprint = Blueprint("pace", __name__, url_prefix="/settings/pace")


@blueprint.post("")
@guards.member("settings.write")
def save() -> Response:
    """Set how fast and over how many connections it goes altogether; what is left empty is no limit."""
    try:
        form = posted(PaceForm())
        service.set_pace(
            service.own_route(_workspace_id()),
            _number(form["per_minute"], "per_minute"),
            _number(form["connections"], "connections"),
        )
    except (BadInput, Conflict) as problem:
        return _refused(problem)
    return _done()


@blueprint.post("/receiver")
@guards.member("settings.write")
def limit_receiver() -> Response:
    """Set how fast one receiver is written to."""
    try:
        form = posted(ReceiverPaceForm())
        rate = _number(form["domain_per_minute"], "domain_per_minute") or 0
        service.set_rate(service.own_route(_workspace_id()), form["domain"], rate)
    except (BadInput, Conflict) as problem:
        renamed = {"per_minute": "domain_per_minute"}
        fields = {renamed.get(name, name): words for name, words in problem.fields.items()}
        return _refused(BadInput(problem.detail, fields=fields) if fields else problem)
    return _done()


@blueprint.post("/receiver/clear")
@guards.member("settings.write")
def clear_receiver() -> Response:
    """Take a receiver's limit away."""
    service.clear_rate(service.own_route(_workspace_id()), posted(ReceiverForm())["domain"])
    return _done()


def _number(typed: str, field: str) -> int | None:
    if not typed:
        return None
    if not typed.isascii() or not typed.isdigit() or len(typed) > 9:
        raise BadInput(fields={field: "Write a whole number."})
    return int(typed)


def _refused(problem: BadInput | Conflict) -> Response:
    errors = problem.fields or {"per_minute": problem.detail}
    return make_response(page(pace_errors=errors), problem.status)


def _done() -> Response:
    accounts.record("pace.changed", by=acts.user(current_actor().id), workspace_id=_workspace_id())
    return redirect(url_for("settings.index", _anchor="pace"), 303)


def _workspace_id() -> UUID:
    return current_actor().workspace_id
