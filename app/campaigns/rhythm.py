"""When the issues of a series are due: dates and the hour by the clocks of a zone. Pure.

Hours that clocks leave out or repeat are as in ``times.instant``. In a month without the day, its last day counts.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from app.kernel.errors import BadInput
from app.kernel.times import instant, time_of_day

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LAST_DAYS: Final = 28


class Every(StrEnum):
    """How often."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When issues are due.

    Attributes:
        every: how often.
        weekdays: of each week, 0 is Monday; only these where it is every week.
        month_day: 1 to 31, where it is every month.
        at: by the clocks of the zone.
    """

    every: Every
    weekdays: tuple[int, ...]
    month_day: int
    at: time

    def due_at(self, day: date, zone: str) -> datetime:
        """The instant of a date."""
        return instant(datetime.combine(day, self.at), ZoneInfo(zone))

    def dates_from(self, day: date) -> Iterator[date]:
        """All dates from a day on (included), without an end."""
        while True:
            if self._has(day):
                yield day
            day += timedelta(days=1)

    def next_dates(self, zone: str, after: datetime, count: int) -> list[date]:
        """So many dates whose instant is after this one."""
        today = after.astimezone(ZoneInfo(zone)).date()
        # Yesterday's too: its hour may be after midnight where clocks were put on.
        found = (day for day in self.dates_from(today - timedelta(days=1)) if self.due_at(day, zone) > after)
        return list(islice(found, count))

    def dates_between(self, first: date, last: date) -> list[date]:
        """The dates from one day to another, both included."""
        days = (first + timedelta(days=number) for number in range((last - first).days + 1))
        return [day for day in days if self._has(day)]

    def _has(self, day: date) -> bool:
        match self.every:
            case Every.DAY:
                return True
            case Every.WEEK:
                return day.weekday() in self.weekdays
            case Every.MONTH:
                return day.day == min(self.month_day, monthrange(day.year, day.month)[1])

    @property
    def words(self) -> str:
        """In a line: every week on Monday and Thursday at 10:00."""
        match self.every:
            case Every.DAY:
                when = "Every day"
            case Every.WEEK:
                when = f"Every week on {_listed([WEEKDAYS[number] for number in self.weekdays])}"
            case Every.MONTH:
                when = f"Every month on day {self.month_day}"
                if self.month_day > _LAST_DAYS:
                    when += ", or the last day there is,"
        return f"{when} at {self.at:%H:%M}"


def rhythm_of(every: str, weekdays: list[int], month_day: int, at: str) -> Rhythm:
    """What somebody chose.

    Raises:
        BadInput: with ``fields`` every, weekdays, month_day or time.
    """
    if every not in set(Every):
        raise BadInput(fields={"every": "Choose how often."})
    days = tuple(sorted({day for day in weekdays if 0 <= day < len(WEEKDAYS)}))
    if every == Every.WEEK and not days:
        raise BadInput(fields={"weekdays": "Choose at least one day of the week."})
    if not 1 <= month_day <= 31:
        raise BadInput(fields={"month_day": "Choose a day from 1 to 31."})
    try:
        clock = time_of_day(at)
    except ValueError as fault:
        raise BadInput(fields={"time": str(fault)}) from None
    return Rhythm(Every(every), days, month_day, clock)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
