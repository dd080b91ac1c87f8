"""The verbs of series: a campaign that comes again. What becomes due is ``issues``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from app.accounts import queries as accounts_queries
from app.accounts import service as accounts
from app.accounts.rules import acts
from app.campaigns import holding, queries, serial, service, variants
from app.campaigns.models import Campaign, CampaignIssue, CampaignSeries
from app.campaigns.rhythm import Rhythm
from app.content import queries as letters
from app.content import service as content
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict
from app.kernel.ids import uuid7

DOES: Final = (("draft", "Make a draft and tell me"), ("send", "Send it by itself"))
_AHEAD: Final = 40


def make(
    workspace_id: UUID, campaign_id: UUID, rhythm: Rhythm, does: str, *, only_new: bool, by: UUID
) -> CampaignSeries:
    """Let a campaign come again. A draft becomes the series' own letter; of one that was sent a copy does, without variants.

    Args:
        workspace_id: whose it is.
        campaign_id: which campaign.
        rhythm: when issues are due.
        does: ``send`` or ``draft``.
        only_new: skip dates at which its feeds hold nothing new.
        by: who makes it; is told, and sends what leaves by itself.

    Raises:
        NotFound: no campaign of this workspace.
        Conflict: it is the letter of a series already, a part of a trial, or a draft in variants.
        BadInput: ``only_new`` without a feed in the letter, or too many series go on.
    """
    campaign = holding.locked(workspace_id, campaign_id)
    if campaign.part_of is not None or serial.find_series_of(campaign) is not None:
        raise Conflict("This is part of something that goes on already.")
    if sum(row.state != "ended" for row, _ in serial.list_series(workspace_id)) >= serial.MOST_SERIES:
        raise BadInput(f"At most {serial.MOST_SERIES} series go on or are paused at a time. End one first.")
    standing = queries.get_standing(workspace_id, campaign_id)
    if serial.is_copied(standing):
        campaign = service.copy(workspace_id, campaign_id, by=by, with_variants=False)
    elif variants.find_trial(workspace_id, campaign_id) is not None:
        raise Conflict("It goes out in variants, and the issues of a series go out as one. Take its variants out first.")
    _check_feed(campaign, only_new=only_new)
    made = CampaignSeries(
        id=uuid7(), workspace_id=workspace_id, campaign_id=campaign.id, state="active", made_by=by, made_at=clock.now(),
        reason="", **_chosen(rhythm, does, only_new=only_new),
    )  # fmt: skip
    made.next_on = next_on(made)
    session().add(made)
    content.join_series(workspace_id, campaign.letter_id, made.id)
    session().flush()
    _record("series.made", made, acts.user(by), {"rhythm": rhythm.words, "does": does})
    return made


def change(
    workspace_id: UUID, series_id: UUID, rhythm: Rhythm, does: str, *, only_new: bool, by: UUID
) -> None:
    """Let issues come at other dates, or in another way; those that there are stay.

    Raises:
        NotFound: no series of this workspace.
        Conflict: it has ended.
        BadInput: ``only_new`` without a feed in the letter.
    """
    row = _open(workspace_id, series_id)
    _check_feed(queries.get_campaign(workspace_id, row.campaign_id), only_new=only_new)
    for name, value in _chosen(rhythm, does, only_new=only_new).items():
        setattr(row, name, value)
    row.made_by = by
    row.next_on = next_on(row) if row.state == "active" else None
    session().flush()
    _record("series.changed", row, acts.user(by), {"rhythm": rhythm.words, "does": does})


def pause(workspace_id: UUID, series_id: UUID, *, by: UUID) -> None:
    """Make no issue until somebody lets it go on.

    Raises:
        NotFound: no series of this workspace.
        Conflict: it does not go on.
    """
    row = _open(workspace_id, series_id)
    if row.state != "active":
        raise Conflict("It is paused already.")
    stop(row, "", acts.user(by))


def stop(row: CampaignSeries, reason: str, by: acts.By) -> None:
    """The same of a series that is held, with the reason where it happens by itself."""
    row.state, row.reason, row.next_on = "paused", reason, None
    session().flush()
    _record("series.paused", row, by, {"reason": reason} if reason else {})


def resume(workspace_id: UUID, series_id: UUID, *, by: UUID) -> None:
    """Go on with the next date; those that have passed meanwhile stay without an issue.

    Raises:
        NotFound: no series of this workspace.
        Conflict: it is not paused.
    """
    row = _open(workspace_id, series_id)
    if row.state != "paused":
        raise Conflict("It goes on already.")
    row.next_on, row.state, row.reason, row.made_by = next_on(row), "active", "", by
    session().flush()
    _record("series.resumed", row, acts.user(by), {})


def end(workspace_id: UUID, series_id: UUID, *, by: UUID) -> None:
    """Make no issue any more, for good; its issues stay.

    Raises:
        NotFound: no series of this workspace.
        Conflict: it has ended.
    """
    row = _open(workspace_id, series_id)
    row.state, row.next_on = "ended", None
    session().flush()
    _record("series.ended", row, acts.user(by), {})


def next_on(row: CampaignSeries) -> date:
    """The next date to come that has no issue yet."""
    zone = accounts_queries.brand(row.workspace_id).time_zone
    dates = serial.rhythm_of(row).next_dates(zone, clock.now(), _AHEAD)
    query = select(CampaignIssue.due_on).where(
        CampaignIssue.workspace_id == row.workspace_id, CampaignIssue.series_id == row.id, CampaignIssue.due_on >= dates[0]
    )
    taken: Sequence[date] = session().execute(query).scalars().all()
    return next(day for day in dates if day not in taken)


def _open(workspace_id: UUID, series_id: UUID) -> CampaignSeries:
    row = serial.get_series(workspace_id, series_id, is_held=True)
    if row.state == "ended":
        raise Conflict("This series has ended. Make another one of the same campaign.")
    return row


def _chosen(rhythm: Rhythm, does: str, *, only_new: bool) -> dict[str, Any]:
    if does not in dict(DOES):
        raise BadInput(fields={"does": "Choose what happens at each date."})
    return {
        "every": rhythm.every.value, "weekdays": list(rhythm.weekdays), "month_day": rhythm.month_day,
        "at_time": f"{rhythm.at:%H:%M}", "does": does, "only_new": only_new,
    }  # fmt: skip


def _check_feed(campaign: Campaign, *, only_new: bool) -> None:
    if only_new and not content.feed_addresses(letters.get_letter(campaign.workspace_id, campaign.letter_id)):
        message = "Its letter shows no feed. Put the block “Feed” into it first, or take this tick away."
        raise BadInput(fields={"only_new": message})


def _record(act: str, row: CampaignSeries, by: acts.By, detail: dict[str, Any]) -> None:
    accounts.record(act, by=by, workspace_id=row.workspace_id, of=f"series:{row.id}", detail=detail)
