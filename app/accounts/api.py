"""The API's own account: which key is this?"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from app.accounts import queries
from app.accounts.rules.roles import OWN
from app.kernel.http import guards
from app.kernel.http.actor import current_actor

blueprint = Blueprint("accounts_api", __name__, url_prefix="/api/v1")


@blueprint.get("/me")
@guards.api(OWN)
def me() -> Response:
    """The workspace and the scopes of the key that asks."""
    actor = current_actor()
    brand = queries.brand(actor.workspace_id)
    return jsonify(
        workspace={"id": str(brand.id), "name": brand.name, "language": brand.language},
        key={"id": str(actor.id), "scopes": sorted(actor.permissions - {OWN})},
    )
