"""Takes a hit down before it is answered: Redis, else PostgreSQL, else a file; and never fails.

Hits that come at the same time share a write. The stream stays the first way in, for it costs less: over 64
connections, 4 threads in each of 2 processes, and with nothing else on two cores, it answered 6,250 a second (214 µs
of CPU in the web server, 30 in Redis; 99 of 100 within 21 ms) where the same groups, inserted into PostgreSQL by one
statement over a connection kept for it, came to 4,724 (254 and 74 µs; 23 ms). And a link leads on without asking a
database that is busy with a mailing. The price: Redis answers when its server holds the hit and its file is written,
so a killed Redis loses nothing, and a machine without power up to a second.

Each process numbers what it answers, for each part by itself: so what has arrived stays one range of numbers, however
far one part is behind the other. Whatever way a hit takes, its number arrives with it, so a number that never arrives
is a hit that was lost, and is counted as such.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final
from uuid import UUID

from flask import Flask, has_app_context
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from app.kernel import clock
from app.kernel.db import db
from app.kernel.ids import uuid7
from app.tracking import stream
from app.tracking.grouping import GroupWriter
from app.tracking.rules import hits
from app.tracking.rules.hits import Hit, Kind
from app.tracking.spool import Spool

log = logging.getLogger(__name__)
EXTENSION: Final = "nod.tracking.recorder"
AWAY_SECONDS: Final = 5.0
_INSERT = text(
    "INSERT INTO signal_inbox (event_id, hit) SELECT * FROM unnest(CAST(:event_ids AS uuid[]), CAST(:hits AS bytea[]))"
    " ON CONFLICT DO NOTHING"
)


@dataclass(slots=True)
class _Turn:
    """One hit that is to be written."""

    event_id: str
    raw: bytes
    seq: int
    part: int


def folder_for(data_dir: str, database_url: str) -> Path:
    """The folder of one installation: two that share a data folder keep apart what they hold."""
    url = make_url(database_url)
    name = f"{url.host}:{url.port}/{url.database}"
    return Path(data_dir) / "tracking" / hashlib.sha256(name.encode()).hexdigest()[:12]


class _Series:
    """The numbers that a process gives to the hits of one part, and word of how many it has answered.

    Attributes:
        source: names it.
    """

    def __init__(self, folder: Path) -> None:
        self.source = uuid7().hex
        self._numbers = count(1)
        self._folder = folder
        self._noted = 0
        self._file: int | None = None

    def next(self) -> int:
        """The next number."""
        return next(self._numbers)

    def note(self, seq: int) -> None:
        """Leave word of how many were answered: it survives this process, and costs a microsecond."""
        if seq <= self._noted:
            return  # a higher number came to its write first
        self._noted = seq
        try:
            if self._file is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                path = self._folder / f"{self.source}.answered"
                self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.pwrite(self._file, b"%020d" % seq, 0)
        except OSError as error:
            log.warning("how many links were answered cannot be written: %s", error.__class__.__name__)


class Recorder:
    """The way in of one application's hits, safe for threads and for processes that fork."""

    def __init__(self, app: Flask, folder: Path) -> None:
        self._app = app
        self.folder = folder
        self.spool = Spool(folder)
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
        part = hits.part_of(n)
        series = self._series[part]
        hit = Hit(
            event_id=uuid7().hex,
            mailing_no=mailing_no,
            n=n,
            kind=kind,
            link=link,
            at=clock.roughly(),
            is_head=is_head,
            is_prefetch=is_prefetch,
            program=hits.clean_program(program),
            source=series.source,
            seq=series.next(),
        )
        self._queue.take(_Turn(hit.event_id, hits.dump(hit), hit.seq, part))

    def _write(self, group: Sequence[_Turn]) -> None:
        """All of them where they stay, in as few steps as one."""
        for part, series in enumerate(self._series):
            series.note(max((turn.seq for turn in group if turn.part == part), default=0))
        raw = [turn.raw for turn in group]
        taken = stream.add(raw, bytes(turn.part for turn in group))
        if taken < len(raw):
            taken += self._insert(group[taken:])
        if taken < len(raw):
            taken += self.spool.add(raw[taken:])
        if taken < len(raw):
            log.error("signals were lost: Redis and PostgreSQL are away and the spool is full")

    def _insert(self, group: Sequence[_Turn]) -> int:
        if time.monotonic() < self._database_away_until:
            return 0
        values = {"event_ids": [turn.event_id for turn in group], "hits": [turn.raw for turn in group]}
        try:
            # A connection of its own: they are committed before they are answered.
            with (
                nullcontext() if has_app_context() else self._app.app_context(),
                db.engine.begin() as connection,
            ):
                connection.execute(_INSERT, values)
        except SQLAlchemyError:
            self._database_away_until = time.monotonic() + AWAY_SECONDS
            return 0
        return len(group)

    def _begin(self) -> None:
        """New series of numbers, for a new process."""
        self._queue = GroupWriter(self._write)
        self._series = [_Series(self.folder) for _ in range(hits.PARTS)]


def read_answered(folder: Path) -> dict[str, int]:
    """How many hits each process of this machine has answered, by its own word."""
    found = {}
    for path in folder.glob("*.answered"):
        try:
            found[UUID(hex=path.stem).hex] = int(path.read_bytes() or b"0")
        except (ValueError, OSError):
            log.warning("a file in the folder of tracking is not ours and was left alone")
    return found


def forget_answered(folder: Path, older_than_seconds: float) -> None:
    """Drop the word of processes that have answered nothing for so long; their numbers stand in the tables."""
    now = clock.roughly().timestamp()
    for path in folder.glob("*.answered"):
        if now - path.stat().st_mtime > older_than_seconds:
            path.unlink(missing_ok=True)
