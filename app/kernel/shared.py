"""Figures that cost a scan: counted once for all who look in this process, the seldomer the larger they are."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

ROWS_PER_SECOND: Final = 200_000
"""A scan of so many rows is made once a second at most. PostgreSQL counts ten times as many (two cores), so all who
look take a tenth of a core together."""
ALWAYS: Final = 20_000
"""Up to so many rows are counted for whoever asks: nobody sees old figures of what is small."""
MOST: Final = 512
Value = TypeVar("Value")


class Shared(Generic[Value]):
    """Figures by key; safe in threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, tuple[float, Value]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> Value | None:
        """What was counted a short while ago; None: count anew, then ``keep`` it."""
        with self._lock:
            good_until, value = self._known.get(key, (0.0, None))
        return value if time.monotonic() < good_until else None

    def keep(self, key: Hashable, value: Value, rows: int) -> Value:
        """Remember it for as long as its size asks for; gives it back.

        Args:
            key: whose figure.
            value: the figure.
            rows: how many had to be looked at.
        """
        if rows > ALWAYS:
            with self._lock:
                self._known[key] = (time.monotonic() + rows / ROWS_PER_SECOND, value)
                self._known.move_to_end(key)
                while len(self._known) > MOST:
                    self._known.popitem(last=False)
        return value
