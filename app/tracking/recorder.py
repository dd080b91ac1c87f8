"""Takes a hit down before it is answered: Redis, else PostgreSQL, else a file; and never fails.

Each process numbers what it answers. Whatever way a hit takes, its number arrives with it, so a number that never
arrives is a hit that was lost, and is counted as such.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from pathlib import Path
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from app.kernel import clock
from app.kernel.db import db
from app.kernel.ids import uuid7
from app.tracking import stream
from app.tracking.rules import hits
from app.tracking.rules.hits import Hit, Kind
from app.tracking.spool import Spool

log = logging.getLogger(__name__)
EXTENSION: Final = "nod.tracking.recorder"
AWAY_SECONDS: Final = 5.0
_INSERT = text("INSERT INTO signal_inbox (event_id, hit) VALUES (:event_id, :hit) ON CONFLICT DO NOTHING")


def folder_for(data_dir: str, database_url: str) -> Path:
    """The folder of one installation: two that share a data folder keep apart what they hold."""
    url = make_url(database_url)
    name = f"{url.host}:{url.port}/{url.database}"
    return Path(data_dir) / "tracking" / hashlib.sha256(name.encode()).hexdigest()[:12]


class Recorder:
    """The way in of one application's hits, safe for threads and for processes that fork."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spool = Spool(folder)
        self._lock = threading.Lock()
        self._database_away_until = 0.0
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def record(
        self,
        mailing_no: int,
        n: int,
        kind: Kind,
        link: int,
        *,
        is_head: bool,
        is_prefetch: bool,
        program: str,
    ) -> None:
        """Take down one request; when nothing takes it, it is lost and its number shows that."""
        source, seq = self._number()
        hit = Hit(
            event_id=uuid7(),
            mailing_no=mailing_no,
            n=n,
            kind=kind,
            link=link,
            at=clock.roughly(),
            is_head=is_head,
            is_prefetch=is_prefetch,
            program=hits.clean_program(program),
            source=source,
            seq=seq,
        )
        raw = hits.dump(hit)
        if not (stream.add(raw) or self._insert(hit.event_id, raw) or self.spool.add(raw)):
            log.error("a signal was lost: Redis and PostgreSQL are away and the spool is full")

    def _insert(self, event_id: UUID, raw: bytes) -> bool:
        if time.monotonic() < self._database_away_until:
            return False
        try:
            # A connection of its own: the hit is committed before it is answered.
            with db.engine.begin() as connection:
                connection.execute(_INSERT, {"event_id": event_id, "hit": raw})
        except SQLAlchemyError:
            self._database_away_until = time.monotonic() + AWAY_SECONDS
            return False
        return True

    def _begin(self) -> None:
        """A new series of numbers, for a new process."""
        self._lock = threading.Lock()
        self._source = uuid7()
        self._seq = 0
        self._file: int | None = None

    def _number(self) -> tuple[UUID, int]:
        with self._lock:
            self._seq += 1
            self._note(self._seq)
            return self._source, self._seq

    def _note(self, seq: int) -> None:
        """Leave word of how many were answered: it survives this process, and costs a microsecond."""
        try:
            if self._file is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._file = os.open(
                    self.folder / f"{self._source.hex}.answered", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
                )
            os.pwrite(self._file, b"%020d" % seq, 0)
        except OSError as error:
            log.warning("how many links were answered cannot be written: %s", error.__class__.__name__)


def read_answered(folder: Path) -> dict[UUID, int]:
    """How many hits each process of this machine has answered, by its own word."""
    found = {}
    for path in folder.glob("*.answered"):
        try:
            found[UUID(hex=path.stem)] = int(path.read_bytes() or b"0")
        except (ValueError, OSError):
            log.warning("a file in the folder of tracking is not ours and was left alone")
    return found


def forget_answered(folder: Path, older_than_seconds: float) -> None:
    """Drop the word of processes that have answered nothing for so long; their numbers stand in the tables."""
    now = clock.roughly().timestamp()
    for path in folder.glob("*.answered"):
        if now - path.stat().st_mtime > older_than_seconds:
            path.unlink(missing_ok=True)
