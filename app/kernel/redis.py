"""Redis: the bell and the buffer, never the truth."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

AWAY_SECONDS = 5.0
CONNECT_SECONDS = 0.5
ANSWER_SECONDS = 1.0
_client: redis.Redis | None = None
_away_until = 0.0


def configure(url: str) -> None:
    """Connect lazily; short time-outs, because a request waits behind each call."""
    global _client, _away_until
    _away_until = 0.0
    # Once more at once, for a connection that died since it was used last; no pauses between retries.
    _client = redis.Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        health_check_interval=30,
        decode_responses=False,
        retry=Retry(NoBackoff(), 1),
    )


def client() -> redis.Redis:
    """The client of this process."""
    if _client is None:
        raise RuntimeError("Redis is not configured.")
    return _client


def attempt(call: Callable[[redis.Redis], T]) -> T | None:
    """What ``call`` gives, or None when Redis is away; asked again after five seconds, not before."""
    global _away_until
    if time.monotonic() < _away_until:
        return None
    try:
        return call(client())
    except (redis.RedisError, OSError):
        _away_until = time.monotonic() + AWAY_SECONDS
        return None
