"""Times of day, as people write them, and when the clocks of a zone show them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo


def time_of_day(typed: str) -> time:
    """Hours and minutes of a clock.

    Raises:
        ValueError: says how to write it.
    """
    message = "Write a time like 10:00."
    try:
        found = time.fromisoformat(typed)
    except ValueError:
        raise ValueError(message) from None
    if found.tzinfo is not None:
        raise ValueError(message)
    return found.replace(second=0, microsecond=0)


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """When the clocks of a zone show a time, in UTC.

    Of an hour that comes twice in autumn the first one counts. One that clocks leave out in spring comes as late as it would
    have been: 02:30 is then 03:30.

    Args:
        wall: what clocks show; a zone of its own does not count.
        zone: whose clocks.
    """
    # fold 0: the first of two, and what is left out is read by the clock before it.
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
