"""What came of it."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from flask import current_app, make_response, render_template, request, url_for
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.accounts.rules.brand import Brand
from app.campaigns import links, reporting
from app.campaigns.follow_up import UNMOVED
from app.campaigns.models import ReportLink
from app.campaigns.pages import badge_of, blueprint, shown, standing_of, to, topics_of
from app.campaigns.pages.sending import stream
from app.campaigns.pages.shown import Leads
from app.campaigns.queries import Standing
from app.campaigns.reporting import Rates, Report
from app.campaigns.rules import LINK_DAYS, UNDERWAY, State
from app.consent import queries as consent
from app.content import service as content
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.tracking.rules.hits import Kind

LIVE_PAUSE_SECONDS: Final = 3.0


@blueprint.get("/campaigns/<uuid:campaign_id>/report")
@guards.member("campaigns.read")
def report(campaign_id: UUID) -> Response:
    """The bar that sums to the audience, people beside machines, links; ``kind`` is open or click."""
    standing = standing_of(campaign_id)
    if not has_begun(standing):
        return to("show", campaign_id)
    return make_response(report_page(standing))


@blueprint.get("/campaigns/<uuid:campaign_id>/report/live")
@guards.member("campaigns.read", in_slices=True)
def report_live(campaign_id: UUID) -> Response:
    """The numbers as server-sent events while it leaves, as those of ``progress``; ``kind`` is open or click."""
    return stream(campaign_id, lambda standing: render_template("campaigns/_private.html", **_numbers(standing)), LIVE_PAUSE_SECONDS)


def has_begun(standing: Standing) -> bool:
    """Whether there is anything to report."""
    return standing.state not in {State.DRAFT, State.SCHEDULED} and standing.mailing_no is not None


def report_page(standing: Standing, notice: str = "") -> str:
    """The page of a campaign that has begun, with a word on top where something was refused."""
    actor = current_actor()
    found = reporting.gather(actor.workspace_id, standing)
    names = [one.name for one in consent.get_interests(actor.workspace_id, standing.interests)]
    word, tone = badge_of(standing)
    brand = accounts.brand(actor.workspace_id)
    return render_template(
        "campaigns/report.html",
        notice=notice,
        word=word,
        tone=tone,
        topics=topics_of(standing, names),
        mail_url=mail_url(standing),
        compared=shown.compared(reporting.compare(actor.workspace_id, found), _report_url),
        public_links=links.list_links(actor.workspace_id, standing.id),
        link_url=_link_url,
        unmoved=list(UNMOVED.items()) if actor.may("people.write") and actor.may("campaigns.write") else [],
        archive=_archive(standing, brand),
        link_days=[(str(days), f"{days} days") for days in LINK_DAYS],
        live_url=url_for(".report_live", campaign_id=standing.id, kind=kind_asked().value) if standing.state in UNDERWAY else "",
        **_numbers(standing, found, brand),
    )


def _numbers(standing: Standing, found: Report | None = None, brand: Brand | None = None) -> dict[str, Any]:
    """All that changes while it leaves."""
    actor = current_actor()
    report = found or reporting.gather(actor.workspace_id, standing)
    zone = (brand or accounts.brand(actor.workspace_id)).time_zone
    has_map = standing.version_id is not None and bool(report.links)
    return {
        "may_write": actor.may("campaigns.write"),
        "map_url": url_for("campaigns.click_map", campaign_id=standing.id) if has_map else "",
        "kind_url": lambda kind: url_for("campaigns.report", campaign_id=standing.id, kind=kind),
        **shown.values(report, zone, kind_asked(), leads_of(standing)),
    }


def _link_url(link: ReportLink) -> str:
    path = url_for("campaigns.public_report", token=links.token_of(link))
    return f"{current_app.config['NOD'].url.rstrip('/')}{path}"


def kind_asked() -> Kind:
    """Which kind the chart shows."""
    return Kind.OPEN if request.args.get("kind") == "open" else Kind.CLICK


def leads_of(standing: Standing) -> Leads:
    """The people behind each number of this campaign."""
    return lambda word, which: url_for("campaigns.people", campaign_id=standing.id, word=word, which=which or None)


def _archive(standing: Standing, brand: Brand) -> dict[str, Any]:
    """Whether its public copy stands in the archive, and where that is."""
    shown_at = content.find_public_number(brand.id, standing.version_id) if standing.version_id else None
    return {"is_shown": shown_at is not None, "url": content.archive_url(brand.public_id, shown_at)}


def _report_url(rates: Rates) -> str:
    return url_for("campaigns.report", campaign_id=rates.standing.id)


def mail_url(standing: Standing) -> str:
    """Where its mail is shown; empty where nothing was frozen."""
    if standing.version_id is None:
        return ""
    return url_for("content.preview", letter_id=standing.letter_id, version=standing.version_number)
