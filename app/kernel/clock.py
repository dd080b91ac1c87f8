"""The one clock: the database's, asked once per transaction."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import text

from app.kernel.db import session

_shift = timedelta(0)
_ahead = timedelta(0)
"""How far the database's clock is ahead of this machine's, as it last told."""
RECENT_SECONDS: Final = 2.0
_told: tuple[float, datetime] | None = None
"""When (monotonic) the database last told its time, and which."""


def set_shift(seconds: int) -> None:
    """Shift what ``now`` says in this process, for drills and tests."""
    global _shift
    _shift = timedelta(seconds=seconds)


def set_to(moment: datetime) -> None:
    """Let ``now`` say this moment until the transaction ends, or until it is set again; for data about the past.

    Raises:
        RuntimeError: no transaction is open that would end it.
    """
    current = session()
    if not current.info.get("in_transaction"):
        raise RuntimeError("The clock is set within a transaction only.")
    current.info["now"] = moment


def use_recent() -> None:
    """Let ``now`` go on from what the database told a moment ago, if it did, until the transaction ends.

    For busy short acts, which would ask for nothing else: this machine counts on for two seconds at most.

    Raises:
        RuntimeError: no transaction is open that would end it.
    """
    if _told is not None and (passed := time.monotonic() - _told[0]) < RECENT_SECONDS:
        set_to(_told[1] + timedelta(seconds=passed) + _shift)


def now() -> datetime:
    """The time of this unit of work, in UTC; the same at each call until the transaction ends.

    Outside a transaction each call asks anew, since nothing would end the binding.
    """
    global _ahead, _told
    current = session()
    known = current.info.get("now")
    if isinstance(known, datetime):
        return known
    read = current.execute(text("SELECT clock_timestamp()")).scalar_one()
    _ahead = read - _machine()
    read = read.astimezone(UTC)
    _told = (time.monotonic(), read)
    moment: datetime = read + _shift
    if current.info.get("in_transaction"):
        current.info["now"] = moment
    return moment


def roughly() -> datetime:
    """The database's time without asking it, in UTC: this machine's, put right by the last answer.

    For what must not wait for the database; before its first answer it is this machine's time.
    """
    return _machine() + _ahead + _shift


def _machine() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)  # noqa: TID251  the one place that reads it
