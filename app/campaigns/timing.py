"""When the mails of a campaign leave: what a form says of it, and what people are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from app.delivery.rules.hours import ALL_DAYS, By, Past, Timing, Window, read_span
from app.kernel import i18n
from app.kernel.errors import BadInput

BYS: Final = (
    (By.MOMENT.value, "Everybody at this moment"),
    (By.LOCAL.value, "Each at this time by their own clock"),
    (By.HABIT.value, "Each at the hour at which they follow links"),
)
PASTS: Final = ((Past.NEXT_DAY.value, "Gets it the next day"), (Past.NOW.value, "Gets it at once"))
DAYS: Final = (
    ("1", "Mon"), ("2", "Tue"), ("3", "Wed"), ("4", "Thu"), ("5", "Fri"), ("6", "Sat"), ("7", "Sun"),
)  # fmt: skip
_WEEKDAYS: Final = frozenset({1, 2, 3, 4, 5})


def read(values: Mapping[str, Any], at: datetime | None) -> Timing:
    """What was posted.

    Args:
        values: by, past, days, since, until, is_urgent, as strings (days: several, none is all; is_urgent: a tick).
        at: the time that was chosen; None: now.

    Raises:
        BadInput: with ``fields`` by, since, until.
    """
    by = By(values["by"])
    if by is By.LOCAL and at is None:
        raise BadInput(fields={"by": "Choose a time first: “now” is the same moment for everybody."})
    return Timing(by, at if by is not By.MOMENT else None, Past(values["past"]), _window(values), values["is_urgent"])


def _window(values: Mapping[str, Any]) -> Window | None:
    days = frozenset(int(day) for day in values["days"]) or ALL_DAYS
    span = read_span(values, "since", "until")
    return Window(days, span) if span is not None or days != ALL_DAYS else None


def words(timing: Timing, zone: str) -> list[str]:
    """A timing in sentences, for people."""
    found = []
    if timing.by is By.LOCAL and timing.at is not None:
        late = "at once" if timing.past is Past.NOW else "the next day"
        found.append(
            f"Each gets it at {i18n.minute(timing.at, zone)} by their own clock; whose clock has shown that already, {late}."
        )
    if timing.by is By.HABIT:
        found.append(
            "Each gets it within a day, at the hour at which they follow links; of whom that is not known, at the hour"
            " at which most links of yours are followed, else at once."
        )
    if timing.window is not None:
        found.append(f"Only {window_words(timing.window)}, by the reader’s clock.")
    if timing.is_urgent:
        found.append("Urgent: also to those who have had as many mails this week as you send at most.")
    return found


def window_words(window: Window) -> str:
    """``Mon to Fri, 09:00 to 17:00``."""
    span = f"{window.span.since:%H:%M} to {window.span.until:%H:%M}" if window.span else ""
    return ", ".join(part for part in (_days_words(window.days), span) if part)


def _days_words(days: frozenset[int]) -> str:
    if days == ALL_DAYS:
        return "every day"
    if days == _WEEKDAYS:
        return "Mon to Fri"
    named = [word for number, word in DAYS if int(number) in days]
    return " and ".join([", ".join(named[:-1]), named[-1]]) if len(named) > 1 else named[0]


def given(form: Mapping[str, str], days: Sequence[str]) -> dict[str, Any]:
    """What stands in the form: what was typed, else what is usual."""
    chosen = days if form else [number for number, _ in DAYS]
    return {
        "by": form.get("by", By.MOMENT.value), "past": form.get("past", Past.NEXT_DAY.value), "days": list(chosen),
        "since": form.get("since", ""), "until": form.get("until", ""), "urgent": bool(form.get("is_urgent")),
    }  # fmt: skip
