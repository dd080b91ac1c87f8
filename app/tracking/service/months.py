"""The tables of months that signals stand in: made when the first signal of a month comes, and known to the planner."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import text

from app.kernel.db import session

_GATHER: Final = text("SELECT gather_signal_statistics()")
_GATHER_TIMEOUT: Final = text("SET LOCAL statement_timeout = '10min'")
_MAKE = text("SELECT make_signal_month(moment) FROM unnest(CAST(:moments AS timestamptz[])) AS moment")


def make(moments: Iterable[datetime]) -> None:
    """Let there be a table for each of these moments; months that are there cost next to nothing."""
    months = {moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0) for moment in moments}
    session().execute(_MAKE, {"moments": sorted(months)})


def gather_statistics() -> bool:
    """Let the planner know all months together, where a tenth has come since it did; whether that was so.

    PostgreSQL itself gathers what it knows of each month, and of all of them never.
    """
    session().execute(_GATHER_TIMEOUT)
    return bool(session().execute(_GATHER).scalar_one())
