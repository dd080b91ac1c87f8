"""What the kernel adds to the house like any room: its health pages and its own tidying."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete

from app.kernel import clock, health, jobs_metrics, limits
from app.kernel.db import session, transaction
from app.kernel.jobs import Job
from app.kernel.module import Module

LIMITS_LAST = timedelta(days=31)
"""As long as the longest window that anything is limited by."""
HEARTBEATS_LAST = timedelta(days=7)


def forget() -> None:
    """Drop counters whose window is over and the heartbeats of processes that are long gone."""
    with transaction():
        limits.forget_old(clock.now() - LIMITS_LAST)
        stale = health.Heartbeat.seen_at < clock.now() - HEARTBEATS_LAST
        session().execute(delete(health.Heartbeat).where(stale))


MODULE = Module(
    "kernel",
    blueprints=("app.kernel.health:blueprint",),
    jobs=(Job("kernel.forget", forget, every_seconds=3600),),
    on_install=lambda _app: jobs_metrics.register(),
)
