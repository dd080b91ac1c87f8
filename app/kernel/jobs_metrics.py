"""The one figure about periodic jobs: how late they are."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from app.kernel import metrics, schedule
from app.kernel.db import transaction


class JobsCollector(Collector):
    """Asks when it is scraped; needs the application's context."""

    def collect(self) -> Iterable[Metric]:
        """Seconds; nothing while the database is away."""
        try:
            with transaction():
                late = schedule.late_seconds()
        except SQLAlchemyError:
            return
        says = "Seconds for which the most belated periodic job has been due."
        yield GaugeMetricFamily("nod_job_late_seconds", says, value=late)

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering does not ask the database."""
        return ()


_collector = JobsCollector()
_is_registered = False


def register() -> None:
    """Let /metrics tell it; once per process."""
    global _is_registered
    if not _is_registered:
        metrics.registry.register(_collector)
        _is_registered = True
