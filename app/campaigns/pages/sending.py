"""Watching it leave: what waits, how fast it goes, and the buttons that hold it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Response as FlaskResponse
from flask import make_response, redirect, render_template, request, stream_with_context, url_for
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.campaigns import queries, rules, service, timing
from app.campaigns.pages import badge_of, blueprint, standing_of, to, zone_of
from app.campaigns.queries import Standing
from app.campaigns.rules import UNDERWAY, Progress, State
from app.campaigns.schemas import Moved, Nothing
from app.delivery import queries as outbox
from app.delivery.rules import Word
from app.kernel import clock
from app.kernel.charts import Series, bar_chart, share_bar
from app.kernel.db import release, transaction
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted

LONGEST_SECONDS: Final = 20.0
PAUSE_SECONDS: Final = 1.0
SOON_SECONDS: Final = 12 * 3600
"""An end within this time is told without its day."""
MOST_HOURS: Final = 48
"""Of those who wait for an hour to come, so many hours are drawn."""
MAX_STREAMS: Final = 2
"""A stream holds one of the web server's threads: further pages get one figure, and ask again."""
_streams = threading.BoundedSemaphore(MAX_STREAMS)


@blueprint.get("/campaigns/<uuid:campaign_id>/sending")
@guards.member("campaigns.read")
def sending(campaign_id: UUID) -> Response:
    """What is waiting, leaving, standing still; with buttons for each."""
    standing = standing_of(campaign_id)
    if standing.state not in UNDERWAY:
        return to("show", campaign_id)
    return make_response(_sending(standing))


@blueprint.get("/campaigns/<uuid:campaign_id>/progress")
@guards.member("campaigns.read", in_slices=True)
def progress(campaign_id: UUID) -> Response:
    """The figures as server-sent events, for some seconds; a browser then asks again, until it hears that it is over.

    Also where it was over before anybody asked: a small mailing ends while its page is on the way.
    """
    return stream(campaign_id, lambda standing: render_template("campaigns/_figures.html", **_figures(standing)), PAUSE_SECONDS)


def stream(campaign_id: UUID, draw: Callable[[Standing], str], pause_seconds: float) -> Response:
    """What ``draw`` makes of a campaign, sent anew whenever it has changed.

    Raises:
        NotFound: none of this workspace.
    """
    workspace_id = current_actor().workspace_id
    with transaction():
        queries.get_standing(workspace_id, campaign_id)
    release()
    held = _streams.acquire(blocking=False)
    seconds = LONGEST_SECONDS if held else 0.0
    events = _events(workspace_id, campaign_id, draw, seconds, pause_seconds)
    response = FlaskResponse(stream_with_context(events), mimetype="text/event-stream")
    if held:
        response.call_on_close(_streams.release)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _events(
    workspace_id: UUID, campaign_id: UUID, draw: Callable[[Standing], str], seconds: float, pause_seconds: float
) -> Iterator[str]:
    """One event whenever something has changed; no connection of the database is held in between."""
    until = time.monotonic() + seconds
    yield "retry: 3000\n\n"
    last = ""
    while True:
        with transaction():
            standing = queries.get_standing(workspace_id, campaign_id)
            over = standing.state not in UNDERWAY
            page = "" if over else draw(standing)
        release()
        said = json.dumps({"over": over, "state": standing.state.value, "html": page})
        yield f"data: {said}\n\n" if said != last else ": still here\n\n"
        last = said
        if over or time.monotonic() + pause_seconds >= until:
            return
        time.sleep(pause_seconds)


@blueprint.post("/campaigns/<uuid:campaign_id>/pause")
@guards.member("campaigns.write")
def pause(campaign_id: UUID) -> Response:
    """Let nothing more begin."""
    standing_of(campaign_id)
    posted(Nothing())
    try:
        service.pause(current_actor().workspace_id, campaign_id)
    except Conflict as fault:
        return refused(campaign_id, fault)
    return to("sending", campaign_id)


@blueprint.post("/campaigns/<uuid:campaign_id>/resume")
@guards.member("campaigns.write")
def resume(campaign_id: UUID) -> Response:
    """Go on."""
    standing_of(campaign_id)
    posted(Nothing())
    try:
        service.resume(current_actor().workspace_id, campaign_id)
    except Conflict as fault:
        return refused(campaign_id, fault)
    return to("sending", campaign_id)


@blueprint.post("/campaigns/<uuid:campaign_id>/hurry")
@guards.member("campaigns.write")
def hurry(campaign_id: UUID) -> Response:
    """Send without waiting any longer."""
    standing_of(campaign_id)
    posted(Nothing())
    try:
        service.hurry(current_actor().workspace_id, campaign_id)
    except Conflict as fault:
        return refused(campaign_id, fault)
    return to("sending", campaign_id)


@blueprint.post("/campaigns/<uuid:campaign_id>/move")
@guards.member("campaigns.write")
def move(campaign_id: UUID) -> Response:
    """Send it at another time; dragged to another day in the calendar it keeps its time of day."""
    standing = standing_of(campaign_id)
    try:
        values = posted(Moved())
        zone = zone_of()
        at = values["time"] or f"{(standing.at or clock.now()).astimezone(ZoneInfo(zone)):%H:%M}"
        service.move(current_actor().workspace_id, campaign_id, rules.due_at(values["day"], at, zone, clock.now()))
    except BadInput as fault:
        return refused(campaign_id, Conflict(" ".join(fault.fields.values()) or fault.detail))
    except Conflict as fault:
        return refused(campaign_id, fault)
    if values["back"]:
        which = "month" if len(values["back"]) == len("2026-11") else "week"
        return redirect(url_for("campaigns.calendar", **{which: values["back"]}, _anchor=f"c-{campaign_id}"), 303)
    return to("sending", campaign_id)


@blueprint.post("/campaigns/<uuid:campaign_id>/cancel")
@guards.member("campaigns.write")
def cancel(campaign_id: UUID) -> Response:
    """Send no more; nothing has left: a draft again."""
    standing_of(campaign_id)
    posted(Nothing())
    try:
        again = service.cancel(current_actor().workspace_id, campaign_id)
    except Conflict as fault:
        return refused(campaign_id, fault)
    return to("review" if again else "report", campaign_id)


def refused(campaign_id: UUID, fault: Conflict) -> Response:
    """The page as it is now, with the reason why nothing was done."""
    standing = standing_of(campaign_id)
    if standing.state not in UNDERWAY:
        return to("show", campaign_id)
    return make_response(_sending(standing, notice=fault.detail), fault.status)


def _sending(standing: Standing, notice: str = "") -> str:
    actor = current_actor()
    brand = accounts.brand(actor.workspace_id)
    users = {member.user_id: member.name for member in accounts.list_members(actor.workspace_id)}
    return render_template(
        "campaigns/sending.html",
        notice=notice,
        by=users.get(standing.launched_by, "") if standing.launched_by else "",
        progress_url=url_for("campaigns.progress", campaign_id=standing.id),
        here_url=request.path,
        local=standing.at.astimezone(ZoneInfo(brand.time_zone)) if standing.at else None,
        hours=_hours(standing, brand.time_zone),
        receivers=outbox.list_receivers(actor.workspace_id, standing.mailing_no)
        if standing.mailing_no
        else [],
        **_figures(standing, brand.time_zone),
    )


def _hours(standing: Standing, zone: str) -> dict[str, Any] | None:
    """Who waits for which hour to come, where that is how it leaves; None: nobody does."""
    quiet = outbox.contact_limits(current_actor().workspace_id).quiet
    if standing.mailing_no is None or standing.frozen_at is None or (standing.timing.is_plain and quiet is None):
        return None
    counts = outbox.waiting_by_hour(current_actor().workspace_id, standing.mailing_no)
    if not counts:
        return None
    first, last = min(counts), max(counts)
    shown = [first + timedelta(hours=n) for n in range(int((last - first).total_seconds() // 3600) + 1)][:MOST_HOURS]
    local = [moment.astimezone(ZoneInfo(zone)) for moment in shown]
    # The last ones would stand beside the drawing.
    labels = [f"{at:%a %H:%M}" if i % 6 == 0 and i <= max(len(local) - 4, 0) else "" for i, at in enumerate(local)]
    return {
        "chart": bar_chart([Series([float(counts.get(at, 0)) for at in shown], "info")], labels),
        "sum": sum(counts.values()), "last": last,
    }  # fmt: skip


def _figures(standing: Standing, zone: str = "") -> dict[str, Any]:
    """All that changes while it leaves."""
    workspace_id = current_actor().workspace_id
    word, tone = badge_of(standing)
    zone = zone or accounts.brand(workspace_id).time_zone
    values: dict[str, Any] = {
        "campaign": standing,
        "word": word,
        "tone": tone,
        "zone": zone,
        "may_write": current_actor().may("campaigns.write"),
        "reached": None,
        "progress": None,
        "rules": timing.words(standing.timing, zone),
    }
    if standing.frozen_at is None or standing.mailing_no is None:
        wait = (standing.begins_at - clock.now()).total_seconds() if standing.begins_at else 0
        reckoned = queries.reckon_about(workspace_id, standing.interests, standing.segment_id)
        reached = None if reckoned.fault else reckoned.reached
        return values | {"reached": reached, "wait": rules.in_words(int(wait)) if wait > 0 else ""}
    figures = queries.progress_of(workspace_id, [standing.mailing_no])[standing.mailing_no]
    values["limits"] = outbox.limits_of(workspace_id, standing.mailing_no)
    values["lanes"] = _lanes(standing.mailing_no, figures)
    return values | progress_values(standing, figures)


def _lanes(mailing_no: int, figures: Progress) -> list[tuple[str, str, str, str]]:
    """What shares the way: (whose mails, what they are, how many wait, how fast)."""
    found = outbox.beside(current_actor().workspace_id, mailing_no)
    waited = rules.in_words(int(found.system_seconds))
    lanes = [
        (
            "System", "Confirmations, resets, tests", f"{found.system:,} waiting",
            f"the oldest for {waited}" if found.system else "never behind a campaign",
        ),
        (
            "This campaign", "Newsletters", f"{figures.waiting:,} waiting",
            f"{figures.per_minute:,} a minute" if figures.per_minute else "nothing in the last minute",
        ),
    ]  # fmt: skip
    if found.mailings:
        others = "1 other campaign" if found.mailings == 1 else f"{found.mailings} other campaigns"
        lanes.append((others, "Newsletters", "taking turns", "whoever has had least is next"))
    return lanes


def progress_values(
    standing: Standing, figures: Progress, reasons: Mapping[Word, Mapping[str, int]] | None = None
) -> dict[str, Any]:
    """The bar that sums to the audience, and its numbers as links, with the most frequent reasons where known."""
    notes = {
        Word.WAITING: "not begun yet",
        Word.SENT: "accepted by the receiver",
        Word.SKIPPED: "said no meanwhile, or cancelled",
        Word.FAILED: "refused for good",
        Word.UNKNOWN: "no answer at the end",
    }
    for word, counts in (reasons or {}).items():
        if counts:
            notes[word] = ", ".join(f"{count:,} {reason}" for reason, count in list(counts.items())[:3])
    ends = figures.ends_in_seconds if standing.state is State.SENDING else None
    return {
        "progress": figures,
        "bar": share_bar([(float(count), tone) for _, count, tone in figures.parts]),
        "ends": rules.in_words(ends) if ends is not None else "",
        "ends_at": clock.now() + timedelta(seconds=ends) if ends is not None else None,
        "ends_soon": ends is not None and ends < SOON_SECONDS,
        "parts": [
            (
                word,
                count,
                tone,
                notes[Word(word)],
                url_for("campaigns.people", campaign_id=standing.id, word=word),
            )
            for word, count, tone in figures.parts
        ],
    }
