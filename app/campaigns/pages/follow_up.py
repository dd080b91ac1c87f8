"""What one goes on with after a campaign."""

from __future__ import annotations

from uuid import UUID

from flask import make_response
from werkzeug.wrappers import Response

from app.campaigns import follow_up
from app.campaigns.pages import blueprint, standing_of, to
from app.campaigns.pages.report import report_page
from app.campaigns.schemas import FollowedUp, Shown
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted


@blueprint.post("/campaigns/<uuid:campaign_id>/again")
@guards.member("people.write")
def send_again(campaign_id: UUID) -> Response:
    """A draft for those whom it did not move; it makes a segment, so it takes the right to do so."""
    standing = standing_of(campaign_id)
    actor = current_actor()
    try:
        made = follow_up.again(actor.workspace_id, standing, posted(FollowedUp())["who"], by=actor.id)
    except (BadInput, Conflict) as fault:
        if standing.mailing_no is None:
            return to("show", campaign_id)
        return make_response(report_page(standing, notice=fault.detail), fault.status)
    return to("write", made.id)


@blueprint.post("/campaigns/<uuid:campaign_id>/archived-copy")
@guards.member("campaigns.write")
def show_in_archive(campaign_id: UUID) -> Response:
    """Show what was sent to everybody, or no longer."""
    standing = standing_of(campaign_id)
    workspace_id = current_actor().workspace_id
    try:
        if posted(Shown())["show"]:
            follow_up.publish(workspace_id, campaign_id)
        else:
            follow_up.withdraw(workspace_id, campaign_id)
    except Conflict as fault:
        if standing.mailing_no is None:
            return to("show", campaign_id)
        return make_response(report_page(standing, notice=fault.detail), fault.status)
    return to("report", campaign_id, _anchor="take")
