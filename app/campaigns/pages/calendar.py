"""The month with what leaves and what left."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from flask import render_template, request, url_for

from app.campaigns import queries, rules
from app.campaigns.pages import blueprint, home_of, zone_of
from app.campaigns.rules import WORDS, State
from app.kernel import clock
from app.kernel.http import guards
from app.kernel.http.actor import current_actor

_TONES = {State.SENDING: "yes", State.SCHEDULED: "info", State.PAUSED: "ask"}


@blueprint.get("/campaigns/calendar")
@guards.member("campaigns.read")
def calendar() -> str:
    """One month, ``month=2026-11``; this one where nothing is said."""
    zone = zone_of()
    today = clock.now().astimezone(ZoneInfo(zone)).date()
    month = rules.month_of(request.args.get("month", ""), today)
    weeks = rules.weeks_of(month)
    events: dict[date, list[dict[str, Any]]] = {}
    for found in queries.list_between(current_actor().workspace_id, weeks[0][0], weeks[-1][-1], zone):
        assert found.at is not None
        events.setdefault(found.at.astimezone(ZoneInfo(zone)).date(), []).append(
            {
                "name": found.name,
                "at": found.at,
                "url": url_for(home_of(found), campaign_id=found.id),
                "tone": _TONES.get(found.state, ""),
                "word": WORDS[found.state][0],
            }
        )
    before, after = rules.month_before(month), rules.next_month(month)
    return render_template(
        "campaigns/calendar.html",
        month=month,
        today=today,
        weeks=weeks,
        events=events,
        before=(f"{before:%B %Y}", url_for(".calendar", month=f"{before:%Y-%m}")),
        after=(f"{after:%B %Y}", url_for(".calendar", month=f"{after:%Y-%m}")),
        may_write=current_actor().may("campaigns.write"),
        zone=zone,
    )
