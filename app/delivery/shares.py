"""How many lines one slice may have open on each route: its share of what all workers may have together."""

from __future__ import annotations

import time
from typing import Final

from app.delivery.pacing import slots
from app.delivery.pacing.slots import Ask
from app.kernel.db import release, transaction

WANTED: Final = 1000
"""As many as there are: the route's own number is the limit."""


class Shares:
    """Asks every few seconds; see ``pacing.slots``."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._shares: dict[str, int] = {}
        self._asked_at: dict[str, float] = {}

    def of(self, route: str, held: int) -> int:
        """How many may be open. 0 for a moment where this slice could not ask in time: its part is another's by now.

        Args:
            route: its name.
            held: how many are open.
        """
        now = time.monotonic()
        since = now - self._asked_at.get(route, 0.0)
        if route in self._asked_at and since > slots.LEASE.total_seconds() and held:
            return 0
        if route not in self._asked_at or since > slots.RENEW_SECONDS or self._shares[route] == 0:
            with transaction():
                self._shares |= slots.renew(self._owner, {route: Ask(held, WANTED)})
            release()
            self._asked_at[route] = now
        return self._shares[route]

    def release(self) -> None:
        """Give everything back; after the lines are closed."""
        if self._asked_at:
            with transaction():
                slots.release(self._owner)
            release()
