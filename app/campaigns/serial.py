"""Reads of series: what one is, whose letter a campaign is, what became of each date."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select

from app.accounts import queries as accounts
from app.campaigns.models import Campaign, CampaignIssue, CampaignSeries
from app.campaigns.queries import Standing
from app.campaigns.rhythm import Every, Rhythm
from app.campaigns.rules import State
from app.kernel.db import session
from app.kernel.errors import NotFound
from app.kernel.paging import Page, read_position, turn

ISSUES_OF_A_PAGE: Final = 25
MOST_SERIES: Final = 200


def rhythm_of(row: CampaignSeries) -> Rhythm:
    """When its issues are due."""
    return Rhythm(Every(row.every), tuple(row.weekdays), row.month_day, time.fromisoformat(row.at_time))


def get_series(workspace_id: UUID, series_id: UUID, *, is_held: bool = False) -> CampaignSeries:
    """A series; held: nobody else changes it until the transaction ends.

    Raises:
        NotFound: none of this workspace.
    """
    query = select(CampaignSeries).where(CampaignSeries.workspace_id == workspace_id, CampaignSeries.id == series_id)
    query = query.with_for_update() if is_held else query
    found = session().execute(query.execution_options(populate_existing=True)).scalar_one_or_none()
    if found is None:
        raise NotFound("This series is not here.")
    return found


def is_copied(standing: Standing) -> bool:
    """Whether a series of this campaign begins with a copy, as it was sent, or is an issue; a draft becomes its letter."""
    return standing.state is not State.DRAFT or standing.issue_of is not None


def find_series_of(campaign: Campaign) -> CampaignSeries | None:
    """The series whose letter and audience this campaign is."""
    query = select(CampaignSeries).where(
        CampaignSeries.workspace_id == campaign.workspace_id, CampaignSeries.campaign_id == campaign.id
    )
    return session().execute(query).scalar_one_or_none()


def list_series(workspace_id: UUID) -> list[tuple[CampaignSeries, str]]:
    """The series of a workspace with their names: all that go on first, then those that have ended, the newest first."""
    query = select(CampaignSeries, Campaign.name).join(Campaign, Campaign.id == CampaignSeries.campaign_id)
    query = query.where(CampaignSeries.workspace_id == workspace_id)
    order = (CampaignSeries.state == "ended", CampaignSeries.id.desc())
    return [(row, name) for row, name in session().execute(query.order_by(*order).limit(MOST_SERIES))]


def list_issues(workspace_id: UUID, series_id: UUID, cursor: str = "") -> Page[CampaignIssue]:
    """Its dates and what became of them, the latest first."""
    at = read_position(cursor, datetime)
    query = select(CampaignIssue).where(CampaignIssue.workspace_id == workspace_id, CampaignIssue.series_id == series_id)
    if at is not None:
        query = query.where(CampaignIssue.due_at > at.values[0] if at.is_back else CampaignIssue.due_at < at.values[0])
    order = CampaignIssue.due_at if at is not None and at.is_back else CampaignIssue.due_at.desc()
    found = session().execute(query.order_by(order).limit(ISSUES_OF_A_PAGE + 1)).scalars().all()
    return turn(found, ISSUES_OF_A_PAGE, at, lambda row: (row.due_at,))


def count_issues(workspace_id: UUID, series_ids: Collection[UUID]) -> dict[UUID, int]:
    """How many campaigns came of each series."""
    query = select(CampaignIssue.series_id, func.count()).where(
        CampaignIssue.workspace_id == workspace_id, CampaignIssue.series_id.in_(series_ids), CampaignIssue.state == "made"
    )
    return {row[0]: row[1] for row in session().execute(query.group_by(CampaignIssue.series_id))}


def list_active(workspace_id: UUID) -> Sequence[tuple[CampaignSeries, str]]:
    """Those that go on, with their names."""
    return [(row, name) for row, name in list_series(workspace_id) if row.state == "active"]


def list_planned(workspace_id: UUID, first: date, last: date, zone: str) -> list[tuple[CampaignSeries, str, datetime]]:
    """The dates to come, from one day to another (both included), with the names of their series."""
    return [
        (row, name, rhythm_of(row).due_at(day, zone))
        for row, name in list_active(workspace_id)
        if row.next_on is not None and row.next_on <= last
        for day in [row.next_on, *rhythm_of(row).dates_between(max(first, row.next_on + timedelta(days=1)), last)]
        if day >= first
    ]


def dates_of(row: CampaignSeries, count: int) -> list[datetime]:
    """When its next issues are due; of one that does not go on none."""
    if row.next_on is None:
        return []
    rhythm, zone = rhythm_of(row), accounts.brand(row.workspace_id).time_zone
    found = [row.next_on]
    for day in rhythm.dates_from(row.next_on + timedelta(days=1)):
        if len(found) >= count:
            break
        found.append(day)
    return [rhythm.due_at(day, zone) for day in found]
