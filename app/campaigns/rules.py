"""Pure decisions and words of campaigns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from app.kernel.errors import BadInput
from app.kernel.times import instant, time_of_day

MAX_NAME: Final = 80
LETTER_TEST: Final = "letter-test"
"""The system mail that shows a letter to somebody who works here."""
SERIES_NEWS: Final = "series"
"""The system mail that tells who made a series what they have to do."""
DELAYS: Final = ((0, "None: they leave at once"), (60, "1 minute"), (600, "10 minutes"), (3600, "1 hour"))
"""Time to change one's mind, in seconds, with its words."""
LINK_DAYS: Final = (7, 30, 90)
"""So long a link to a report may work for everybody."""
FARTHEST: Final = timedelta(days=366)
HOURS_IN_CHART: Final = 48
DAYS_IN_CHART: Final = 31


class State(StrEnum):
    """Where a campaign stands, read off its mailing."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    PAUSED = "paused"
    TRYING = "trying"
    DONE = "done"
    CANCELLED = "cancelled"


WORDS: Final[Mapping[State, tuple[str, str]]] = {
    State.DRAFT: ("Draft", "plain"),
    State.SCHEDULED: ("Scheduled", "info"),
    State.SENDING: ("Sending", "yes"),
    State.PAUSED: ("Paused", "ask"),
    State.TRYING: ("Trying variants", "info"),
    State.DONE: ("Sent", "plain"),
    State.CANCELLED: ("Cancelled", "plain"),
}
"""What people read, and the badge's tone."""
MAILING_STATES: Final[Mapping[State, tuple[str, ...]]] = {
    State.SCHEDULED: ("scheduled",),
    State.SENDING: ("freezing", "running"),
    State.PAUSED: ("paused",),
    State.TRYING: ("trying",),
    State.DONE: ("done",),
    State.CANCELLED: ("cancelled",),
}
"""Which states of a mailing are which of a campaign."""
UNDERWAY: Final = frozenset({State.SCHEDULED, State.SENDING, State.PAUSED})


def state_of(mailing_state: str | None) -> State:
    """The state of a campaign whose mailing stands so; without a mailing it is a draft."""
    for state, words in MAILING_STATES.items():
        if mailing_state in words:
            return state
    return State.DRAFT


LEFT_OUT: Final[Mapping[str, tuple[str, str, str]]] = {
    "asked": ("Not answered yet", "the question is out, nobody has confirmed", "ask"),
    "paused": ("On pause", "until a day they chose", "info"),
    "digest": ("Get a digest", "a week’s or a month’s mails in one", "info"),
    "ended": ("Permission ran out", "it was given for a time", "no"),
    "no": ("Left, or never said yes", "to none of the chosen interests", "no"),
    "objected": ("Never: objected", "they want no marketing at all", "never"),
    "suppressed": ("Never: bounced or complained", "or kept out by hand", "never"),
}
"""Why somebody who knows the chosen interests does not get the mail: words, explanation, tone."""


@dataclass(frozen=True, slots=True)
class Reckoning:
    """Who would get a mail now, and who would not, by the keys of ``LEFT_OUT``; ``fault``: why that cannot be told."""

    reached: int
    left_out: Mapping[str, int]
    fault: str = ""

    @property
    def total(self) -> int:
        """Everybody who has anything to do with the chosen interests."""
        return self.reached + sum(self.left_out.values())

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Reasons with somebody behind them, in the order of ``LEFT_OUT``."""
        return [(key, self.left_out[key]) for key in LEFT_OUT if self.left_out.get(key)]


@dataclass(frozen=True, slots=True)
class Check:
    """Something looked at before a campaign leaves: ``severity`` stop, warn or pass."""

    severity: str
    title: str
    says: str = ""
    step: str = ""
    """Where it is put right: write (with a space and the language: a translation), audience, variants, sender, brand or empty."""


def blocks(checks: Iterable[Check]) -> bool:
    """Whether any of them keeps the campaign from leaving."""
    return any(check.severity == "stop" for check in checks)


def due_at(day: str, clock: str, zone: str, now: datetime) -> datetime:
    """The instant of a day and a time of the workspace's zone.

    Args:
        day: ``2026-11-24``.
        clock: ``10:00``.
        zone: an IANA name.
        now: must lie before it, and no more than a year.

    Raises:
        BadInput: with ``fields`` day or time; also for an hour that clocks leave out in spring.
    """
    wanted_on = _day(day)
    try:
        at = time_of_day(clock)
    except ValueError as fault:
        raise BadInput(fields={"time": str(fault)}) from None
    wall = datetime.combine(wanted_on, at)
    moment = instant(wall, ZoneInfo(zone))
    if moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != wall:
        message = "Clocks go forward on that day and leave this time out. Choose an hour later."
        raise BadInput(fields={"time": message})
    if moment <= now:
        raise BadInput(fields={"day": "This time is over. Choose one to come, or send now."})
    if moment > now + FARTHEST:
        raise BadInput(fields={"day": "Choose a day within a year."})
    return moment


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(fields={"day": "Choose a day."}) from None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a mailing is. Shares are whole percent; ``ends_in_seconds`` is None while nothing can be said."""

    waiting: int
    sent: int
    skipped: int
    failed: int
    unknown: int
    per_minute: int = 0

    @property
    def audience(self) -> int:
        """Everybody it was made for."""
        return self.waiting + self.done

    @property
    def done(self) -> int:
        """Those of whom nothing is waiting any more."""
        return self.sent + self.skipped + self.failed + self.unknown

    @property
    def percent(self) -> int:
        """Never 100 before all are done."""
        return 100 if not self.waiting else 100 * self.done // self.audience

    @property
    def ends_in_seconds(self) -> int | None:
        """At this rate."""
        if not self.per_minute or not self.waiting:
            return None
        return round(60 * self.waiting / self.per_minute)

    @property
    def parts(self) -> list[tuple[str, int, str]]:
        """(word, people, tone) in the order in which reports show them."""
        return [
            ("waiting", self.waiting, "wait"),
            ("sent", self.sent, "yes"),
            ("skipped", self.skipped, "no"),
            ("failed", self.failed, "stop"),
            ("unknown", self.unknown, "ask"),
        ]

    @property
    def sentence(self) -> str:
        """The five numbers in words."""
        return ", ".join(f"{count:,} {word}" for word, count, _ in self.parts)


@dataclass(frozen=True, slots=True)
class Slot:
    """One bar of the chart over time: a label, and the signals of people, programs and of nobody knows whom."""

    label: str
    human: int
    machine: int
    unknown: int

    @property
    def row(self) -> tuple[str, str, str, str]:
        """The same as a line of a table."""
        return (self.label, f"{self.human:,}", f"{self.machine:,}", f"{self.unknown:,}")


def slots(
    counts: Sequence[tuple[datetime, str, int]], zone: str, starts_at: datetime, now: datetime
) -> list[Slot]:
    """Signals over time, without gaps: by hour for two days, then by day for a month, then by week.

    Args:
        counts: (hour in UTC, verdict human, machine or unknown, number).
        zone: the workspace's.
        starts_at: when the mailing began.
        now: where the chart ends, unless the last signal was long before.
    """
    local = ZoneInfo(zone)
    first = min([starts_at, *(hour for hour, _, _ in counts)]).astimezone(UTC)
    last = max([first, *(hour for hour, _, _ in counts)]).astimezone(UTC)
    hours = int((last - first).total_seconds() // 3600) + 1
    if hours <= HOURS_IN_CHART:
        begin = first.replace(minute=0, second=0, microsecond=0)
        end = min(max(last, begin + timedelta(hours=11)), max(now, last))
        steps = [begin + timedelta(hours=i) for i in range(int((end - begin).total_seconds() // 3600) + 1)]
        keys = [(step, f"{step.astimezone(local):%H:%M}") for step in steps]
        return _fill(keys, [(hour.astimezone(UTC), verdict, n) for hour, verdict, n in counts])
    length = 1 if hours <= 24 * DAYS_IN_CHART else 7
    origin = first.astimezone(local).date()
    days = (last.astimezone(local).date() - origin).days // length + 1
    named = [(i, f"{origin + timedelta(days=i * length):%-d %b}") for i in range(days)]
    placed = [((hour.astimezone(local).date() - origin).days // length, v, n) for hour, v, n in counts]
    return _fill(named, placed)


def _fill(keys: Sequence[tuple[object, str]], counts: Sequence[tuple[object, str, int]]) -> list[Slot]:
    sums: dict[tuple[object, str], int] = {}
    for key, verdict, number in counts:
        sums[key, verdict] = sums.get((key, verdict), 0) + number
    return [
        Slot(label, *(sums.get((key, verdict), 0) for verdict in ("human", "machine", "unknown")))
        for key, label in keys
    ]


def month_of(text: str, today: date) -> date:
    """The first day of ``2026-11``; of today's month where nothing readable is said."""
    try:
        found = date.fromisoformat(f"{text}-01")
    except ValueError:
        return today.replace(day=1)
    return found if 2000 <= found.year <= 2100 else today.replace(day=1)


def weeks_of(month: date) -> list[list[date]]:
    """The weeks that a month touches, each from Monday to Sunday."""
    start = month - timedelta(days=month.weekday())
    end = next_month(month)
    weeks = []
    while start < end:
        weeks.append([start + timedelta(days=i) for i in range(7)])
        start += timedelta(days=7)
    return weeks


def week_of(text: str) -> list[date] | None:
    """The week from Monday to Sunday that holds ``2026-11-26``; None: nothing readable is said."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    if not 2000 <= found.year <= 2100:
        return None
    start = found - timedelta(days=found.weekday())
    return [start + timedelta(days=i) for i in range(7)]


def next_month(month: date) -> date:
    """The first day of the month after."""
    return (month + timedelta(days=32)).replace(day=1)


def month_before(month: date) -> date:
    """The first day of the month before."""
    return (month - timedelta(days=1)).replace(day=1)


def in_words(seconds: int) -> str:
    """A length of time: 40 seconds, 9 minutes, 2 hours, 3 days."""
    for size, word in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = round(seconds / size)
            return f"{number} {word}" if number == 1 else f"{number} {word}s"
    return "1 second" if seconds == 1 else f"{max(seconds, 0)} seconds"
