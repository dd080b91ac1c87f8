"""Counts for the figures that must hold over all processes and restarts, each one row; for what happens rarely."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text

from app.kernel.db import session

COOL_DOWNS: Final = "cool_downs"
LEASES_OVER: Final = "leases_over"
STOPPED: Final = "mailings_stopped"
NAMES: Final = (COOL_DOWNS, LEASES_OVER, STOPPED)
_ADD = text(
    "INSERT INTO delivery_tallies AS t (name, number) VALUES (:name, :number)"
    " ON CONFLICT (name) DO UPDATE SET number = t.number + excluded.number"
)
_READ = text("SELECT name, number FROM delivery_tallies")


def add(name: str, number: int) -> None:
    """Count something; the row is locked until the transaction ends."""
    if number:
        session().execute(_ADD, {"name": name, "number": number})


def read() -> dict[str, int]:
    """Every count by name, 0 where nothing happened yet."""
    counts = dict.fromkeys(NAMES, 0)
    counts.update({row.name: row.number for row in session().execute(_READ)})
    return counts
