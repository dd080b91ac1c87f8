"""Figures about signals for Prometheus, read from the tables and the buffer: they hold over all processes."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from app.kernel import metrics
from app.kernel.db import transaction
from app.tracking import state

log = logging.getLogger(__name__)


class SignalsCollector(Collector):
    """Asks when it is scraped; needs the application's context."""

    def collect(self) -> Iterable[Metric]:
        """Signals on their way, and lost ones; nothing while the database is away."""
        try:
            with transaction():
                found = state.read()
        except SQLAlchemyError:
            log.warning("the database is away, signals have no figures")
            return
        yield GaugeMetricFamily(
            "nod_signals_waiting",
            "Opens and clicks that were answered and not taken in yet.",
            value=found.waiting,
        )
        if found.lost is not None:
            yield GaugeMetricFamily(
                "nod_signals_lost", "Opens and clicks that were answered and never arrived.", value=found.lost
            )

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering does not ask the database."""
        return ()


_collector = SignalsCollector()
_is_registered = False


def register() -> None:
    """Let /metrics tell them; once per process."""
    global _is_registered
    if not _is_registered:
        metrics.registry.register(_collector)
        _is_registered = True
