"""When a mail may leave, by the clock of whoever gets it: their own time, hours of the day and of the week, quiet hours.

Rules that people are told (README, "When a campaign leaves"):

- A time that clocks leave out in spring is as much later as they are put forward (02:30 is 03:30); of a time that
  comes twice in autumn the first one counts.
- Whose zone is not known has the one of their country where it has one clock, else the workspace's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from babel.core import get_global

from app.kernel.errors import BadInput
from app.kernel.times import instant, time_of_day

ALL_DAYS: Final = frozenset(range(1, 8))
_LOOK_DAYS: Final = 9
"""A week and a day on each side: an hour that is open at all is open within them."""
_DAY: Final = timedelta(days=1)
_MIDNIGHT: Final = time()


class By(StrEnum):
    """What decides when each person's mail leaves."""

    MOMENT = "moment"
    """All at one moment."""
    LOCAL = "local"
    """Each when their own clock shows the time."""
    HABIT = "habit"
    """Each at the hour at which they follow links, within a day from the moment."""


class Past(StrEnum):
    """What becomes of those whose clock has shown the time already."""

    NEXT_DAY = "next_day"
    NOW = "now"


@dataclass(frozen=True, slots=True)
class Span:
    """Hours of a day; where ``since`` is not before ``until`` they go over midnight, so equal ones are the whole day.

    Attributes:
        since: from this time on.
        until: and before this one; midnight is the day's end.
    """

    since: time
    until: time

    def parts(self) -> list[tuple[timedelta, timedelta]]:
        """As pieces of one day, counted from its midnight."""
        since, until = _of_day(self.since), _of_day(self.until) or _DAY
        if since < until:
            return [(since, until)]
        return [piece for piece in ((timedelta(), until), (since, _DAY)) if piece[0] < piece[1]]

    def rest(self) -> list[tuple[timedelta, timedelta]]:
        """The day's other hours, in the same way."""
        return [] if self.since == self.until else Span(self.until, self.since).parts()


def read_span(typed: Mapping[str, str], since: str, until: str) -> Span | None:
    """The hours that somebody typed into two fields; None: they left both empty.

    Raises:
        BadInput: with ``fields`` of these two names.
    """
    found = {name: _typed(typed[name], name) for name in (since, until)}
    first, last = found[since], found[until]
    if first is None and last is None:
        return None
    if first is None or last is None:
        raise BadInput(fields={until: "Write both times, or neither."})
    if first == last:
        raise BadInput(fields={until: "The hours end at another time than they begin."})
    return Span(first, last)


def _typed(text: str, field: str) -> time | None:
    try:
        return time_of_day(text) if text else None
    except ValueError as fault:
        raise BadInput(fields={field: str(fault)}) from None


@dataclass(frozen=True, slots=True)
class Window:
    """When mails of a campaign may leave.

    Attributes:
        days: of the week, Monday is 1.
        span: hours of such a day; None: all of it.
    """

    days: frozenset[int] = ALL_DAYS
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """When the mails of a mailing leave; without anything all at one moment.

    Attributes:
        by: what decides.
        at: the moment that somebody chose; with ``LOCAL`` its time on the workspace's clock is everybody's time.
        past: whose clock has shown it already; with ``LOCAL``.
        window: when they may leave.
        is_urgent: goes also to those who have had enough mails this week.
    """

    by: By = By.MOMENT
    at: datetime | None = None
    past: Past = Past.NEXT_DAY
    window: Window | None = None
    is_urgent: bool = False

    @property
    def is_plain(self) -> bool:
        """Nothing in it depends on who gets a mail."""
        return self.by is By.MOMENT and self.window is None

    def stored(self) -> dict[str, Any] | None:
        """As JSON; ``timing_of`` reads it. None: there is nothing to say."""
        if self.is_plain and not self.is_urgent:
            return None
        found: dict[str, Any] = {"by": self.by.value}
        if self.at is not None:
            found["at"] = self.at.astimezone(UTC).isoformat()
        if self.by is By.LOCAL:
            found["past"] = self.past.value
        if self.window is not None:
            found["days"] = sorted(self.window.days)
            if self.window.span is not None:
                found["since"] = f"{self.window.span.since:%H:%M}"
                found["until"] = f"{self.window.span.until:%H:%M}"
        if self.is_urgent:
            found["urgent"] = True
        return found


PLAIN: Final = Timing()


def timing_of(stored: Mapping[str, Any] | None) -> Timing:
    """What ``Timing.stored`` wrote."""
    if not stored:
        return PLAIN
    window = None
    if "days" in stored:
        span = Span(time.fromisoformat(stored["since"]), time.fromisoformat(stored["until"])) if "since" in stored else None
        window = Window(frozenset(stored["days"]), span)
    return Timing(
        by=By(stored["by"]),
        at=datetime.fromisoformat(stored["at"]) if "at" in stored else None,
        past=Past(stored.get("past", Past.NEXT_DAY)),
        window=window,
        is_urgent=bool(stored.get("urgent")),
    )


@dataclass(frozen=True, slots=True)
class Slot:
    """When one mail is due, and from when on it has to wait again.

    Attributes:
        due: it may leave from now on.
        closes: and before this moment; None: at any time.
    """

    due: datetime
    closes: datetime | None = None


def zone_of(zone: str, country: str, otherwise: ZoneInfo) -> ZoneInfo:
    """The zone of somebody.

    Args:
        zone: an IANA name as somebody wrote it; anything else is not known.
        country: two letters.
        otherwise: the workspace's.
    """
    name = _zones().get(zone.strip().lower())
    if name is not None:
        return ZoneInfo(name)
    return _zone_of_country(country.strip().upper()) or otherwise


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones() if "/" in name or name == "UTC"}


@lru_cache(maxsize=300)
def _zone_of_country(country: str) -> ZoneInfo | None:
    """The zone of a country whose clocks all show one time, in winter and in summer."""
    names = [name for name, of in get_global("zone_territories").items() if of == country and name.lower() in _zones()]
    zones = [ZoneInfo(name) for name in names]
    moments = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 4, 7, 10)]
    clocks = {tuple(moment.astimezone(zone).utcoffset() for moment in moments) for zone in zones}
    return zones[0] if len(clocks) == 1 else None


def is_ever_open(window: Window | None, quiet: Span | None) -> bool:
    """Whether any hour of the week is left."""
    return any(next(_pieces(day, window, quiet), None) for day in (date(2026, 6, 1) + _DAY * n for n in range(7)))


def slot_of(
    timing: Timing,
    zone: ZoneInfo,
    *,
    start: datetime,
    now: datetime,
    home: ZoneInfo,
    quiet: Span | None = None,
    hour: int | None = None,
) -> Slot:
    """When the mail of somebody is due.

    Args:
        timing: of the mailing.
        zone: of whoever gets it.
        start: when the mailing begins. Whose clock has shown the time before that is late, whoever comes first is not.
        now: nothing leaves before this moment, which is some time after the start.
        home: the workspace's zone.
        quiet: hours in which nobody gets mails.
        hour: at which they follow links, by their clock; None: not known, so they get it at the moment.
    """
    chosen = timing.at or start
    due = max(start, chosen) if timing.by is not By.LOCAL else start
    if timing.by is By.LOCAL:
        due = _local(timing, chosen.astimezone(home).replace(tzinfo=None), zone, start)
    elif timing.by is By.HABIT and hour is not None:
        due = _next_hour(due, hour, zone)
    return next_slot(max(due, now), zone, timing.window, quiet)


def first_of(zones: Iterable[ZoneInfo], at: datetime, home: ZoneInfo) -> datetime:
    """When the first of these zones is at the time that the clocks of ``home`` show at a moment."""
    wall = at.astimezone(home).replace(tzinfo=None)
    return min([at, *(instant(wall, zone) for zone in zones)])


def next_slot(moment: datetime, zone: ZoneInfo, window: Window | None, quiet: Span | None) -> Slot:
    """The first opening at or after a moment.

    Raises:
        ValueError: there is none in any week.
    """
    if window is None and quiet is None:
        return Slot(moment)
    first = moment.astimezone(zone).date() - _DAY
    for day in (first + _DAY * n for n in range(_LOOK_DAYS + 1)):
        midnight = datetime.combine(day, _MIDNIGHT)
        for since, until in _pieces(day, window, quiet):
            opens, closes = instant(midnight + since, zone), instant(midnight + until, zone)
            if closes > moment and opens < closes:
                return Slot(max(opens, moment), closes)
    raise ValueError("No hour of the week is left.")


def _pieces(day: date, window: Window | None, quiet: Span | None) -> Iterator[tuple[timedelta, timedelta]]:
    """The open pieces of a day in turn, counted from its midnight."""
    if window is not None and day.isoweekday() not in window.days:
        return
    open_parts = window.span.parts() if window is not None and window.span is not None else [(timedelta(), _DAY)]
    loud = quiet.rest() if quiet is not None else [(timedelta(), _DAY)]
    for since, until in open_parts:
        for rises, falls in loud:
            if max(since, rises) < min(until, falls):
                yield max(since, rises), min(until, falls)


def _local(timing: Timing, wall: datetime, zone: ZoneInfo, start: datetime) -> datetime:
    due = instant(wall, zone)
    if due >= start:
        return due
    if timing.past is Past.NOW:
        return start
    days = (start.astimezone(zone).date() - wall.date()).days
    return next(
        found for n in (days, days + 1, days + 2) if (found := instant(wall + _DAY * n, zone)) >= start
    )


def _next_hour(moment: datetime, hour: int, zone: ZoneInfo) -> datetime:
    day = moment.astimezone(zone).date()
    walls = (datetime.combine(day + _DAY * n, time(hour)) for n in range(3))
    return next(found for wall in walls if (found := instant(wall, zone)) >= moment)


def _of_day(at: time) -> timedelta:
    return timedelta(hours=at.hour, minutes=at.minute)
