"""Which job is due: one row a job, claimed by an UPDATE, so that many askers start it once."""

from __future__ import annotations

import logging
from datetime import datetime

from sqlalchemy import DateTime, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import jobs
from app.kernel.db import Base, session, transaction

log = logging.getLogger(__name__)
STUCK_SECONDS = 120
RUNG_SECONDS = 0.2
"""A job that people's acts ring for starts at once, but not sooner than this after its last start."""


class JobRun(Base):
    """The last start of a job, its end and its fault."""

    __tablename__ = "job_runs"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    error: Mapped[str | None] = mapped_column(Text)


_DUE = text("SELECT name, extract(epoch FROM clock_timestamp() - started_at) FROM job_runs")
# A job that is still running is not started a second time, unless its process must have died.
_CLAIM = text(
    "INSERT INTO job_runs (name, started_at) VALUES (:name, clock_timestamp()) "
    "ON CONFLICT (name) DO UPDATE SET started_at = clock_timestamp(), finished_at = NULL, error = NULL "
    "WHERE (job_runs.finished_at IS NOT NULL AND job_runs.started_at <= clock_timestamp() - make_interval(secs => :every)) "
    "OR job_runs.started_at < clock_timestamp() - make_interval(secs => :stuck) RETURNING name"
)
_FINISH = text("UPDATE job_runs SET finished_at = clock_timestamp(), error = :error WHERE name = :name")


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
    every = 0.0 if forced else (RUNG_SECONDS if job.is_rung else job.every_seconds) or 0.0
    with transaction():
        claimed = (
            session()
            .execute(_CLAIM, {"name": name, "every": every, "stuck": STUCK_SECONDS})
            .scalar_one_or_none()
        )
    if claimed is None:
        return False
    error = None
    try:
        job.run()
    except Exception as fault:
        log.exception("job %s failed", name)
        error = f"{fault.__class__.__name__}: {fault}"[:500]
    with transaction():
        session().execute(_FINISH, {"name": name, "error": error})
    return error is None
