"""What becomes of series when a date has come: it is noted, feeds are fetched, and an issue is made of it.

A date is noted once, by its key (series, date); whoever holds the note makes the issue and launches it in one transaction,
so an end in the middle leaves the note, and the next run makes it. No transaction is open while feeds are fetched.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.accounts import queries as accounts
from app.accounts.rules import acts
from app.accounts.rules.roles import Role
from app.campaigns import approval, queries, serial, series, service
from app.campaigns.models import Campaign, CampaignIssue, CampaignSeries
from app.campaigns.rules import MAX_NAME, SERIES_NEWS, Check
from app.content import queries as letters
from app.content import service as content
from app.delivery import service as delivery
from app.delivery.rules import LATE, TOO_LATE
from app.kernel import clock
from app.kernel.db import release, session, transaction
from app.kernel.errors import Problem

log = logging.getLogger(__name__)

JOB: Final = "campaigns.issues"
EVERY_SECONDS: Final = 30
FETCHED_AT_ONCE: Final = 8
MOST_MISSED: Final = 60
MISSED: Final = "Nod was not running at its time, and a later date has come since."
PAUSED: Final = "The series was paused before it was made."
NOTHING_NEW: Final = "Its feed held nothing new."
UNREAD: Final = "Its feed cannot be read. Nod’s log says why."
NO_FEED: Final = "Its letter shows no feed any more, and it waits for something new in one."
NOBODY: Final = "Nobody would have got it."


class _Skipped(Exception):
    """No issue is made for this date; the text says why."""


class _Stopped(Exception):
    """An issue cannot leave, and the next one could not either; the text says why."""


@dataclass(frozen=True, slots=True)
class _Due:
    """A date that was noted, and the feeds that its letter shows."""

    workspace_id: UUID
    series_id: UUID
    addresses: tuple[str, ...]


def run() -> None:
    """Make the issues that are due; a job. Several may run at once."""
    for workspace_id, series_id in _that_may_be_due():
        _alone(series_id, partial(note_due, workspace_id, series_id))
    due = _noted()
    release()
    for one in due:
        if not one.addresses:
            _make(one)
    faults = _fetch(due)
    for one in due:
        if one.addresses:
            _make(one, faults)
    release()


def note_due(workspace_id: UUID, series_id: UUID) -> None:
    """Note the dates of a series that have come. Of several only the last one gets an issue.

    The unique key is (series, date): whoever notes the same one changes nothing.
    """
    query = select(CampaignSeries).where(CampaignSeries.workspace_id == workspace_id, CampaignSeries.id == series_id)
    held = query.with_for_update(skip_locked=True).execution_options(populate_existing=True)
    row = session().execute(held).scalar_one_or_none()
    if row is None or row.next_on is None:
        return
    zone, now, rhythm = accounts.brand(workspace_id).time_zone, clock.now(), serial.rhythm_of(row)
    today = now.astimezone(ZoneInfo(zone)).date()
    dates = [row.next_on, *rhythm.dates_between(row.next_on + timedelta(days=1), today + timedelta(days=1))]
    due = [day for day in dates if rhythm.due_at(day, zone) <= now]
    if not due:
        return
    last = due[-1]
    rows = [
        {
            "series_id": row.id, "due_on": day, "workspace_id": workspace_id, "due_at": rhythm.due_at(day, zone), "noted_at": now,
            "state": "due" if day == last else "skipped", "note": "" if day == last else MISSED,
        }
        for day in due[-MOST_MISSED:]
    ]  # fmt: skip
    session().execute(insert(CampaignIssue).values(rows).on_conflict_do_nothing(index_elements=["series_id", "due_on"]))
    row.next_on = series.next_on(row)


def _that_may_be_due() -> list[tuple[UUID, UUID]]:
    """Series whose next date has come in some zone."""
    with transaction():
        tomorrow = (clock.now() + timedelta(days=1)).date()
        query = select(CampaignSeries.workspace_id, CampaignSeries.id)
        found = session().execute(query.where(CampaignSeries.state == "active", CampaignSeries.next_on <= tomorrow))
        return [(row.workspace_id, row.id) for row in found]


def _noted() -> list[_Due]:
    with transaction():
        query = (
            select(CampaignSeries.workspace_id, CampaignSeries.id, Campaign.letter_id)
            .join(CampaignIssue, CampaignIssue.series_id == CampaignSeries.id)
            .join(Campaign, Campaign.id == CampaignSeries.campaign_id)
            .where(CampaignIssue.state == "due")
            .order_by(CampaignIssue.due_at)
        )
        found = session().execute(query).all()
        return [_Due(row.workspace_id, row.id, _addresses(row.workspace_id, row.letter_id)) for row in found]


def _addresses(workspace_id: UUID, letter_id: UUID) -> tuple[str, ...]:
    """Of the feeds in a letter and its translations."""
    shown = (letters.get_letter(workspace_id, letter_id), *letters.list_translations(workspace_id, letter_id))
    return tuple(dict.fromkeys(address for one in shown for address in content.feed_addresses(one)))


def _fetch(due: Iterable[_Due]) -> dict[str, str]:
    """Ask for all feeds beside each other, each once, and keep what came; gives why each failed, or empty."""
    wanted = {(one.workspace_id, address) for one in due for address in one.addresses}
    addresses = sorted({address for _, address in wanted})
    with ThreadPoolExecutor(FETCHED_AT_ONCE) as pool:
        asked = {address: pool.submit(content.fetch_feed, address) for address in addresses}
    faults = dict[str, str]()
    for workspace_id, address in sorted(wanted):
        try:
            fetched = asked[address].result()
            faults.setdefault(address, fetched.fault)
            with transaction():
                content.keep_feed(workspace_id, address, fetched)
        except Problem as fault:
            faults[address] = fault.detail
        except Exception:
            # What a stranger's server answers keeps no other series up.
            log.exception("the feed at %s cannot be read", address)
            faults[address] = UNREAD
    return faults


def _make(due: _Due, faults: Mapping[str, str] | None = None) -> None:
    _alone(due.series_id, partial(make, due.workspace_id, due.series_id, faults or {}))


def _alone(series_id: UUID, act: Callable[[], None]) -> None:
    """Do something for one series; where that fails others go on, and this one is tried again."""
    try:
        with transaction():
            act()
    except Exception:
        log.exception("series %s cannot go on", series_id)


def make(workspace_id: UUID, series_id: UUID, faults: Mapping[str, str]) -> None:
    """Make the issue of the date that was noted, unless somebody else does; ``faults``: why feeds could not be read."""
    query = select(CampaignSeries).where(CampaignSeries.workspace_id == workspace_id, CampaignSeries.id == series_id)
    held = query.with_for_update(skip_locked=True).execution_options(populate_existing=True)
    row = session().execute(held).scalar_one_or_none()
    if row is None:
        return
    noted = select(CampaignIssue).where(
        CampaignIssue.workspace_id == workspace_id, CampaignIssue.series_id == row.id, CampaignIssue.state == "due"
    )
    for issue in session().execute(noted.order_by(CampaignIssue.due_on).execution_options(populate_existing=True)).scalars().all():
        _make_one(row, issue, faults)


def _make_one(row: CampaignSeries, issue: CampaignIssue, faults: Mapping[str, str]) -> None:
    if row.state != "active":
        issue.state, issue.note = "skipped", PAUSED
        return
    try:
        with session().begin_nested():
            campaign, note = _issue(row, issue, faults)
    except _Skipped as skipped:
        issue.state, issue.note = "skipped", str(skipped)
    except (_Stopped, Problem) as fault:
        reason = fault.detail if isinstance(fault, Problem) else str(fault)
        issue.state, issue.note = "failed", reason
        series.stop(row, reason, acts.SYSTEM)
        _tell(row, issue, None, "The series is paused", f"Its issue could not be sent: {reason} Put it right, then let it go on.")
    else:
        issue.state, issue.campaign_id, issue.note = "made", campaign.id, note
    session().flush()
    log.info("series %s, %s: %s %s", row.id, issue.due_on, issue.state, issue.note)


def _issue(row: CampaignSeries, issue: CampaignIssue, faults: Mapping[str, str]) -> tuple[Campaign, str]:
    """A campaign of its own, on its way or a draft, and what is special about it.

    Raises:
        _Skipped: there is nothing to send, or nobody to send it to.
        _Stopped: something keeps it from leaving.
    """
    campaign = _copy(row, issue, faults)
    letter = letters.get_letter(row.workspace_id, campaign.letter_id)
    if row.only_new and not content.feed_addresses(letter):
        raise _Stopped(NO_FEED)
    if row.only_new and not content.count_entries(letter):
        if never_read := [words for severity, words in content.feed_faults(letter) if severity == "error"]:
            raise _Stopped(never_read[0])
        raise _Skipped(" ".join([NOTHING_NEW, *content.fetch_faults(letter)]))
    if row.does == "draft":
        _tell(row, issue, campaign, f"The issue of {_day(issue)} waits for you", "It is a draft. Write on it, then send it.")
        return campaign, ""
    if approval.needs_approval(row.workspace_id):
        words = "It is a draft until a second person has said yes to it and somebody sends it."
        _tell(row, issue, campaign, f"The issue of {_day(issue)} waits for a second person’s yes", words)
        return campaign, "It waits for a second person’s yes."
    return campaign, _launch(row, issue, campaign)


def _copy(row: CampaignSeries, issue: CampaignIssue, faults: Mapping[str, str]) -> Campaign:
    campaign = service.copy(row.workspace_id, row.campaign_id, by=row.made_by)
    end = f", {_day(issue)} {issue.due_on.year}"
    campaign.name = f"{campaign.name[: MAX_NAME - len(end)].rstrip()}{end}"
    content.rename_letter(row.workspace_id, campaign.letter_id, campaign.name)
    content.join_series(row.workspace_id, campaign.letter_id, row.id)
    content.refill_feeds(row.workspace_id, campaign.letter_id, by=row.made_by, faults=faults)
    return campaign


def _launch(row: CampaignSeries, issue: CampaignIssue, campaign: Campaign) -> str:
    seen = service.look(row.workspace_id, campaign, row.made_by)
    if seen.reckoned.reached == 0 and not seen.reckoned.fault and campaign.interests:
        raise _Skipped(NOBODY)
    if first := next((check for check in seen.checks if check.severity == "stop"), None):
        raise _Stopped(_sentence(first))
    number = service.launch(
        row.workspace_id, campaign.id, revision=seen.letter.edition, send_at=None, delay_seconds=0, by=row.made_by,
        languages=seen.languages,
    )  # fmt: skip
    content.refill_feeds(row.workspace_id, queries.get_campaign(row.workspace_id, row.campaign_id).letter_id)
    if clock.now() <= issue.due_at + LATE:
        return ""
    delivery.pause(row.workspace_id, number, TOO_LATE)
    words = "It was due more than two hours before Nod could make it. Let it go on, or cancel it."
    _tell(row, issue, campaign, f"The issue of {_day(issue)} is late and waits for you", words)
    return TOO_LATE


def _sentence(check: Check) -> str:
    return f"{check.title.rstrip('.')}. {check.says}".strip()


def _day(issue: CampaignIssue) -> str:
    return f"{issue.due_on:%-d %B}"


def _tell(row: CampaignSeries, issue: CampaignIssue, campaign: Campaign | None, news: str, says: str) -> None:
    """A mail to who made it; to the owners where they work here no longer."""
    members = [one for one in accounts.list_members(row.workspace_id) if one.disabled_at is None]
    own = [one for one in members if one.user_id == row.made_by]
    for member in own or [one for one in members if one.role == Role.OWNER]:
        delivery.send_system(
            row.workspace_id,
            SERIES_NEWS,
            dedupe=uuid5(row.id, f"{issue.due_on} {member.user_id} {news}"),
            user_id=member.user_id,
            data={"series": str(row.id), "campaign": str(campaign.id) if campaign else "", "news": news, "says": says},
        )
