"""The scheduler: ``python -m workers.clock``. Several may run, one leads (an advisory lock of PostgreSQL).

Once a second it rings for each job whose time has come and for each lane in which a message is due. periodiq
does not serve: it knows whole minutes only, and needs Redis for what the tables say anyway.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from types import FrameType

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.delivery import queries
from app.kernel import health, jobs, redis, schedule
from app.kernel.db import db, release, transaction
from workers import app

log = logging.getLogger("workers.clock")
TICK_SECONDS = 1.0
BEAT_SECONDS = 5.0
LEADER = 0x6E6F64636C6F636B
"""The key of the lock: "nodclock"."""


class Clock:
    """One scheduler; call ``run`` inside an application context."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._lock: Connection | None = None
        self._is_database_away = False
        self._is_redis_away = False
        self._beat_at = 0.0
        self._name = f"{socket.gethostname()}:{os.getpid()}"

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """End at the next moment of rest."""
        self._stop.set()

    def run(self) -> None:
        """Tick until stopped; whatever is away is tried again every second."""
        while not self._stop.is_set():
            try:
                self._tick()
            except SQLAlchemyError as error:
                self._on_database_away(error)
            finally:
                release()
            self._stop.wait(TICK_SECONDS)
        self._give_up_lead()
        log.info("the clock has stopped")

    def _tick(self) -> None:
        self._beat()
        if not self._leads():
            return
        with transaction():
            names, lanes = schedule.due(), queries.lanes_due()
        if self._is_database_away:
            self._is_database_away = False
            log.warning("the database is back, the clock goes on")
        if self._hears_redis():
            for name in names:
                jobs.ring_now(jobs.JOBS_QUEUE, jobs.RUN_JOB, name)
            for lane in lanes:
                jobs.ring_now(lane, jobs.SEND_SLICE, lane)

    def _leads(self) -> bool:
        """Whether this scheduler holds the lock; the connection that holds it is looked after each time."""
        if self._lock is not None:
            self._lock.execute(text("SELECT 1"))
            return True
        connection = db.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()
        if connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": LEADER}).scalar_one():
            self._lock = connection
            log.info("this clock leads")
            return True
        connection.close()
        return False

    def _give_up_lead(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            try:
                lock.close()
            except DBAPIError:
                log.info("the connection of the lead was gone already")

    def _on_database_away(self, error: SQLAlchemyError) -> None:
        self._give_up_lead()
        if not self._is_database_away:
            self._is_database_away = True
            log.warning("the database is away, the clock waits for it: %s", error.__class__.__name__)

    def _hears_redis(self) -> bool:
        is_away = redis.attempt(lambda client: client.ping()) is None
        if is_away != self._is_redis_away:
            self._is_redis_away = is_away
            log.warning("Redis is away: the workers look for themselves" if is_away else "Redis is back")
        return not is_away

    def _beat(self) -> None:
        if time.monotonic() - self._beat_at >= BEAT_SECONDS:
            with transaction():
                health.beat("clock", self._name)
            self._beat_at = time.monotonic()


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    clock = Clock()
    signal.signal(signal.SIGTERM, clock.stop)
    signal.signal(signal.SIGINT, clock.stop)
    with app.app_context():
        clock.run()


if __name__ == "__main__":
    main()
