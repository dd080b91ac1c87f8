"""The letter tried with everybody: asking for it, watching it, calling it off."""

from __future__ import annotations

from uuid import UUID

from flask import make_response, render_template
from werkzeug.wrappers import Response

from app.campaigns import queries, rehearsal, service
from app.campaigns.pages import blueprint, standing_of, to, zone_of
from app.campaigns.pages.review import checks_values, review_page
from app.campaigns.pages.tried import tried_values
from app.campaigns.rules import State
from app.campaigns.schemas import Nothing
from app.kernel.errors import BadInput
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted


@blueprint.post("/campaigns/<uuid:campaign_id>/tried")
@guards.member("campaigns.write")
def try_it(campaign_id: UUID) -> Response:
    """Try it with everybody, in the background."""
    standing = standing_of(campaign_id)
    actor = current_actor()
    posted(Nothing())
    if standing.state is not State.DRAFT:
        return to("show", campaign_id)
    try:
        rehearsal.ask(actor.workspace_id, campaign_id, by=actor.id)
    except BadInput as fault:
        return make_response(review_page(standing, notice=fault.detail), fault.status)
    return to("review", campaign_id, _anchor="tried")


@blueprint.post("/campaigns/<uuid:campaign_id>/tried/off")
@guards.member("campaigns.write")
def call_off(campaign_id: UUID) -> Response:
    """Try it no further."""
    standing_of(campaign_id)
    posted(Nothing())
    rehearsal.call_off(current_actor().workspace_id, campaign_id)
    return to("review", campaign_id, _anchor="tried")


@blueprint.get("/campaigns/<uuid:campaign_id>/tried")
@guards.member("campaigns.read")
def tried(campaign_id: UUID) -> str:
    """How far it is, as a part of the review; once it is over, with the checks that it changes."""
    actor, standing = current_actor(), standing_of(campaign_id)
    campaign = queries.get_campaign(actor.workspace_id, campaign_id)
    seen = rehearsal.look(campaign)
    values = {"campaign": standing, "may_write": actor.may("campaigns.write"), "zone": zone_of()}
    page = render_template("campaigns/_tried.html", **values, **tried_values(standing, seen))
    if seen is not None and not seen.is_over:
        return page
    looked = checks_values(standing, service.look(actor.workspace_id, campaign, actor.id))
    return page + render_template("campaigns/_checks.html", **values, **looked | {"is_aside": True})
