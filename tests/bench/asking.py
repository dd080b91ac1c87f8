"""Somebody signs up once a second while a mailing goes out: how long until their question has been accepted."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import psycopg

from tests.support.make import Place
from tests.support.outbox import wish

EACH_SECONDS = 1.0
ALL_SECONDS = 60.0
_WAITS = (
    "SELECT CAST(extract(epoch FROM m.done_at - m.created_at) AS float8) FROM messages m"
    " JOIN mailings g ON g.no = m.mailing_no WHERE g.workspace_id = %s AND m.state = 'sent'"
)


class Asking:
    """Asks when it is looked after; in a workspace of its own."""

    def __init__(self, where: Place) -> None:
        self._where = where
        self._asked_at = 0.0
        self.count = 0

    def look(self) -> None:
        """Ask, if a second has passed."""
        if time.monotonic() - self._asked_at >= EACH_SECONDS:
            self._asked_at = time.monotonic()
            wish(self._where)
            self.count += 1

    def seconds(self, connection: psycopg.Connection) -> list[float]:
        """By the database's clock, from each wish until the server's answer to it was written down.

        Raises:
            TimeoutError: some did not go out.
        """
        until = time.monotonic() + ALL_SECONDS
        while True:
            found = [row[0] for row in connection.execute(_WAITS, (self._where.id,)).fetchall()]
            if len(found) == self.count:
                return found
            if time.monotonic() > until:
                raise TimeoutError(f"{self.count} asked, {len(found)} were answered.")
            time.sleep(0.1)


def percentile(seconds: Sequence[float], part: float) -> float:
    """The value that so many hundredths do not exceed."""
    return sorted(seconds)[max(0, math.ceil(len(seconds) * part / 100) - 1)]
