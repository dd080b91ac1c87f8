"""How many messages to each domain group may be in flight, so that a receiver that takes a minute for each word holds few lines.

Before its first answer nobody knows which receiver that is. So each group begins with two; an answer that comes soon
doubles that, a late one adds one. While others answer soon, late ones together with their like get a part of the
lines each and no more; where all are late, it is the mail server that is slow, and nobody is held back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

FIRST: Final = 2
"""So many lines may an unknown receiver hold."""
PART: Final = 4
"""One line of so many may be held by a slow one."""
SLOW_SECONDS: Final = 1.0
"""Who takes longer for one mail is slow, beside others who do not."""
MOST: Final = 1024
"""A window that wide needs no opening."""


class Windows:
    """The groups of one route in one slice of work."""

    def __init__(self) -> None:
        self.lines = 0
        """How many are open."""
        self._windows: dict[str, int] = {}
        self._in_flight: dict[str, int] = {}
        self._quick: set[str] = set()
        self._slow: set[str] = set()

    def room(self, group: str) -> int:
        """How many more may begin."""
        most = self._windows.get(group, FIRST)
        if self.is_slow(group):
            most = min(most, max(FIRST, self.lines // PART))
        return most - self._in_flight.get(group, 0)

    def is_slow(self, group: str) -> bool:
        """Whether it keeps others waiting."""
        return bool(self._slow) and group in self._slow and bool(self._quick)

    def slow(self) -> list[str]:
        """Groups that keep others waiting."""
        return [group for group in self._slow if self._quick]

    def full(self) -> list[str]:
        """Groups that get nothing now."""
        return [group for group, count in self._in_flight.items() if count and self.room(group) <= 0]

    def begun(self, groups: Iterable[str]) -> None:
        """These have begun, one entry a message."""
        for group in groups:
            self._in_flight[group] = self._in_flight.get(group, 0) + 1

    def over(self, group: str) -> None:
        """One is out of hand, and says nothing about the receiver."""
        self._in_flight[group] -= 1

    def answered(self, group: str, seconds: float) -> None:
        """The receiver has answered one after so long."""
        self._in_flight[group] -= 1
        window = self._windows.get(group, FIRST)
        if seconds > SLOW_SECONDS:
            self.waits_for(group)
            self._windows[group] = window + 1
        elif group not in self._quick or window < MOST:
            self._slow.discard(group)
            self._quick.add(group)
            self._windows[group] = 2 * window

    def waits_for(self, group: str) -> None:
        """It is taking its time."""
        self._quick.discard(group)
        self._slow.add(group)
