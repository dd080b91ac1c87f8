"""Counts for the figures that must hold over all processes and restarts.

What happens rarely has one row. What each commit of a sender counts has one row a process of some, so that senders do
not wait for each other.
"""

from __future__ import annotations

import secrets
from typing import Final

from sqlalchemy import text

from app.delivery.rules import Lane
from app.kernel.db import session

COOL_DOWNS: Final = "cool_downs"
LEASES_OVER: Final = "leases_over"
STOPPED: Final = "mailings_stopped"
NAMES: Final = (COOL_DOWNS, LEASES_OVER, STOPPED)
SENT: Final = {lane: f"sent_{lane.value}" for lane in Lane}
ROWS: Final = 16
# One for the whole process: who took another one each time could hold the row that somebody else waits for.
_row = secrets.randbelow(ROWS)
_ADD = text(
    "INSERT INTO delivery_tallies AS t (name, number) VALUES (:name, :number)"
    " ON CONFLICT (name) DO UPDATE SET number = t.number + excluded.number"
)
_READ = text("SELECT name, number FROM delivery_tallies")


def add(name: str, number: int) -> None:
    """Count something; the row is locked until the transaction ends."""
    if number:
        session().execute(_ADD, {"name": name, "number": number})


def add_sent(lane: Lane, number: int) -> None:
    """Count messages that were sent, in the transaction that says so."""
    add(f"{SENT[lane]}:{_row}", number)


def read() -> dict[str, int]:
    """Every count by name, 0 where nothing happened yet."""
    counts = dict.fromkeys((*NAMES, *SENT.values()), 0)
    for row in session().execute(_READ):
        name = row.name.partition(":")[0]
        counts[name] = counts.get(name, 0) + row.number
    return counts
