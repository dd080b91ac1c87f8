"""Threads that write at the same time share one write: all that come while one is under way go into the next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class _Place(Generic[T]):
    """One thing that waits, and the thread that brought it."""

    __slots__ = ("is_over", "thing", "wake")

    def __init__(self, thing: T) -> None:
        self.thing = thing
        self.is_over = False
        self.wake = threading.Lock()
        self.wake.acquire()


class GroupWriter(Generic[T]):
    """Writes what threads bring, by groups.

    Args:
        write: puts a group where it stays, and never raises; called by one of the threads at a time.
    """

    def __init__(self, write: Callable[[Sequence[T]], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._waiting: list[_Place[T]] = []
        self._is_writing = False

    def take(self, thing: T) -> None:
        """Return once it has been written, by this thread or by another one."""
        place = _Place(thing)
        with self._lock:
            self._waiting.append(place)
            leads, self._is_writing = not self._is_writing, True
        if not leads:
            place.wake.acquire()  # until it is over, or until this thread's turn to write has come
        if not place.is_over:
            self._lead(place)

    def _lead(self, mine: _Place[T]) -> None:
        with self._lock:
            group, self._waiting = self._waiting, []
        try:
            self._write([place.thing for place in group])
        finally:
            with self._lock:
                following = self._waiting[0] if self._waiting else None
                self._is_writing = following is not None
            if following:
                following.wake.release()
            for place in group:
                place.is_over = True
                if place is not mine:
                    place.wake.release()
