"""API keys: made, shown once, revoked."""

from __future__ import annotations

from uuid import UUID

from flask import Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.accounts import queries, service
from app.accounts.pages import blueprint
from app.accounts.rules import acts
from app.accounts.rules.roles import WORDS
from app.accounts.schemas import KeyForm, Nothing
from app.kernel.errors import BadInput
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted


@blueprint.get("/settings/keys")
@guards.member("settings.read")
def keys() -> str:
    """The keys of the workspace, by what is known of them."""
    return _page()


@blueprint.post("/settings/keys")
@guards.member("settings.write")
def create_key() -> Response:
    """Make a key and show it, this once."""
    actor = current_actor()
    try:
        form = posted(KeyForm())
        issued = service.create_api_key(
            actor.workspace_id, form["name"], form["scopes"], by=acts.user(actor.id)
        )
    except BadInput as problem:
        return make_response(_page(errors=problem.fields), problem.status)
    return make_response(_page(secret=issued.secret), 201)


@blueprint.post("/settings/keys/<uuid:key_id>/revoke")
@guards.member("settings.write")
def revoke_key(key_id: UUID) -> AnyResponse:
    """End a key at once."""
    actor = current_actor()
    posted(Nothing())
    service.revoke_api_key(actor.workspace_id, key_id, by=acts.user(actor.id))
    return redirect(url_for("accounts.keys"), 303)


def _page(*, errors: dict[str, str] | None = None, secret: str = "") -> str:
    actor = current_actor()
    return render_template(
        "accounts/keys.html",
        keys=queries.list_api_keys(actor.workspace_id),
        may_write=actor.may("settings.write"),
        scopes=sorted(WORDS.items()),
        chosen=request.form.getlist("scopes") if errors else [],
        name=request.form.get("name", "") if errors else "",
        errors=errors or {},
        secret=secret,
        create_action=url_for("accounts.create_key"),
    )
