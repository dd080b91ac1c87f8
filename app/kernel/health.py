"""Is this process alive, is the whole ready, and the figures for Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import DateTime, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import metrics, redis
from app.kernel.db import Base, session
from app.kernel.http import guards

blueprint = Blueprint("health", __name__)
_warnings: dict[str, Callable[[], list[str]]] = {}


def warn_with(name: str, read: Callable[[], list[str]]) -> None:
    """Let a room add sentences to /readyz that are worth a look and make nothing less ready; once per name."""
    _warnings[name] = read


class Heartbeat(Base):
    """When a process of a kind was last seen alive (database time)."""

    __tablename__ = "heartbeats"

    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


_BEAT = text(
    "INSERT INTO heartbeats (kind, name, seen_at) VALUES (:kind, :name, clock_timestamp()) "
    "ON CONFLICT (kind, name) DO UPDATE SET seen_at = clock_timestamp()"
)
_AGE = text("SELECT extract(epoch FROM clock_timestamp() - max(seen_at)) FROM heartbeats WHERE kind = :kind")


def beat(kind: str, name: str) -> None:
    """Say that this process is alive."""
    session().execute(_BEAT, {"kind": kind, "name": name})


def seconds_since_beat(kind: str) -> float | None:
    """Seconds since any process of that kind was seen; None: never."""
    age = session().execute(_AGE, {"kind": kind}).scalar_one()
    return None if age is None else float(age)


@blueprint.get("/healthz")
@guards.untouched
def healthz() -> Response:
    """This process answers."""
    return Response("ok\n", content_type="text/plain")


@blueprint.get("/readyz")
@guards.public
def readyz() -> tuple[Response, int]:
    """PostgreSQL answers and is at the newest migration; Redis' state is told but not needed, and warnings change nothing."""
    version = session().execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    ready = version is not None
    has_redis = redis.attempt(lambda client: client.ping()) is not None
    warnings = [words for read in _warnings.values() for words in read()] if ready else []
    answer = jsonify(ready=ready, migration=version, redis="up" if has_redis else "away", warnings=warnings)
    return answer, 200 if ready else 503


@blueprint.get("/metrics")
@guards.operator
def prometheus() -> Response:
    """This process's counters."""
    return Response(generate_latest(metrics.registry), content_type=CONTENT_TYPE_LATEST)
