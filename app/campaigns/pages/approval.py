"""A second person's yes, the rule that asks for one, and comments; all on the review."""

from __future__ import annotations

from uuid import UUID

from flask import make_response
from werkzeug.wrappers import Response

from app.campaigns import approval
from app.campaigns.pages import blueprint, standing_of, to
from app.campaigns.pages.review import review_page
from app.campaigns.schemas import Approved, Remark, Ruled
from app.content import queries as letters
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
    values = posted(Approved())
    current = letters.get_letter(actor.workspace_id, standing.letter_id).revision
    try:
        approval.approve(
            actor.workspace_id, campaign_id, revision=values["revision"], current=current, by=actor.id,
            signature=values["variants"],
        )  # fmt: skip
    except Conflict as fault:
        if standing.mailing_no is not None:
            return to("show", campaign_id)
        return make_response(review_page(standing, notice=fault.detail), fault.status)
    return to("review", campaign_id)


@blueprint.post("/campaigns/<uuid:campaign_id>/comments")
@guards.member("campaigns.read")
def comment(campaign_id: UUID) -> Response:
    """Say something about it."""
    standing = standing_of(campaign_id)
    actor = current_actor()
    try:
        approval.comment(actor.workspace_id, campaign_id, posted(Remark())["body"], by=actor.id)
    except BadInput as fault:
        if standing.mailing_no is not None:
            return to("show", campaign_id)
        return make_response(review_page(standing, errors=fault.fields), fault.status)
    return to("review", campaign_id, _anchor="comments")


@blueprint.post("/campaigns/<uuid:campaign_id>/approval-rule")
@guards.member("settings.write")
def rule(campaign_id: UUID) -> Response:
    """Whether this workspace's campaigns need a second person's yes."""
    standing_of(campaign_id)
    approval.set_rule(current_actor().workspace_id, needs=posted(Ruled())["needs"])
    return to("review", campaign_id)
