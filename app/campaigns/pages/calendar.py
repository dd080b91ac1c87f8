"""A month or a week with what leaves and what left; what has not begun is moved to another day there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import render_template, request, url_for

from app.campaigns import queries, rules, serial
from app.campaigns.models import CampaignSeries
from app.campaigns.pages import blueprint, home_of, zone_of
from app.campaigns.queries import Standing
from app.campaigns.rules import WORDS, State
from app.kernel import clock
from app.kernel.http import guards
from app.kernel.http.actor import current_actor

_TONES = {State.SENDING: "yes", State.SCHEDULED: "info", State.PAUSED: "ask"}


@blueprint.get("/campaigns/calendar")
@guards.member("campaigns.read")
def calendar() -> str:
    """A week, ``week=2026-11-26``, else a month, ``month=2026-11``; this month where nothing is said."""
    zone = zone_of()
    today = clock.now().astimezone(ZoneInfo(zone)).date()
    week = rules.week_of(request.args.get("week", ""))
    month = rules.month_of(request.args.get("month", ""), today)
    weeks = [week] if week else rules.weeks_of(month)
    values = _week(week, today) if week else _month(month, today)
    return render_template(
        "campaigns/calendar.html",
        **values,
        today=today,
        weeks=weeks,
        events=_events(weeks, zone),
        may_write=current_actor().may("campaigns.write"),
        zone=zone,
    )


def _month(month: date, today: date) -> dict[str, Any]:
    before, after = rules.month_before(month), rules.next_month(month)
    inside = today if month == today.replace(day=1) else month
    return {
        "month": month,
        "title": f"{month:%B %Y}",
        "before": (f"{before:%B %Y}", url_for(".calendar", month=f"{before:%Y-%m}")),
        "after": (f"{after:%B %Y}", url_for(".calendar", month=f"{after:%Y-%m}")),
        "here": f"{month:%Y-%m}",
        "month_url": "",
        "week_url": url_for(".calendar", week=inside.isoformat()),
    }


def _week(week: Sequence[date], today: date) -> dict[str, Any]:
    first, last, inside = week[0], week[-1], today if today in week else week[0]
    before, after = first - timedelta(days=7), first + timedelta(days=7)
    from_word = f"{first:%-d}" if first.month == last.month else f"{first:%-d %B}"
    return {
        "month": None,
        "title": f"{from_word} to {last:%-d %B %Y}",
        "before": ("The week before", url_for(".calendar", week=before.isoformat())),
        "after": ("The week after", url_for(".calendar", week=after.isoformat())),
        "here": first.isoformat(),
        "month_url": url_for(".calendar", month=f"{inside:%Y-%m}"),
        "week_url": "",
    }


def _events(weeks: Sequence[Sequence[date]], zone: str) -> dict[date, list[dict[str, Any]]]:
    events: dict[date, list[dict[str, Any]]] = {}
    for found in queries.list_between(current_actor().workspace_id, weeks[0][0], weeks[-1][-1], zone):
        assert found.at is not None
        day = found.at.astimezone(ZoneInfo(zone)).date()
        events.setdefault(day, []).append(_event(found))
    for series, name, at in serial.list_planned(current_actor().workspace_id, weeks[0][0], weeks[-1][-1], zone):
        events.setdefault(at.astimezone(ZoneInfo(zone)).date(), []).append(_planned(series, name, at))
    for found_on in events.values():
        found_on.sort(key=lambda one: (one["at"], one["name"]))
    return events


def _planned(series: CampaignSeries, name: str, at: datetime) -> dict[str, Any]:
    """An issue of a series that is to come."""
    return {
        "id": f"{series.id}-{at:%Y%m%d}",
        "name": name,
        "at": at,
        "url": url_for(".series_page", series_id=series.id),
        "move": "",
        "tone": "",
        "word": "an issue to come",
        "about": "",
    }


def _event(found: Standing) -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.name,
        "at": found.at,
        "url": url_for(home_of(found), campaign_id=found.id),
        "move": url_for("campaigns.move", campaign_id=found.id) if found.state is State.SCHEDULED else "",
        "tone": _TONES.get(found.state, ""),
        "word": WORDS[found.state][0],
        "about": found.segment,
    }
