"""How many lines one slice may have open on each route: its share of what all workers may have together."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from app.delivery.pacing import slots
from app.delivery.pacing.slots import Ask
from app.kernel.db import release, transaction

RESERVED: Final = 4
"""Lines of each slice of system mail, beside what mailings share: none of them can keep it waiting."""
FIRST: Final = 8
"""So many are asked for at first, then twice as many as are open: what nobody uses is free for others."""
MORE_SECONDS: Final = 0.25
"""Who has opened its share and could use more asks again so soon."""


class Shares:
    """Asks every second; see ``pacing.slots``."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._shares: dict[str, int] = {}
        self._asked_at: dict[str, float] = {}

    def of(self, route: str, held: int) -> int:
        """How many may be open; asks where nobody knows yet, there was none, or all are open.

        Args:
            route: its name.
            held: how many are open.
        """
        share = self._shares.get(route, 0)
        if not share or (held >= share and time.monotonic() - self._asked_at[route] > MORE_SECONDS):
            self._ask({route: held})
        return self._shares[route]

    def renew(self, held: Mapping[str, int]) -> None:
        """Ask again every second; outside a transaction.

        Who could not ask in time must begin anew: its part is another's by now, so it has none for this moment.

        Args:
            held: how many lines are open, by route.
        """
        now = time.monotonic()
        since = {route: now - self._asked_at.get(route, 0.0) for route in held}
        if any(seconds > slots.LEASE.total_seconds() and held[route] for route, seconds in since.items()):
            self._shares.update(dict.fromkeys(held, 0))
        elif any(seconds > slots.RENEW_SECONDS for seconds in since.values()):
            self._ask(held)

    def _ask(self, held: Mapping[str, int]) -> None:
        with transaction():
            asks = {route: Ask(n, max(FIRST, 2 * n)) for route, n in held.items()}
            self._shares |= slots.renew(self._owner, asks)
        release()
        now = time.monotonic()
        self._asked_at |= dict.fromkeys(held, now)

    def release(self) -> None:
        """Give everything back; after the lines are closed."""
        if self._asked_at:
            with transaction():
                slots.release(self._owner)
            release()


class Reserve:
    """The same for the mails that somebody waits for: a few lines that nobody has to be asked for."""

    def of(self, _route: str, _held: int) -> int:
        """As ``Shares.of``."""
        return RESERVED

    def renew(self, _held: Mapping[str, int]) -> None:
        """Nothing is leased."""

    def release(self) -> None:
        """Nothing is leased."""
