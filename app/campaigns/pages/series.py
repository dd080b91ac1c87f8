"""Series on their pages: all of them, one with its issues side by side, and when they come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from flask import make_response, render_template, request, url_for
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from app.campaigns import queries, reporting, serial, series, service
from app.campaigns.models import CampaignIssue, CampaignSeries
from app.campaigns.pages import badge_of, blueprint, home_of, shown, standing_of, topics_of, zone_of
from app.campaigns.queries import Standing
from app.campaigns.rhythm import WEEKDAYS, Rhythm, rhythm_of
from app.campaigns.rules import Check
from app.campaigns.schemas import Nothing, Recurring
from app.consent import queries as consent
from app.content import queries as letters
from app.content import service as content
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted

WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "active": ("Goes on", "yes"), "paused": ("Paused", "ask"), "ended": ("Ended", "plain"),
}  # fmt: skip
NOT_MADE: Final[Mapping[str, tuple[str, str]]] = {
    "due": ("Being made", "info"), "skipped": ("Skipped", "plain"), "failed": ("Failed", "stop"),
}  # fmt: skip
NEXT: Final = 6
_ABOUT_A_DRAFT: Final = frozenset({"approval", "test", "closer"})


@blueprint.get("/campaigns/series")
@guards.member("campaigns.read")
def all_series() -> str:
    """What comes again, with its next date."""
    actor = current_actor()
    found = serial.list_series(actor.workspace_id)
    counts = serial.count_issues(actor.workspace_id, [row.id for row, _ in found])
    return render_template(
        "campaigns/series_list.html",
        rows=[
            {
                "url": url_for("campaigns.series_page", series_id=row.id),
                "name": name,
                "word": WORDS[row.state],
                "rhythm": serial.rhythm_of(row).words,
                "does": _does(row),
                "issues": counts.get(row.id, 0),
                "next": next(iter(serial.dates_of(row, 1)), None),
            }
            for row, name in found
        ],
        may_write=actor.may("campaigns.write"),
        zone=zone_of(),
    )


@blueprint.get("/campaigns/series/<uuid:series_id>")
@guards.member("campaigns.read")
def series_page(series_id: UUID) -> str:
    """When it comes next, what keeps it from leaving, and what its issues came to; ``page`` goes on."""
    return _page(serial.get_series(current_actor().workspace_id, series_id))


@blueprint.get("/campaigns/series/<uuid:series_id>/change")
@guards.member("campaigns.write")
def change_series(series_id: UUID) -> str:
    """Its rhythm and what happens at each date."""
    row = serial.get_series(current_actor().workspace_id, series_id)
    return _form(queries.get_standing(row.workspace_id, row.campaign_id), row)


@blueprint.post("/campaigns/series/<uuid:series_id>/change")
@guards.member("campaigns.write")
def keep_series(series_id: UUID) -> Response:
    """Keep another rhythm."""
    actor = current_actor()
    row = serial.get_series(actor.workspace_id, series_id)
    try:
        values = posted(Recurring())
        series.change(actor.workspace_id, row.id, _chosen(values), values["does"], only_new=values["only_new"], by=actor.id)
    except (BadInput, Conflict) as fault:
        page = _form(queries.get_standing(row.workspace_id, row.campaign_id), row, fault)
        return make_response(page, fault.status)
    return _to(series_id)


@blueprint.get("/campaigns/<uuid:campaign_id>/series")
@guards.member("campaigns.write")
def begin_series(campaign_id: UUID) -> Response:
    """Let a campaign come again; one that does leads to its series."""
    standing = standing_of(campaign_id)
    if standing.series_of is not None:
        return _to(standing.series_of)
    return make_response(_form(standing, None))


@blueprint.post("/campaigns/<uuid:campaign_id>/series")
@guards.member("campaigns.write")
def make_series(campaign_id: UUID) -> Response:
    """Make it a series."""
    standing = standing_of(campaign_id)
    actor = current_actor()
    try:
        values = posted(Recurring())
        made = series.make(
            actor.workspace_id, campaign_id, _chosen(values), values["does"], only_new=values["only_new"], by=actor.id
        )
    except (BadInput, Conflict) as fault:
        return make_response(_form(standing, None, fault), fault.status)
    return _to(made.id)


@blueprint.post("/campaigns/series/<uuid:series_id>/pause")
@guards.member("campaigns.write")
def pause_series(series_id: UUID) -> Response:
    """Make no issue until it goes on."""
    return _act(series_id, series.pause)


@blueprint.post("/campaigns/series/<uuid:series_id>/resume")
@guards.member("campaigns.write")
def resume_series(series_id: UUID) -> Response:
    """Go on with the next date."""
    return _act(series_id, series.resume)


@blueprint.post("/campaigns/series/<uuid:series_id>/end")
@guards.member("campaigns.write")
def end_series(series_id: UUID) -> Response:
    """Make no issue any more."""
    return _act(series_id, series.end)


def _act(series_id: UUID, verb: Callable[..., None]) -> Response:
    actor = current_actor()
    row = serial.get_series(actor.workspace_id, series_id)
    posted(Nothing())
    try:
        verb(actor.workspace_id, series_id, by=actor.id)
    except Conflict as fault:
        return make_response(_page(row, notice=fault.detail), fault.status)
    return _to(series_id)


def _to(series_id: UUID) -> Response:
    return redirect(url_for("campaigns.series_page", series_id=series_id), 303)


def _chosen(values: Mapping[str, Any]) -> Rhythm:
    return rhythm_of(values["every"], values["weekdays"], values["month_day"], values["time"])


def _does(row: CampaignSeries) -> str:
    if row.does == "draft":
        return "A draft for somebody to write on"
    return "Sent by itself when there is something new" if row.only_new else "Sent by itself"


def _page(row: CampaignSeries, notice: str = "") -> str:
    actor = current_actor()
    campaign = queries.get_campaign(actor.workspace_id, row.campaign_id)
    standing = queries.get_standing(actor.workspace_id, row.campaign_id)
    names = [one.name for one in consent.get_interests(actor.workspace_id, standing.interests)]
    issues = serial.list_issues(actor.workspace_id, row.id, request.args.get("page", ""))
    checks = service.look(actor.workspace_id, campaign).checks if row.state != "ended" else []
    return render_template(
        "campaigns/series.html",
        series=row,
        campaign=standing,
        word=WORDS[row.state],
        rhythm=serial.rhythm_of(row).words,
        does=_does(row),
        topics=topics_of(standing, names),
        dates=serial.dates_of(row, NEXT),
        checks=[(check, _where(check, standing)) for check in checks if check.severity == "stop" and check.step not in _ABOUT_A_DRAFT],
        feeds=content.feed_addresses(letters.get_letter(actor.workspace_id, standing.letter_id)),
        issues=_issues(actor.workspace_id, issues.rows),
        newer_url=_turn(row, issues.previous_cursor),
        older_url=_turn(row, issues.next_cursor),
        notice=notice,
        may_write=actor.may("campaigns.write"),
        zone=zone_of(),
    )


def _where(check: Check, standing: Standing) -> str:
    return {
        "write": url_for("campaigns.write", campaign_id=standing.id), "audience": url_for("campaigns.audience", campaign_id=standing.id),
        "sender": "/settings/sending", "brand": "/settings",
    }.get(check.step, "")  # fmt: skip


def _turn(row: CampaignSeries, cursor: str | None) -> str | None:
    return url_for("campaigns.series_page", series_id=row.id, page=cursor) if cursor else None


def _issues(workspace_id: UUID, rows: Any) -> list[dict[str, Any]]:
    """Each date with its campaign and its rates beside those of the others."""
    standings = queries.find_standings(workspace_id, [row.campaign_id for row in rows if row.campaign_id])
    rates = reporting.beside(workspace_id, [one for one in standings.values() if one.frozen_at and one.mailing_no])
    drawn = {one["id"]: one for one in shown.beside(rates)}
    return [_issue(row, standings.get(row.campaign_id) if row.campaign_id else None, drawn) for row in rows]


def _issue(row: CampaignIssue, standing: Standing | None, drawn: Mapping[UUID, Mapping[str, Any]]) -> dict[str, Any]:
    numbers = drawn.get(standing.id) if standing else None
    return {
        "due_at": row.due_at,
        "url": url_for(home_of(standing), campaign_id=standing.id) if standing else "",
        "word": badge_of(standing) if standing else NOT_MADE[row.state],
        "note": row.note,
        "sent": numbers["sent"] if numbers else None,
        "rates": numbers["rates"] if numbers else [],
    }


def _form(standing: Standing, row: CampaignSeries | None, fault: BadInput | Conflict | None = None) -> str:
    letter = letters.get_letter(current_actor().workspace_id, standing.letter_id)
    return render_template(
        "campaigns/series_form.html",
        series=row,
        campaign=standing,
        given=_given(row),
        weekdays=list(enumerate(WEEKDAYS)),
        does=series.DOES,
        has_feed=bool(content.feed_addresses(letter)),
        errors={name.split(".")[0]: message for name, message in fault.fields.items()} if fault else {},
        notice=fault.detail if fault and not fault.fields else "",
        is_copied=row is None and serial.is_copied(standing),
        zone=zone_of(),
    )


def _given(row: CampaignSeries | None) -> dict[str, Any]:
    """What the form shows: what was posted, else what is kept, else once a week."""
    if request.method == "POST":
        told = request.form
        return {
            "every": told.get("every", ""), "weekdays": told.getlist("weekdays"), "month_day": told.get("month_day", "1"),
            "time": told.get("time", ""), "does": told.get("does", ""), "only_new": "only_new" in told,
        }  # fmt: skip
    if row is None:
        return {"every": "week", "weekdays": ["0"], "month_day": "1", "time": "10:00", "does": "draft", "only_new": False}
    return {
        "every": row.every, "weekdays": [str(day) for day in row.weekdays], "month_day": str(row.month_day),
        "time": row.at_time, "does": row.does, "only_new": row.only_new,
    }  # fmt: skip
