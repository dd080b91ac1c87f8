"""What may happen one time: remembered in Redis, in PostgreSQL while Redis is away."""

from __future__ import annotations

from datetime import datetime

import redis as redis_library

from app.kernel import clock, limits, redis, tokens


def first(name: str, key: str, until: datetime) -> bool:
    """Whether this is the first time; remembered until ``until``, which the caller derives from the thing itself.

    Args:
        name: what it is about, e.g. ``form puzzle``.
        key: which one; only a keyed hash of it is stored.
        until: after it the thing is refused anyway.
    """
    key_hash = tokens.mac("once", f"{name}\0{key}".encode())
    seconds = max(int((until - clock.now()).total_seconds()) + 1, 1)

    def remember(client: redis_library.Redis) -> int:
        return 1 if client.set(f"nod:once:{name}:{key_hash.hex()}", b"1", nx=True, ex=seconds) else 2

    count = redis.attempt(remember)
    if count is None:
        count = limits.count_in_database(name, key_hash, until, 1)
    return count == 1
