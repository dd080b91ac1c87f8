"""Figures about the outbox for Prometheus, read from the tables: they hold over all processes."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from app.delivery import queries
from app.delivery.pacing import tallies
from app.delivery.rules import Lane
from app.kernel import metrics
from app.kernel.db import transaction

log = logging.getLogger(__name__)


class OutboxCollector(Collector):
    """Asks when it is scraped; needs the application's context."""

    def collect(self) -> Iterable[Metric]:
        """Open messages by state, and the age of the oldest due one by lane; nothing while the database is away."""
        try:
            with transaction():
                states = queries.count_open()
                ages = {lane.value: queries.oldest_due_seconds(lane) for lane in Lane}
                doubt = queries.oldest_unknown_seconds()
                paces = queries.pace_figures()
        except SQLAlchemyError:
            log.warning("the database is away, the outbox has no figures")
            return
        messages = GaugeMetricFamily(
            "nod_messages", "Messages that have not ended, by state.", labels=["state"]
        )
        for state, count in states.items():
            messages.add_metric([state], count)
        oldest = GaugeMetricFamily(
            "nod_oldest_due_seconds", "Seconds that the oldest due message has waited.", labels=["lane"]
        )
        for lane, age in ages.items():
            oldest.add_metric([lane], age)
        yield messages
        yield oldest
        yield GaugeMetricFamily(
            "nod_oldest_unknown_seconds", "Seconds since the oldest message in doubt was handed over.", value=doubt
        )
        yield from _pacing(paces)

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering does not ask the database."""
        return ()


def _pacing(paces: queries.PaceFigures) -> Iterable[Metric]:
    resting = GaugeMetricFamily(
        "nod_resting",
        "Receivers and mail servers to which nothing goes for a while, by reason.",
        labels=["reason"],
    )
    for reason, count in paces.resting.items():
        resting.add_metric([reason], count)
    yield resting
    yield GaugeMetricFamily(
        "nod_limited_groups", "Groups of receiving domains that have a rate.", value=paces.slowed_groups
    )
    connections = GaugeMetricFamily(
        "nod_connections", "Connections to mail servers that senders may have open now, by way out.", labels=["route"]
    )
    for route, held in paces.connections.items():
        connections.add_metric([route], held)
    yield connections
    sent = CounterMetricFamily("nod_sent", "Messages that servers have accepted, by lane.", labels=["lane"])
    for lane in Lane:
        sent.add_metric([lane.value], paces.tallies[tallies.SENT[lane]])
    yield sent
    for name, says in _TALLIES.items():
        yield CounterMetricFamily(f"nod_{name}", says, value=paces.tallies[name])


_TALLIES: Final = {
    tallies.COOL_DOWNS: "Rests that receivers and mail servers were given.",
    tallies.LEASES_OVER: "Messages whose lease ended before their worker wrote a result.",
    tallies.STOPPED: "Mailings that were paused because they were refused over and over.",
}
_collector = OutboxCollector()
_is_registered = False


def register() -> None:
    """Let /metrics tell them; once per process."""
    global _is_registered
    if not _is_registered:
        metrics.registry.register(_collector)
        _is_registered = True
