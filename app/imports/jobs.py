"""The work on files: read and check, take, undo, tidy up. A worker that dies is followed by the next one."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import case, exists, or_, select, update
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from app.imports import exporting, files, service, staging, taking, undoing
from app.imports.models import Import, ImportChange, ImportRow
from app.imports.rules import AT_WORK, UNDO_DAYS, ImportState
from app.kernel import clock, jobs
from app.kernel.db import session, transaction
from app.kernel.errors import Problem

log = logging.getLogger(__name__)
SLICE_SECONDS: Final = 20.0
"""So long a worker stays with files before it looks at other work."""
READ_SECONDS: Final = 80.0
"""Reading goes on for so long where nobody else waits, since each beginning passes over all that was read before; less
than the time after which a job is taken for dead."""
WAITING_DAYS: Final = 7
"""A file that nobody takes is forgotten after so long."""


def run() -> None:
    """Go on with every file that is at work."""
    _run([found.value for found in AT_WORK])


def assist() -> None:
    """Take slices beside ``run``: the database is the slow part of it, and has more than one core."""
    _run([ImportState.TAKING.value])


def _run(states: Sequence[str]) -> None:
    until = time.monotonic() + SLICE_SECONDS
    while time.monotonic() < until:
        with transaction():
            query = select(Import.id, Import.state).where(Import.state.in_(states)).order_by(Import.began_at)
            waiting = [(row[0], ImportState(row[1])) for row in session().execute(query)]
        to_read = SLICE_SECONDS / 2 if len(waiting) > 1 else READ_SECONDS
        if not any([_step(import_id, state, to_read) for import_id, state in waiting]):  # noqa: C419  each gets its turn
            return
    with transaction():
        jobs.ring_job(service.JOB)
        jobs.ring_job(service.HELP)


def _step(import_id: UUID, state: ImportState, to_read: float) -> bool:
    """One piece of work on a file; whether it may have more."""
    try:
        if state is ImportState.READING:
            if staging.read_some(import_id, time.monotonic() + to_read):
                staging.check(import_id)
            return True
        if state is ImportState.TAKING:
            if taking.take_one(import_id):
                return True
            taking.finish(import_id)
            return False
        return undoing.undo_some(import_id)
    except (OperationalError, InterfaceError):
        raise  # the database is away: all of it comes again
    except Problem as fault:
        _fail(import_id, f"It stopped: {fault.detail}")
    except (DBAPIError, ValueError, LookupError, ArithmeticError) as fault:
        log.exception("import %s failed", import_id)
        _fail(import_id, f"It stopped at something that Nod does not understand ({fault.__class__.__name__}).")
    return False


def _fail(import_id: UUID, words: str) -> None:
    """Of this file alone: others go on, and a person is told. What was taken is done, and can be taken back."""
    taking.forget_rows(import_id)
    with transaction():
        moved = session().execute(
            update(Import)
            .where(Import.id == import_id, Import.state.in_([found.value for found in AT_WORK]))
            .values(
                state=case(
                    (Import.state == ImportState.READING.value, ImportState.FAILED.value), else_=ImportState.DONE.value
                ),
                fault=words, ended_at=clock.now(),
            )
            .returning(Import.state)
        ).scalar_one_or_none()  # fmt: skip
        if moved == ImportState.DONE:
            files.forget(import_id)


def tidy() -> None:
    """Forget what is not needed any more: rows that were left out and what undoes an import, after thirty days."""
    now = clock.now()
    kept = or_(
        exists().where(ImportRow.import_id == Import.id), exists().where(ImportChange.import_id == Import.id)
    )
    over = (ImportState.DONE, ImportState.UNDONE)
    for import_id in _list(over, Import.ended_at < now - timedelta(days=UNDO_DAYS), kept):
        taking.forget_rows(import_id, all_of_them=True)
        with transaction():
            undoing.forget(import_id)
    waiting = (ImportState.UPLOADED, ImportState.CHECKED, ImportState.FAILED)
    for import_id in _list(waiting, Import.created_at < now - timedelta(days=WAITING_DAYS)):
        taking.forget_rows(import_id, all_of_them=True)
        with transaction():
            service.forget(import_id)
    exporting.tidy()


def _list(states: tuple[ImportState, ...], *which: Any) -> list[UUID]:
    with transaction():
        query = select(Import.id).where(Import.state.in_([found.value for found in states]), *which)
        return list(session().execute(query.limit(100)).scalars())
