"""Where signals are between the answer and the tables."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from app.tracking import queries, recorder, stream
from app.tracking.recorder import Recorder


@dataclass(frozen=True, slots=True)
class State:
    """Signals that were answered and are not in the tables.

    Attributes:
        waiting: in the stream, the inbox, and this machine's spool.
        lost: neither in the tables nor waiting; None while Redis is away, since it may hold them.
    """

    waiting: int
    lost: int | None


def read() -> State:
    """The state now; a hit that is being answered this moment may count as lost for that moment."""
    taker: Recorder = current_app.extensions[recorder.EXTENSION]
    streamed, spooled = stream.count(), taker.spool.count()
    found = queries.underway()
    waiting = found.inbox + spooled + (streamed or 0)
    lost = None if streamed is None else max(0, found.missing - spooled - streamed)
    return State(waiting, lost)
