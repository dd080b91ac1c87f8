"""Pure decisions: which confirmation goes out, and what a saved page means."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from app.consent.rules import State

BETWEEN_MAILS = timedelta(hours=24)
MONTH = timedelta(days=30)
MAILS_A_MONTH = 3
LOOK_BACK = timedelta(days=90)
"""How far back earlier questions are looked at to know which of them were mailed."""

PURGE_DAYS = 30
PRIVATE_LINKS_A_DAY = 3
FRESH_MAILS_A_DAY = 1
ADDRESS_MAILS_A_DAY = 3
DATA_MAILS_A_DAY = 3
ADDRESS_DAYS = 7
PAUSE = timedelta(days=30)
LONGEST_PAUSE = timedelta(days=366)
DAY_SECONDS = 24 * 3600

STRICTEST_AGE = 16
AGES = {
    "AT": 14, "BE": 13, "BG": 14, "CY": 14, "CZ": 15, "DE": 16, "DK": 15, "EE": 13, "ES": 14, "FI": 13, "FR": 15,
    "GB": 13, "GR": 15, "HR": 16, "HU": 16, "IE": 16, "IS": 13, "IT": 14, "LI": 16, "LT": 14, "LU": 16, "LV": 13,
    "MT": 13, "NL": 16, "NO": 13, "PL": 16, "PT": 13, "RO": 16, "SE": 13, "SI": 15, "SK": 16, "US": 13,
}  # fmt: skip
"""From which age somebody may say yes alone (article 8 GDPR and its national laws; COPPA)."""


def may_decide_alone(born: date, country: str, today: date) -> bool:
    """Whether somebody born then may say yes alone; an unknown country takes the strictest age."""
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return years >= AGES.get(country.upper(), STRICTEST_AGE)


def is_mailed(asked_at: Sequence[datetime], index: int) -> bool:
    """Whether the question at ``index`` is mailed, given when one mailbox was asked (oldest first).

    At most one mail in 24 hours and three in 30 days. It follows from the order of the questions alone, so
    every worker and every attempt comes to the same answer, and nothing needs to be written down.
    """
    mailed: list[datetime] = []
    for position, moment in enumerate(asked_at[: index + 1]):
        recent = [sent for sent in mailed if moment - sent < MONTH]
        may = len(recent) < MAILS_A_MONTH and not (mailed and moment - mailed[-1] < BETWEEN_MAILS)
        if position == index:
            return may
        if may:
            mailed.append(moment)
    return False


@dataclass(frozen=True, slots=True)
class Change:
    """What saving the page asks for."""

    ask: tuple[UUID, ...]
    withdraw: tuple[UUID, ...]


def change_of(now: Mapping[UUID, State], offered: Sequence[UUID], ticked: Collection[UUID]) -> Change:
    """The difference between what is in force and what was ticked.

    Args:
        now: the state of each interest that was ever asked about.
        offered: the interests on the page; nothing else can be changed by it.
        ticked: what the person ticked.
    """
    live = {interest for interest, state in now.items() if state in {State.YES, State.ASKED}}
    ask = tuple(interest for interest in offered if interest in ticked and interest not in live)
    withdraw = tuple(interest for interest in offered if interest not in ticked and interest in live)
    return Change(ask, withdraw)


def pause_until(choice: str, day: date | None, before: datetime | None, now: datetime, zone: str) -> datetime | None:
    """The moment until which nothing is sent; None: no pause.

    Args:
        choice: ``no``, ``keep`` (as it is), a number of days such as ``30``, or ``until`` that day begins.
        day: for ``until``; missing, past or more than a year away it is no pause.
        before: until when they paused so far.
        now: the clock.
        zone: where the day begins, as ``Europe/Berlin``.
    """
    if choice == "keep":
        return before if before and before > now else None
    if choice.isdecimal():
        return now + min(timedelta(days=int(choice)), LONGEST_PAUSE)
    if choice != "until" or day is None:
        return None
    moment = datetime.combine(day, time(), ZoneInfo(zone))
    return moment if now < moment <= now + LONGEST_PAUSE else None
