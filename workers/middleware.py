"""What surrounds each piece of work, and the two threads that each worker process keeps."""
# ruff: noqa: ARG002  Dramatiq hands over more than is needed here

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import os
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

import dramatiq
from flask import Flask
from flask.ctx import AppContext as FlaskContext

from app.delivery import highwater, queries
from app.delivery.rules import Lane
from app.kernel import health, jobs, redis, schedule
from app.kernel.db import transaction
from workers import work

if TYPE_CHECKING:
    from dramatiq import Broker, MessageProxy, Worker

log = logging.getLogger(__name__)
BEAT_SECONDS = 5.0
POLL_SECONDS = 2.0
POLL_SLICE_SECONDS = 5.0
"""One thread polls for all lanes: a long backlog of one must not keep the others waiting."""
OVERDUE_SECONDS = 5.0
"""What is due for so long has been forgotten by every bell: Redis lost its rings, or nobody schedules."""

SWITCH_SECONDS = 0.0005
"""Who has waited for the database or a mail server gets its turn so soon, and not only after the usual 5 ms: a thread
that prepares mails would hold up one that hands them over at each of its twenty steps."""
_M_TRIM_THRESHOLD = -1
_M_ARENA_MAX = -8
BULK_NICE = 10
"""A third of the time that a process of usual niceness gets beside it."""
KEPT_OCTETS = 64 * 1024 * 1024


class AppContext(dramatiq.Middleware):
    """Each message runs in an application context of its own; leaving it gives the database session back."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._local = threading.local()

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """Enter."""
        context = self._app.app_context()
        context.push()
        self._local.context = context

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any | None = None,
        exception: BaseException | None = None,
    ) -> None:
        """Leave."""
        self._leave()

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        """Leave."""
        self._leave()

    def _leave(self) -> None:
        context: FlaskContext | None = getattr(self._local, "context", None)
        self._local.context = None
        if context is not None:
            context.pop()


class Memory(dramatiq.Middleware):
    """The garbage collector leaves alone what a process keeps for ever, and looks less often.

    Sending makes hundreds of thousands of objects a second that end by themselves, and each full search walked over
    the whole application: a sixth of a sender's time (0.145 s of CPU instead of 0.174 for 1,000 mails).
    """

    def after_process_boot(self, broker: Broker) -> None:
        """Everything that is here now is here to stay."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 100)
        sys.setswitchinterval(SWITCH_SECONDS)
        keep_freed_memory()


def keep_freed_memory() -> None:
    """The C library keeps what was freed for the next turn's mails.

    It would give the end of its heap back to the system after each turn and fetch it again page by page: a tenth of
    a sender's time. A library that cannot be told (musl) is left alone.
    """
    with contextlib.suppress(AttributeError, OSError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_TRIM_THRESHOLD, KEPT_OCTETS)
        # One heap for all threads: each further one keeps its own remains, and only one thread runs at a time.
        library.mallopt(_M_ARENA_MAX, 1)


class Threads(dramatiq.Middleware):
    """The process' own threads: one says that it lives, one looks for work while no bell can be heard.

    They begin when the worker has, since only then it is known which queues it listens to.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """On a machine that is full, who sends only mailings gives way to who answers people; threads take it over."""
        if _heard(broker, worker) == {Lane.BULK.value}:
            with contextlib.suppress(OSError):
                os.nice(BULK_NICE)

    def after_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Start both."""
        heard = _heard(broker, worker)
        threading.Thread(target=self._beat, name="nod-beat", daemon=True).start()
        threading.Thread(target=self._poll, args=(heard,), name="nod-poll", daemon=True).start()
        log.info("this worker looks for work in: %s", ", ".join(sorted(heard)))

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Let slices end with the message in hand."""
        work.stopping.set()

    def _beat(self) -> None:
        name = f"{socket.gethostname()}:{os.getpid()}"
        while True:
            with self._app.app_context():
                work.attempt(lambda: _beat_once(name))
            if work.stopping.wait(BEAT_SECONDS):
                return

    def _poll(self, heard: set[str]) -> None:
        while not work.stopping.wait(POLL_SECONDS):
            with self._app.app_context():
                try:
                    work.attempt(lambda: poll(heard))
                except Exception:
                    log.exception("looking for work failed, it goes on")


def _heard(broker: Broker, worker: Worker) -> set[str]:
    """The queues that a process serves."""
    return set(worker.consumer_whitelist or broker.get_declared_queues())


def _beat_once(name: str) -> bool:
    with transaction():
        health.beat("worker", name)
    highwater.beat()
    return True


def poll(heard: set[str]) -> bool:
    """Look once for what no bell told this process.

    Args:
        heard: queues that this process serves.

    Returns:
        Whether Redis was away.
    """
    is_away = redis.attempt(lambda client: client.ping()) is None
    with transaction():
        ages = {lane.value: queries.oldest_due_seconds(lane) for lane in Lane if lane.value in heard}
        # A Redis that is full answers, and takes no rings.
        late = 0 if is_away else OVERDUE_SECONDS
        names = schedule.due(late) if jobs.JOBS_QUEUE in heard else []
    for lane, age in ages.items():
        if age > late and not work.is_sending(lane):
            work.send(lane, POLL_SLICE_SECONDS)
    for name in names:
        work.run_job(name)
    return is_away
