"""Work of tracking that happens later: taking hits in, and forgetting."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from flask import current_app
from sqlalchemy import text
from sqlalchemy.exc import DataError, IntegrityError

from app.kernel.db import session, transaction
from app.tracking import recorder, service, stream
from app.tracking.recorder import Recorder
from app.tracking.rules import hits
from app.tracking.rules.hits import Hit, MalformedHit

log = logging.getLogger(__name__)
SLICE_SECONDS: Final = 20.0
FORGET_ANSWERED_SECONDS: Final = 7 * 86400.0


def ingest() -> None:
    """Take in what waits in the spool, the stream and the inbox, for at most SLICE_SECONDS."""
    until = time.monotonic() + SLICE_SECONDS
    taker: Recorder = current_app.extensions[recorder.EXTENSION]
    taker.spool.drain(_to_inbox)
    # First what another worker read and never acknowledged.
    for again in (True, False):
        _empty(lambda again=again: _stream_batch(again=again), until)  # type: ignore[misc]
    _empty(_inbox_batch, until)
    with transaction():
        service.note_answered(recorder.read_answered(taker.folder))


def _empty(batch: Callable[[], int], until: float) -> None:
    while time.monotonic() < until and batch() >= service.MAX_BATCH:
        pass


def _stream_batch(*, again: bool) -> int:
    entries = stream.read(service.MAX_BATCH, again=again)
    if not entries:
        return 0
    _take([raw for _, raw in entries])
    # After the commit: whoever dies between the two leaves a batch that comes again and changes nothing.
    if not stream.acknowledge([entry_id for entry_id, _ in entries]):
        return 0
    return len(entries)


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
