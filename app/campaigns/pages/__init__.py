"""The pages of campaigns: list, calendar, new, audience, review, sending, report."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from flask import Blueprint, url_for
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.campaigns import queries
from app.campaigns.queries import Standing
from app.campaigns.rules import WORDS, State
from app.kernel.http.actor import current_actor

blueprint = Blueprint("campaigns", __name__, template_folder="../templates")
STEPS = ("Write", "Audience", "Review and send")


def standing_of(campaign_id: UUID) -> Standing:
    """The campaign of this request.

    Raises:
        NotFound: none of this workspace.
    """
    return queries.get_standing(current_actor().workspace_id, campaign_id)


def topics_of(standing: Standing, names: Iterable[str]) -> str:
    """Whom a campaign is for, in a line: what they said yes to, and the segment that narrows them."""
    topics = ", ".join(names)
    return f"{topics}, of the segment “{standing.segment}”" if standing.segment else topics


def zone_of() -> str:
    """The time zone of this request's workspace."""
    return accounts.brand(current_actor().workspace_id).time_zone


def to(endpoint: str, campaign_id: UUID, **more: Any) -> Response:
    """A redirect to one of a campaign's pages."""
    return redirect(url_for(f"campaigns.{endpoint}", campaign_id=campaign_id, **more), 303)


def home_of(standing: Standing) -> str:
    """The endpoint where a campaign is looked at now."""
    if standing.is_trial:
        return "campaigns.trial"
    if standing.state is State.DRAFT:
        return "campaigns.write"
    if standing.state in {State.DONE, State.CANCELLED}:
        return "campaigns.report"
    return "campaigns.sending"


def badge_of(standing: Standing) -> tuple[str, str]:
    """Word and tone of a campaign's badge."""
    return WORDS[standing.state]


from app.campaigns.pages import (  # noqa: E402
    again,
    approval,
    calendar,
    click_map,
    drafts,
    files,
    follow_up,
    listing,
    people,
    rehearsal,
    report,
    review,
    sending,
    series,
    sharing,
    trial,
    variants,
)

__all__ = [
    "again",
    "approval",
    "blueprint",
    "calendar",
    "click_map",
    "drafts",
    "files",
    "follow_up",
    "listing",
    "people",
    "rehearsal",
    "report",
    "review",
    "sending",
    "series",
    "sharing",
    "trial",
    "variants",
]
