"""Counters of this process in Prometheus' format; what must hold over all processes is read from the tables."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

registry = CollectorRegistry()

requests = Counter("nod_requests_total", "Answers by status class.", ["status"], registry=registry)
request_seconds = Histogram("nod_request_seconds", "Seconds per answer.", registry=registry)
_by_class = {number: requests.labels(f"{number}xx") for number in range(1, 6)}


def answered(status: int, seconds: float | None) -> None:
    """Count an answer, and how long it took where that is known."""
    _by_class[status // 100].inc()
    if seconds is not None:
        request_seconds.observe(seconds)
