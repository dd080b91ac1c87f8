"""The work itself, the same whether a ring or the poll thread asks for it; needs an application context."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable

from sqlalchemy.exc import InterfaceError, OperationalError

from app.delivery import highwater, pump
from app.delivery.rules import Lane
from app.kernel import schedule

log = logging.getLogger(__name__)
SLICE_SECONDS = 30.0

stopping = threading.Event()
"""Set when this process has been asked to end."""
_running: Counter[str] = Counter()
_running_lock = threading.Lock()


def send(lane: str, seconds: float = SLICE_SECONDS) -> bool:
    """Run one slice; whether something may be left."""
    if lane not in list(Lane):
        log.warning("no lane is named like that: it was left alone")
        return False
    _count(lane, 1)
    try:
        return attempt(lambda: _send(lane, seconds)) is True
    finally:
        _count(lane, -1)


def _send(lane: str, seconds: float) -> bool:
    if not highwater.may_send():
        return False
    return pump.run_slice(lane, deadline_seconds=seconds, stop=stopping.is_set)


def is_sending(lane: str) -> bool:
    """Whether a thread of this process is at work in the lane."""
    return _running[lane] > 0


def run_job(name: str) -> None:
    """Run a job, unless it is running or was run a moment ago."""
    attempt(lambda: highwater.may_send() and schedule.run(name))


def attempt(call: Callable[[], bool]) -> bool | None:
    """What ``call`` gives; None and one line in the log while the database is away."""
    try:
        return call()
    except (OperationalError, InterfaceError) as error:
        log.warning("the database is away, the work waits: %s", error.__class__.__name__)
        return None


def _count(lane: str, change: int) -> None:
    with _running_lock:
        _running[lane] += change
