"""Once more, because a person decides so: to those in doubt, and to those who have not got it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import make_response
from werkzeug.wrappers import Response

from app.campaigns import service
from app.campaigns.pages import blueprint, standing_of, to
from app.campaigns.pages.report import report_page
from app.campaigns.pages.sending import refused
from app.campaigns.rules import UNDERWAY
from app.campaigns.schemas import Nothing
from app.kernel.errors import Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted


@blueprint.post("/campaigns/<uuid:campaign_id>/unknown")
@guards.member("campaigns.write")
def send_unknown(campaign_id: UUID) -> Response:
    """Send once more to those in doubt."""
    return _again(campaign_id, service.send_unknown)


@blueprint.post("/campaigns/<uuid:campaign_id>/rest")
@guards.member("campaigns.write")
def send_rest(campaign_id: UUID) -> Response:
    """Try once more for those whose mail failed."""
    return _again(campaign_id, service.send_rest)


def _again(campaign_id: UUID, verb: Callable[[UUID, UUID], int]) -> Response:
    """The page where it is seen to leave; where nothing was done, the page it was asked on, with the reason."""
    standing_of(campaign_id)
    posted(Nothing())
    try:
        verb(current_actor().workspace_id, campaign_id)
    except Conflict as fault:
        standing = standing_of(campaign_id)
        if standing.state in UNDERWAY:
            return refused(campaign_id, fault)
        return make_response(report_page(standing, notice=fault.detail), fault.status)
    return to("show", campaign_id)
