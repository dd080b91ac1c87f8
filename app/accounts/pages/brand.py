"""The style sheet of a brand."""

from __future__ import annotations

from flask import Response, make_response, request

from app.accounts import queries
from app.accounts.pages import blueprint
from app.accounts.rules.brand import css_version
from app.kernel.http import guards

YEAR_SECONDS = 365 * 24 * 3600
FIVE_MINUTES = 300


@blueprint.get("/brand/<public_id>.css")
@guards.public
def brand_css(public_id: str) -> Response:
    """The brand's colours; an address that carries the current version may be cached for ever."""
    brand = queries.brand_of(queries.get_workspace_by_public_id(public_id))
    response = make_response(brand.palette.css)
    response.content_type = "text/css; charset=utf-8"
    is_current = request.args.get("v") == css_version(brand.accent)
    response.headers["Cache-Control"] = (
        f"public, max-age={YEAR_SECONDS}, immutable" if is_current else f"public, max-age={FIVE_MINUTES}"
    )
    return response
