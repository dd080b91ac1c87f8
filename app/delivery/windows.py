"""How many messages to each domain group may be in flight: few at first, more with every answer, fewer when it is slow.

A receiver that takes a minute for each word must not hold all lines of a route, and before its first answer nobody
knows who does. So each group begins with what one line takes, gains with each answer, and loses half when mails
have to be taken back because nothing moved.
"""

from __future__ import annotations

from collections.abc import Iterable


class Windows:
    """The groups of one route in one slice of work."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._windows: dict[str, int] = {}
        self._in_flight: dict[str, int] = {}

    def room(self, group: str) -> int:
        """How many more may begin."""
        return self._windows.get(group, self._first) - self._in_flight.get(group, 0)

    def full(self) -> list[str]:
        """Groups that get nothing now."""
        return [group for group in self._in_flight if self.room(group) <= 0]

    def begun(self, groups: Iterable[str]) -> None:
        """These have begun, one entry a message."""
        for group in groups:
            self._in_flight[group] = self._in_flight.get(group, 0) + 1

    def answered(self, group: str) -> None:
        """A server has answered one."""
        self._in_flight[group] = self._in_flight.get(group, 1) - 1
        self._windows[group] = self._windows.get(group, self._first) + 1

    def taken_back(self, groups: Iterable[str]) -> None:
        """These did not get their turn in time, one entry a message."""
        slow: set[str] = set()
        for group in groups:
            self._in_flight[group] = self._in_flight.get(group, 1) - 1
            slow.add(group)
        for group in slow:
            self._windows[group] = max(1, self._windows.get(group, self._first) // 2)
