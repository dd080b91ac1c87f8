"""Times of day, as people write them."""

from __future__ import annotations

from datetime import time


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
