"""How far this installation has come, also kept outside its database: a database that is older was restored.

The mark is a number that counts up every few seconds while a worker lives. It is committed first and then written to
the data folder and to Redis, so no database that has lost nothing is ever behind it. One that is behind, or that has
come some way and that nothing outside knows (a copy, an empty machine), does not send by itself: every mailing waits for
a person, and who may have got theirs since the backup is listed as unknown.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from app.delivery import counting, moves
from app.delivery.rules import LATE, MAY_LEAVE, RESTORED_DOUBT, TOO_LATE, restored_words
from app.kernel import clock, redis
from app.kernel.db import release, session, transaction

log = logging.getLogger(__name__)

NEWCOMER_SECONDS: Final = 12.0
"""Who finds no mark waits for so long for a sign that others, who know it, are at work."""
MARGIN: Final = timedelta(minutes=1)
"""What went out after the last mark was due no later than this after it."""
_folder = Path(".nod") / "marks"


@dataclass(frozen=True, slots=True)
class Mark:
    """How far an installation had come at a moment: its number, the database's time, the newest mailing's number."""

    beat: int
    at: datetime
    mailing_no: int


@dataclass(frozen=True, slots=True)
class _Stranger:
    """A database that nothing outside knew when this process first looked, and when that was."""

    beat: int
    since: float


_lock = threading.Lock()
_joined: dict[UUID, Mark] = {}
"""What this process has seen, by installation."""
_strangers: dict[UUID, _Stranger] = {}


def configure(data_dir: str) -> None:
    """Set the folder that keeps the mark."""
    global _folder
    _folder = Path(data_dir) / "marks"


_MAKE = text(
    "INSERT INTO installation (id, beat, beaten_at) VALUES (gen_random_uuid(), 0, clock_timestamp())"
    " ON CONFLICT DO NOTHING"
)
_READ = text("SELECT id, beat, beaten_at AS at FROM installation")
_HOLD = text("SELECT beat, beaten_at AS at FROM installation WHERE id = :id FOR UPDATE")
_BEAT = text(
    "UPDATE installation SET beat = :beat + 1, beaten_at = clock_timestamp() WHERE id = :id"
    " RETURNING beat, beaten_at AS at, (SELECT coalesce(max(no), 0) FROM mailings) AS mailing_no"
)


def may_send() -> bool:
    """Whether this process may work on what waits: the database is as far as all that is known of it.

    One that is not is brought to rest here, by whoever sees it first. False: that cannot be told yet, ask again.

    Raises:
        sqlalchemy.exc.OperationalError: the database is away.
    """
    with _lock:
        try:
            with transaction():
                found = _read()
            known = _outside(found.id)
            if known is None:
                return _join_unknown(found)
            if found.beat < known.beat:
                _bring_to_rest(found, known)
            elif found.id not in _joined:
                _joined[found.id] = known
            if _was_away(found.at):
                _count(found.id)
            return True
        finally:
            release()


def beat() -> None:
    """Count up, here and then outside; by whoever may send."""
    with _lock:
        try:
            with transaction():
                found = _read()
                if found.id not in _joined:
                    return
            _count(found.id)
        finally:
            release()


def _count(installation: UUID) -> None:
    with transaction():
        known = _outside(installation)
        held = session().execute(_HOLD, {"id": installation}).one()
        if known is not None and held.beat < known.beat:
            # Somebody has put an older database in place. Whoever next wants to send brings it to rest.
            return
        if _was_away(held.at):
            _hold_late()
        mark = _count_up(installation, held.beat)
    _keep(installation, mark)


# What begins late waits anyway (``schedule``). This has begun, and goes on as the clocks of its readers come to its time.
_LATE = text(
    "UPDATE mailings g SET state = 'paused', pause_reason = :reason WHERE g.kind = 'bulk' AND g.ended_at IS NULL"  # noqa: S608  no input in it
    " AND g.state = 'running' AND g.timing ->> 'by' IN ('local', 'habit') AND EXISTS (SELECT FROM messages m"
    f" WHERE m.mailing_no = g.no AND m.state = 'pending' AND m.first_at IS NULL AND m.due_at < :late{MAY_LEAVE})"
    " RETURNING g.no"
)


def _was_away(beaten_at: datetime) -> bool:
    """Whether nobody has been at work for hours."""
    return beaten_at < clock.roughly() - LATE


def _hold_late() -> None:
    """What people should have had meanwhile, by their clocks, waits for a person."""
    now = clock.now()
    for number in session().execute(_LATE, {"reason": TOO_LATE, "late": now - LATE, "now": now}).scalars():
        log.warning("mailing %s is more than two hours late for some of its people and waits for a person", number)


def _read() -> Any:
    found = session().execute(_READ).one_or_none()
    if found is None:
        session().execute(_MAKE)
        found = session().execute(_READ).one()
    return found


def _count_up(installation: UUID, beat: int) -> Mark:
    row = session().execute(_BEAT, {"id": installation, "beat": beat}).one()
    return Mark(row.beat, row.at, row.mailing_no)


def _join_unknown(found: Any) -> bool:
    """A new installation, one whose others live, or one that came here without its surroundings."""
    stranger = _strangers.setdefault(found.id, _Stranger(found.beat, time.monotonic()))
    if found.beat == 0 or found.beat > stranger.beat:
        with transaction():
            mark = _count_up(found.id, session().execute(_HOLD, {"id": found.id}).one().beat)
        _keep(found.id, mark)
        return True
    if time.monotonic() - stranger.since < NEWCOMER_SECONDS:
        return False
    _bring_to_rest(found, None)
    return True


# --- The mark outside --------------------------------------------------------------------------------------------


def _outside(installation: UUID) -> Mark | None:
    """The furthest mark that this process, the data folder and, where neither knows, Redis remember."""
    near = [found for found in (_joined.get(installation), _in_folder(installation)) if found is not None]
    if installation not in _joined:
        # Those who have joined have read it once, and each of theirs is in the folder.
        raw = redis.attempt(lambda client: client.get(_key(installation)))
        far = _loads(raw) if isinstance(raw, bytes) else None
        near += [far] if far is not None else []
    return max(near, key=lambda mark: mark.beat, default=None)


def _keep(installation: UUID, mark: Mark) -> None:
    """Remember it outside; what cannot be written now is written with the next one."""
    _joined[installation] = mark
    words = json.dumps({"beat": mark.beat, "at": mark.at.isoformat(), "mailing_no": mark.mailing_no}).encode()
    path = _path(installation)
    hidden = path.with_suffix(f".{threading.get_ident()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden.write_bytes(words)
        hidden.replace(path)
    except OSError as error:
        log.warning("the mark of this installation cannot be written: %s", error.__class__.__name__)
        with contextlib.suppress(OSError):
            hidden.unlink(missing_ok=True)
    redis.attempt(lambda client: client.set(_key(installation), words))


def _in_folder(installation: UUID) -> Mark | None:
    try:
        return _loads(_path(installation).read_bytes())
    except OSError:
        return None


def _loads(raw: bytes) -> Mark | None:
    """None for what is not a mark of ours: half of it would be worse than none."""
    try:
        found = json.loads(raw)
        return Mark(int(found["beat"]), datetime.fromisoformat(found["at"]), int(found["mailing_no"]))
    except (ValueError, KeyError, TypeError):
        return None


def _path(installation: UUID) -> Path:
    return _folder / f"{installation}.mark"


def _key(installation: UUID) -> str:
    return f"nod:mark:{installation}"


# --- Rest --------------------------------------------------------------------------------------------------------

# All of them, also those that wait for their time or that somebody had paused: what became of them since is not known.
_PAUSE = text(
    "UPDATE mailings SET state = 'paused', pause_reason = :reason,"
    " again = CASE WHEN frozen_at IS NOT NULL THEN 'restored' END,"
    " again_at = CASE WHEN frozen_at IS NOT NULL THEN CAST(:by AS timestamptz) END"
    " WHERE kind = 'bulk' AND ended_at IS NULL AND state IN ('scheduled', 'freezing', 'running', 'paused')"
    " RETURNING no, frozen_at IS NOT NULL AS is_frozen"
)
# A journal that was kept may say that they never left; it speaks of what its owner had in hand last, not of then.
_DOUBT = text(
    "UPDATE messages m SET state = 'unknown', done_at = :now, doubts = m.doubts + 1, lease_owner = NULL,"
    " lease_until = NULL, reply_text = :words WHERE m.ctid = ANY(ARRAY("
    "SELECT ctid FROM messages WHERE state = 'attempting' FOR UPDATE SKIP LOCKED)) AND m.state || '' = 'attempting'"
    " RETURNING m.mailing_no"
)
# Numbers that mails out there bear are not given a second time.
_SKIP_NUMBERS = text(
    "SELECT count(nextval(pg_get_serial_sequence('mailings', 'no'))) FROM generate_series(1, CAST(:count AS bigint))"
)
_NOTE = text(
    "INSERT INTO restores (noticed_at, backup_at, known_until, mailings)"
    " VALUES (:now, :backup_at, :known_until, :mailings)"
)
_NEWEST = text("SELECT coalesce(max(no), 0) FROM mailings")


def _bring_to_rest(found: Any, known: Mark | None) -> None:
    """Let every mailing wait for a person, unless another process has done so meanwhile."""
    with transaction():
        held = session().execute(_HOLD, {"id": found.id}).one()
        if held.beat == found.beat:
            count = _pause_all(held.at, known)
            log.error("%s %s mailings wait for a person", _words(held.at, known), count)
        mark = _count_up(found.id, max(held.beat, known.beat if known else 0))
    _keep(found.id, mark)


def _pause_all(backup_at: datetime, known: Mark | None) -> int:
    now = clock.now()
    by = known.at + MARGIN if known else now
    reason = _words(backup_at, known)
    paused = session().execute(_PAUSE, {"reason": reason, "by": by}).all()
    counting.doubt(set(session().execute(_DOUBT, {"now": now, "words": RESTORED_DOUBT}).scalars()))
    for row in paused:
        if row.is_frozen:
            # The first slice now, as with every wish: a small mailing is listed at once.
            moves.doubt(row.no, by)
    if known is not None:
        missing = known.mailing_no - session().execute(_NEWEST).scalar_one()
        session().execute(_SKIP_NUMBERS, {"count": max(0, missing)})
    values = {"now": now, "backup_at": backup_at, "known_until": known.at if known else None, "mailings": len(paused)}
    session().execute(_NOTE, values)
    return len(paused)


def _words(backup_at: datetime, known: Mark | None) -> str:
    return restored_words(backup_at, known.at if known else None)
