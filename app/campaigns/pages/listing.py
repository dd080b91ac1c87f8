"""The list of campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import render_template, request, url_for

from app.campaigns import queries, variants
from app.campaigns.pages import badge_of, blueprint, home_of, topics_of, zone_of
from app.campaigns.queries import Standing
from app.campaigns.rules import WORDS, Progress, State
from app.consent import queries as consent
from app.kernel.errors import BadRequest
from app.kernel.http import guards
from app.kernel.http.actor import current_actor


@blueprint.get("/campaigns")
@guards.member("campaigns.read")
def index() -> str:
    """All campaigns, newest first; ``state`` narrows it, ``page`` goes on."""
    actor = current_actor()
    chosen = _chosen(request.args.get("state", ""))
    page = queries.list_campaigns(actor.workspace_id, chosen, request.args.get("page", ""))
    numbers = [row.mailing_no for row in page.rows if row.mailing_no is not None]
    parts = variants.mailings_of(actor.workspace_id, [row.id for row in page.rows if row.is_trial])
    numbers += [number for found in parts.values() for number in found]
    progress = queries.progress_of(actor.workspace_id, numbers)
    clicked = queries.clicked(actor.workspace_id, numbers)
    names = {
        found.id: found.name for found in consent.list_interests(actor.workspace_id, include_archived=True)
    }
    counts = queries.count_by_state(actor.workspace_id)
    return render_template(
        "campaigns/list.html",
        tabs=_tabs(counts, chosen),
        any=sum(counts.values()) > 0,
        rows=[
            _row(
                row,
                _sent(row, parts.get(row.id), progress),
                sum(clicked.get(number, 0) for number in parts.get(row.id, [row.mailing_no or 0])),
                progress.get(row.mailing_no or 0),
                topics_of(row, [names[found] for found in row.interests if found in names]),
            )
            for row in page.rows
        ],
        newer_url=_turn(page.previous_cursor, chosen),
        older_url=_turn(page.next_cursor, chosen),
        may_write=actor.may("campaigns.write"),
        zone=zone_of(),
    )


def _chosen(word: str) -> State | None:
    if word and word not in set(State):
        raise BadRequest("Choose one of the states above the list.")
    return State(word) if word else None


def _tabs(counts: dict[State, int], chosen: State | None) -> list[dict[str, Any]]:
    tabs: list[dict[str, Any]] = [
        {"label": "All", "count": sum(counts.values()), "url": url_for(".index"), "current": chosen is None}
    ]
    for state, (word, _) in WORDS.items():
        if counts[state] or state is chosen:
            label = "Drafts" if state is State.DRAFT else word
            url = url_for(".index", state=state.value)
            tabs.append({"label": label, "count": counts[state], "url": url, "current": state is chosen})
    return tabs


def _sent(standing: Standing, parts: list[int] | None, progress: Mapping[int, Progress]) -> int | None:
    """How many mails of it were accepted; None before its audience is made."""
    if parts is not None:
        return sum(progress[number].sent for number in parts)
    found = progress.get(standing.mailing_no or 0)
    return found.sent if found and standing.frozen_at else None


def _row(
    standing: Standing, sent: int | None, clicked: int, progress: Progress | None, audience: str
) -> dict[str, Any]:
    word, tone = badge_of(standing)
    if standing.state is State.SENDING and progress is not None and standing.frozen_at:
        word = f"Sending {progress.percent}%"
    return {
        "url": url_for(home_of(standing), campaign_id=standing.id),
        "name": standing.name,
        "subject": standing.subject,
        "word": word,
        "tone": tone,
        "audience": audience,
        "sent": f"{sent:,}" if sent is not None else "",
        "clicked": f"{clicked:,} ({100 * clicked / sent:.1f}%)" if sent else "",
        "at": standing.at,
        "created_at": standing.created_at,
    }


def _turn(cursor: str | None, chosen: State | None) -> str | None:
    if cursor is None:
        return None
    return url_for(".index", state=chosen.value if chosen else None, page=cursor)
