"""Work of tracking that happens later: taking hits in, forgetting, and what the planner is to know."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from flask import current_app
from sqlalchemy import text
from sqlalchemy.exc import DataError, IntegrityError

from app.kernel.db import session, transaction
from app.kernel.jobs import JOBS_QUEUE, RUN_JOB, ring_now
from app.tracking import recorder, service, stream
from app.tracking.recorder import Recorder
from app.tracking.rules import hits
from app.tracking.rules.hits import PARTS, Hit, MalformedHit

log = logging.getLogger(__name__)
SLICE_SECONDS: Final = 20.0
FORGET_ANSWERED_SECONDS: Final = 7 * 86400.0
ASSIST: Final = "tracking.assist"
"""The job that is rung for where more waits than one worker takes at once."""

_taking = threading.Lock()
"""Two of one process would share its time, and help each other no more than they hold each other up."""


def ingest() -> None:
    """Take in what waits in the spool, the streams and the inbox, for at most SLICE_SECONDS."""
    _alone(_ingest_all)


def assist() -> None:
    """Take in what waits in the streams beside ``ingest``, beginning at their other end."""
    _alone(lambda until: _empty_streams("assist", range(PARTS - 1, -1, -1), until))


def _alone(work: Callable[[float], None]) -> None:
    """Do it until a moment (monotonic), unless another thread of this process is at it."""
    if _taking.acquire(blocking=False):
        try:
            work(time.monotonic() + SLICE_SECONDS)
        finally:
            _taking.release()


def _ingest_all(until: float) -> None:
    taker: Recorder = current_app.extensions[recorder.EXTENSION]
    taker.spool.drain(_to_inbox)
    _empty_streams("ingest", range(PARTS), until, call=ASSIST)
    while time.monotonic() < until and _inbox_batch() >= service.MAX_BATCH:
        pass
    with transaction():
        service.note_answered(recorder.read_answered(taker.folder))


def _empty_streams(by: str, parts: Sequence[int], until: float, call: str = "") -> None:
    """Part by part, in this order; ring for a job where there is much."""
    for part in parts:
        _finish_begun(part, by, until)
    for part in parts:
        _empty_stream(part, by, until, call)


def _finish_begun(part: int, by: str, until: float) -> None:
    """Take in what one of our name read and never acknowledged.

    Entries are taken out after the commit: whoever dies between the two leaves a batch that comes again here and changes
    nothing.
    """
    while time.monotonic() < until:
        ids, found = _read(part, by, again=True)
        if not ids:
            return
        _ingest(found)
        if not stream.acknowledge(part, ids):
            return


def _empty_stream(part: int, by: str, until: float, call: str) -> None:
    """Take in what is new. While PostgreSQL writes a batch, the next one is read and the last one taken out."""
    with ThreadPoolExecutor(1) as aside:
        coming = aside.submit(_read, part, by, again=False)
        taken_out: Future[bool] | None = None
        goes_on = True
        while goes_on:
            ids, found = coming.result()
            goes_on = len(ids) >= service.MAX_BATCH and time.monotonic() < until
            if goes_on:
                coming = aside.submit(_read, part, by, again=False)
                if call:
                    # At each batch: whichever process hears it may be the one that is at it already.
                    ring_now(JOBS_QUEUE, RUN_JOB, call)
            if ids:
                _ingest(found)
                # Where Redis went away, what was read ahead and is left here comes again to whoever is next.
                goes_on = goes_on and (taken_out is None or taken_out.result())
                taken_out = aside.submit(stream.acknowledge, part, ids)


def _read(part: int, by: str, *, again: bool) -> tuple[list[bytes], list[Hit]]:
    """The ids of the next entries, and the hits in them."""
    entries = stream.read(part, service.MAX_BATCH, by=by, again=again) or []
    return [entry_id for entry_id, _ in entries], _load([raw for _, raw in entries])


_INBOX = text("SELECT event_id, hit FROM signal_inbox ORDER BY event_id LIMIT :limit")
_DONE = text("DELETE FROM signal_inbox WHERE event_id = ANY(CAST(:ids AS uuid[]))")
_PUT = text("INSERT INTO signal_inbox (event_id, hit) VALUES (:event_id, :hit) ON CONFLICT DO NOTHING")


def _inbox_batch() -> int:
    with transaction():
        rows = session().execute(_INBOX, {"limit": service.MAX_BATCH}).all()
    if not rows:
        return 0
    _take([row.hit for row in rows])
    with transaction():
        session().execute(_DONE, {"ids": [row.event_id for row in rows]})
    return len(rows)


def _to_inbox(lines: Sequence[bytes]) -> None:
    found = _load(lines)
    for start in range(0, len(found), service.MAX_BATCH):
        values = [
            {"event_id": hit.event_id, "hit": hits.dump(hit)}
            for hit in found[start : start + service.MAX_BATCH]
        ]
        with transaction():
            session().execute(_PUT, values)


def _take(raw: Sequence[bytes]) -> None:
    _ingest(_load(raw))


def _load(raw: Sequence[bytes]) -> list[Hit]:
    found = []
    malformed = 0
    for one in raw:
        try:
            found.append(hits.load(one))
        except MalformedHit:
            malformed += 1
    if malformed:
        log.warning("%d entries in the buffer of signals were none of ours and were dropped", malformed)
    return found


def _ingest(found: Sequence[Hit]) -> None:
    """One transaction; a hit that the database refuses is left out, and the others with it are not."""
    try:
        with transaction():
            service.ingest_batch(found)
    except (DataError, IntegrityError) as error:
        if len(found) == 1:
            log.warning("a signal was refused by the database and dropped: %s", error.__class__.__name__)
            return
        half = len(found) // 2
        _ingest(found[:half])
        _ingest(found[half:])


def forget() -> None:
    """Drop User-Agents that are old enough, and the word of processes that are long gone."""
    forgotten = 1
    while forgotten:
        with transaction():
            forgotten = service.forget_programs()
    taker: Recorder = current_app.extensions[recorder.EXTENSION]
    recorder.forget_answered(taker.folder, FORGET_ANSWERED_SECONDS)


def gather_statistics() -> None:
    """What PostgreSQL does not do by itself for a table that is cut by month."""
    with transaction():
        service.gather_statistics()
