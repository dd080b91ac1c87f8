"""The one clock: the database's, asked once per transaction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from app.kernel.db import session

_shift = timedelta(0)


def set_shift(seconds: int) -> None:
    """Shift what ``now`` says in this process, for drills and tests."""
    global _shift
    _shift = timedelta(seconds=seconds)


def now() -> datetime:
    """The time of this unit of work, in UTC; the same at each call until the transaction ends.

    Outside a transaction each call asks anew, since nothing would end the binding.
    """
    current = session()
    known = current.info.get("now")
    if isinstance(known, datetime):
        return known
    read = current.execute(text("SELECT clock_timestamp()")).scalar_one()
    moment: datetime = read.astimezone(UTC) + _shift
    if current.info.get("in_transaction"):
        current.info["now"] = moment
    return moment
