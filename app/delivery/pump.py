"""Sends what is due, slice by slice. Everything that must survive is a row.

No transaction is open and no connection to the database is held while the network is spoken to. What was said between
two commits stands in the slice's journal.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable

from app.delivery import outbox, recovery, sending
from app.delivery.rules import Lane
from app.kernel.db import release, transaction


def run_slice(lane: str, *, deadline_seconds: float = 30, stop: Callable[[], bool] = lambda: False) -> bool:
    """Send what is due in a lane until nothing is, time is up, or ``stop`` says so.

    Takes no new message after the deadline; those in hand are brought to their end.

    Args:
        lane: ``system`` or ``bulk``.
        deadline_seconds: monotonic, of this process.
        stop: asked before each batch and within it.

    Returns:
        Whether something may be left that is due.

    Raises:
        sqlalchemy.exc.OperationalError: the database is away.
        OSError: the folder of journals cannot be written; nothing is begun then.
    """
    until = time.monotonic() + deadline_seconds
    reap()
    return sending.run(Lane(lane), _name(), until, stop)


def _name() -> str:
    """Of a slice and of nothing else, also in processes that were forked from one that had loaded this."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(6)}"


def reap() -> None:
    """Put right what dead workers held: by their journals, else when the lease ends. Each slice and a job do it."""
    recovery.replay()
    with transaction():
        outbox.reap()
    release()
