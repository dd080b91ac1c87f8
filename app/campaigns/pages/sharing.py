"""Links to a report for everybody: made, ended, and what they show."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from flask import make_response, render_template, url_for
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.accounts.rules import acts
from app.campaigns import links, queries, reporting
from app.campaigns.pages import blueprint, shown, standing_of, to
from app.campaigns.pages.report import has_begun, kind_asked, report_page
from app.campaigns.schemas import Nothing, Shared
from app.kernel.errors import BadInput, NotFound
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted
from app.tracking.queries import NO_ORDERS


@blueprint.post("/campaigns/<uuid:campaign_id>/links")
@guards.member("campaigns.write")
def share(campaign_id: UUID) -> Response:
    """Make a link that works for 7, 30 or 90 days."""
    standing = standing_of(campaign_id)
    if not has_begun(standing):
        return to("show", campaign_id)
    actor = current_actor()
    try:
        links.make(actor.workspace_id, campaign_id, posted(Shared())["days"], by=acts.user(actor.id))
    except BadInput as fault:
        return make_response(report_page(standing, next(iter(fault.fields.values()), fault.detail)), fault.status)
    return to("report", campaign_id, _anchor="take")


@blueprint.post("/campaigns/<uuid:campaign_id>/links/<uuid:link_id>/end")
@guards.member("campaigns.write")
def revoke_link(campaign_id: UUID, link_id: UUID) -> Response:
    """Let a link end now."""
    posted(Nothing())
    actor = current_actor()
    links.revoke(actor.workspace_id, campaign_id, link_id, by=acts.user(actor.id))
    return to("report", campaign_id, _anchor="take")


@blueprint.get("/reports/<token>")
@guards.public
def public_report(token: str) -> Response:
    """The numbers behind a link: no people, no draft, nothing that can be pressed; what a shop takes stays inside."""
    link = links.find(token)
    standing = queries.get_standing(link.workspace_id, link.campaign_id)
    if not has_begun(standing):
        raise NotFound("There is nothing to report.")
    brand = accounts.brand(link.workspace_id)
    found = replace(reporting.gather(link.workspace_id, standing), orders=NO_ORDERS)
    page = render_template(
        "campaigns/public_report.html",
        brand=brand,
        until=link.ends_at,
        kind_url=lambda kind: url_for(".public_report", token=token, kind=kind),
        **shown.values(found, brand.time_zone, kind_asked(), lambda _word, _which: ""),
    )
    answer = make_response(page)
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    return answer
