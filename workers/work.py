"""The work itself, the same whether a ring or the poll thread asks for it; needs an application context."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

from sqlalchemy.exc import InterfaceError, OperationalError

from app.delivery import highwater, pump
from app.delivery.rules import Lane
from app.kernel import schedule

log = logging.getLogger(__name__)
SLICE_SECONDS = 30.0

SLICES: Final = 2
"""So many slices of a lane run in a process at once, so that jobs find a thread: a slice sends for all who ring."""

stopping = threading.Event()
"""Set when this process has been asked to end."""
_running: Counter[str] = Counter()
_rung: set[str] = set()
"""Lanes that somebody rang for while enough slices ran: what they rang for may have come too late for those."""
_running_lock = threading.Lock()


def send(lane: str, seconds: float = SLICE_SECONDS) -> bool:
    """Run one slice, unless enough of them run; whether something may be left."""
    if lane not in list(Lane):
        log.warning("no lane is named like that: it was left alone")
        return False
    if not _begin(lane):
        return False
    try:
        is_left = attempt(lambda: _send(lane, seconds)) is True
    finally:
        was_rung = _end(lane)
    return is_left or was_rung


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


def _begin(lane: str) -> bool:
    with _running_lock:
        if _running[lane] >= SLICES:
            _rung.add(lane)
            return False
        _running[lane] += 1
        return True


def _end(lane: str) -> bool:
    """Whether somebody rang meanwhile in vain."""
    with _running_lock:
        _running[lane] -= 1
        was_rung = lane in _rung
        _rung.discard(lane)
        return was_rung
