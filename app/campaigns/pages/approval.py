"""A second person's yes, the rule that asks for one, and comments; all on the review."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from flask import make_response
from werkzeug.wrappers import Response

from app.accounts.rules import acts
from app.campaigns import approval
from app.campaigns.pages import blueprint, standing_of, to
from app.campaigns.pages.review import review_page
from app.campaigns.queries import Standing
from app.campaigns.rules import State
from app.campaigns.schemas import Approved, Remark, Ruled
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted


@blueprint.post("/campaigns/<uuid:campaign_id>/approval")
@guards.member("campaigns.write")
def approve(campaign_id: UUID) -> Response:
    """Say yes to a draft as it is."""
    standing = standing_of(campaign_id)
    actor = current_actor()
    try:
        approval.approve(actor.workspace_id, campaign_id, posted(Approved())["seen"], by=actor.id)
    except Conflict as fault:
        return _refused(standing, notice=fault.detail, status=fault.status)
    return to("review", campaign_id)


@blueprint.post("/campaigns/<uuid:campaign_id>/comments")
@guards.member("campaigns.write")
def comment(campaign_id: UUID) -> Response:
    """Say something about it."""
    standing = standing_of(campaign_id)
    actor = current_actor()
    try:
        approval.comment(actor.workspace_id, campaign_id, posted(Remark())["body"], by=actor.id)
    except BadInput as fault:
        return _refused(standing, errors=fault.fields, status=fault.status)
    return to("review", campaign_id, _anchor="comments")


@blueprint.post("/campaigns/<uuid:campaign_id>/approval-rule")
@guards.member("settings.write")
def rule(campaign_id: UUID) -> Response:
    """Whether this workspace's campaigns need a second person's yes."""
    standing_of(campaign_id)
    actor = current_actor()
    approval.set_rule(actor.workspace_id, needs=posted(Ruled())["needs"], by=acts.user(actor.id))
    return to("review", campaign_id)


def _refused(standing: Standing, *, status: int, notice: str = "", errors: Mapping[str, str] | None = None) -> Response:
    """The review with what was wrong; once it has been launched there is none any more."""
    if standing.state is not State.DRAFT:
        return to("show", standing.id)
    return make_response(review_page(standing, notice=notice, errors=errors), status)
