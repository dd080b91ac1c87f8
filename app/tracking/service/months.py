"""The tables of months that signals stand in: made when the first signal of a month comes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import text

from app.kernel.db import session

_MAKE = text("SELECT make_signal_month(moment) FROM unnest(CAST(:moments AS timestamptz[])) AS moment")


def make(moments: Iterable[datetime]) -> None:
    """Let there be a table for each of these moments; months that are there cost next to nothing."""
    months = {moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0) for moment in moments}
    session().execute(_MAKE, {"moments": sorted(months)})
