"""Rate limits: counted in Redis, in PostgreSQL while Redis is away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import redis as redis_library
from sqlalchemy import DateTime, Integer, LargeBinary, Text, delete, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock, redis, tokens
from app.kernel.db import Base, aside, session

_COUNT = """
local n = redis.call('INCRBY', KEYS[1], ARGV[2])
if n == tonumber(ARGV[2]) then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return n
"""
_COUNT_SQL = text(
    "INSERT INTO limit_counts (name, key_hash, window_start, hits) VALUES (:name, :key_hash, :window_start, :cost) "
    "ON CONFLICT (name, key_hash, window_start) DO UPDATE SET hits = limit_counts.hits + :cost RETURNING hits"
)


class LimitCount(Base):
    """Hits within one window, while Redis is away. Keys are hashed: no address, no network stands here."""

    __tablename__ = "limit_counts"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    window_start: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    hits: Mapped[int] = mapped_column(Integer)


@dataclass(frozen=True, slots=True)
class Limit:
    """One act that is counted.

    Args:
        name: what is limited, e.g. ``signup.address``.
        key: who; only a keyed hash of it is stored.
        limit: acts allowed per window.
        window_seconds: length of the fixed window.
        cost: how much this act counts.
    """

    name: str
    key: str
    limit: int
    window_seconds: int
    cost: int = 1


def hit(name: str, key: str, limit: int, window_seconds: int, *, cost: int = 1) -> bool:
    """Count one act and say whether it is still within the limit; the arguments are those of ``Limit``."""
    return hits(Limit(name, key, limit, window_seconds, cost))[0]


def hits(*counted: Limit) -> list[bool]:
    """Count one act against several limits, in one round trip, and say for each whether it is within."""
    moment = clock.now()
    starts = [int(moment.timestamp()) // one.window_seconds * one.window_seconds for one in counted]
    hashes = [tokens.mac("limit", f"{one.name}\0{one.key}".encode()) for one in counted]

    def count(client: redis_library.Redis) -> list[int]:
        pipe = client.pipeline(transaction=False)
        for one, start, key_hash in zip(counted, starts, hashes, strict=True):
            key = f"nod:limit:{one.name}:{start}:{key_hash.hex()}"
            pipe.eval(_COUNT, 1, key, str(one.window_seconds), str(one.cost))
        return [int(found) for found in pipe.execute()]

    found = redis.attempt(count)
    if found is None:
        found = [
            count_in_database(one.name, key_hash, datetime.fromtimestamp(start, moment.tzinfo), one.cost)
            for one, start, key_hash in zip(counted, starts, hashes, strict=True)
        ]
    return [number <= one.limit for number, one in zip(found, counted, strict=True)]


def count_in_database(name: str, key_hash: bytes, window_start: datetime, cost: int) -> int:
    """Add to a counter and give its sum.

    Args:
        name: what is counted.
        key_hash: who, hashed.
        window_start: names the window.
        cost: how much to add.
    """
    # A connection of its own: a hit counts even when the request that made it is rolled back.
    with aside() as connection:
        values = {"name": name, "key_hash": key_hash, "window_start": window_start, "cost": cost}
        return int(connection.execute(_COUNT_SQL, values).scalar_one())


def forget_old(before: datetime) -> None:
    """Drop counters of windows that began before that moment."""
    session().execute(delete(LimitCount).where(LimitCount.window_start < before))
