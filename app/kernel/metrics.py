"""Counters of this process in Prometheus' format; what must hold over all processes is read from the tables."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

registry = CollectorRegistry()

requests = Counter("nod_requests_total", "Answers by status class.", ["status"], registry=registry)
request_seconds = Histogram("nod_request_seconds", "Seconds per answer.", registry=registry)
