"""Which job is due: one row a job, claimed by an UPDATE, so that many askers start it once."""

from __future__ import annotations

import logging
import time
from datetime import datetime

from sqlalchemy import Boolean, DateTime, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import jobs, presence
from app.kernel.db import Base, session, transaction

log = logging.getLogger(__name__)
STUCK_SECONDS = 120
"""A job whose process does not get on, or whose machine vanished unnoticed, is started again after so long."""

GONE_SECONDS = 10
"""One whose process is known to be gone is taken over when it began so long ago: one that ends every process that
begins it, for want of memory, shall not end one after the other."""

RUNG_SECONDS = 0.2
"""A job that people's acts ring for starts at once, or so long after its last start; no ring is lost."""

AT_ONCE_SECONDS = 5.0
"""A job that is rung without end gives its thread back so often, for a stop and for others."""


class JobRun(Base):
    """The last start of a job, its end and its fault."""

    __tablename__ = "job_runs"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    error: Mapped[str | None] = mapped_column(Text)
    is_rung: Mapped[bool] = mapped_column(Boolean, server_default="false")
    """Somebody rang while it was at work: what they rang for may have come too late for this run."""


_DUE = text("SELECT name, extract(epoch FROM clock_timestamp() - started_at) FROM job_runs")
# A job that is still running is not started a second time, unless nobody is at it any more: its process has died, or
# the database was away when it came to its end.
_FREE = (
    "(j.finished_at IS NOT NULL OR j.started_at < clock_timestamp() - make_interval(secs => :stuck)"
    f" OR (j.started_at < clock_timestamp() - make_interval(secs => :gone) AND {presence.IS_ALONE}))"
)
_CLAIM = text(
    f"{presence.WITH_ALONE} INSERT INTO job_runs AS j (name, started_at) VALUES (:name, clock_timestamp())"  # noqa: S608  no input in it
    " ON CONFLICT (name) DO UPDATE SET started_at = clock_timestamp(), finished_at = NULL, error = NULL"
    f" WHERE {_FREE} AND (j.finished_at IS NULL OR j.started_at <= clock_timestamp() - make_interval(secs => :every))"
    f" RETURNING name, {presence.ENTER}"
)
_NEXT = "greatest(clock_timestamp(), j.started_at + make_interval(secs => :pause))"
_WAIT = "extract(epoch FROM started_at - clock_timestamp())"
# Whoever rings a job that is free starts it; else the ring stays until whoever runs it has come to its end.
_CLAIM_OR_RING = text(
    f"{presence.WITH_ALONE} INSERT INTO job_runs AS j (name, started_at) VALUES (:name, clock_timestamp())"  # noqa: S608  no input in it
    f" ON CONFLICT (name) DO UPDATE SET is_rung = NOT {_FREE}, started_at = CASE WHEN {_FREE} THEN {_NEXT} ELSE j.started_at END,"
    f" finished_at = CASE WHEN {_FREE} THEN NULL ELSE j.finished_at END,"
    f" error = CASE WHEN {_FREE} THEN NULL ELSE j.error END"
    f" RETURNING CASE WHEN NOT is_rung THEN {_WAIT} END, CASE WHEN NOT is_rung THEN {presence.ENTER} END"
)
_FINISH_OR_GO_ON = text(
    f"UPDATE job_runs j SET error = :error, is_rung = false, started_at = CASE WHEN is_rung THEN {_NEXT}"  # noqa: S608  no input in it
    " ELSE started_at END, finished_at = CASE WHEN is_rung THEN NULL ELSE clock_timestamp() END"
    f" WHERE name = :name RETURNING CASE WHEN finished_at IS NULL THEN {_WAIT} END"
)
_FINISH = text("UPDATE job_runs SET finished_at = clock_timestamp(), error = :error WHERE name = :name RETURNING NULL")


def due(late_seconds: float = 0) -> list[str]:
    """Names of the periodic jobs whose time has come, or came so long ago that every bell has forgotten them."""
    ages = {name: float(age) for name, age in session().execute(_DUE)}
    return [
        job.name
        for job in jobs.all_jobs()
        if job.every_seconds and ages.get(job.name, 1e9) >= job.every_seconds + late_seconds
    ]


def late_seconds() -> float:
    """For how long the most belated periodic job has been due; one that never ran is left out."""
    ages = {name: float(age) for name, age in session().execute(_DUE)}
    late = [ages[job.name] - job.every_seconds for job in jobs.all_jobs() if job.every_seconds and job.name in ages]
    return max([0.0, *late])


def run(name: str, *, forced: bool = False) -> bool:
    """Run a job unless another process has just started it; a fault is written down, not raised.

    Args:
        name: the job; an unknown one is logged and left alone.
        forced: do not wait for its interval.
    """
    job = jobs.get(name)
    if job is None:
        log.warning("no job is named %s", name)
        return False
    every = 0.0 if forced else job.every_seconds or 0.0
    values = {"name": name, "every": every, "pause": RUNG_SECONDS, "stuck": STUCK_SECONDS, "gone": GONE_SECONDS}
    with presence.at(_CLAIM_OR_RING if job.is_rung else _CLAIM, values) as claimed:
        if claimed is None:
            return False
        return _run_rung(job, claimed) if job.is_rung else _run_timed(job)


def _run_timed(job: jobs.Job) -> bool:
    error = _call(job)
    with transaction():
        session().execute(_FINISH, {"name": job.name, "error": error})
    return error is None


def _run_rung(job: jobs.Job, wait: float) -> bool:
    """Run it after so many seconds, and once more for all that rang meanwhile."""
    until = time.monotonic() + AT_ONCE_SECONDS
    while True:
        time.sleep(max(0.0, float(wait)))
        error = _call(job)
        is_late = time.monotonic() > until
        values = {"name": job.name, "error": error, "pause": RUNG_SECONDS}
        with transaction():
            further: float | None = session().execute(_FINISH if is_late else _FINISH_OR_GO_ON, values).scalar()
        if further is None:
            break
        wait = further
    if is_late:
        jobs.ring_now(jobs.JOBS_QUEUE, jobs.RUN_JOB, job.name)
    return error is None


def _call(job: jobs.Job) -> str | None:
    """Its fault in words, None where it went well."""
    try:
        job.run()
    except Exception as fault:
        log.exception("job %s failed", job.name)
        return f"{fault.__class__.__name__}: {fault}"[:500]
    return None
