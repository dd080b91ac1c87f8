"""The buffer between the endpoint and the tables: a stream in Redis, read by one group.

A hit stays in it until its batch is committed. It is bounded by refusing, never by dropping what is unread: only
what has been taken in is removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import redis as library

from app.kernel import redis

KEY: Final = "nod:signals"
GROUP: Final = "ingest"
# One name for all: the job runs once at a time, and whoever runs it next goes on with what the last one left.
CONSUMER: Final = "ingest"
LIMIT: Final = 200_000
"""Hits that wait at most, about 60 MB; the next ones go straight to PostgreSQL."""
FIELD: Final = b"h"
_ADD: Final = """
local room = math.min(tonumber(ARGV[1]) - redis.call('XLEN', KEYS[1]), #ARGV - 1)
for i = 2, room + 1 do redis.call('XADD', KEYS[1], '*', 'h', ARGV[i]) end
return math.max(room, 0)
"""
Entry = tuple[bytes, bytes | None]
"""Id in the stream, and the hit; None where it is no hit of ours."""


def add(hits: Sequence[bytes], limit: int = LIMIT) -> int:
    """Append them; how many of the first were taken: none when Redis is away, fewer when the stream is full."""

    def append(client: library.Redis) -> int:
        return int(client.eval(_ADD, 1, KEY, str(limit), *hits))

    return redis.attempt(append) or 0


def read(size: int, *, again: bool) -> list[Entry] | None:
    """The next hits; None when Redis is away.

    Args:
        size: how many at most.
        again: those that were read before and never acknowledged, instead of new ones.
    """
    return redis.attempt(lambda client: _read(client, size, "0" if again else ">"))


def _read(client: library.Redis, size: int, start: str) -> list[Entry]:
    try:
        found = _read_group(client, size, start)
    except library.ResponseError as error:
        if not str(error).startswith("NOGROUP"):
            raise
        _create(client)
        found = _read_group(client, size, start)
    return [
        (entry_id, fields.get(FIELD) if fields else None)
        for _, entries in found
        for entry_id, fields in entries
    ]


def _read_group(client: library.Redis, size: int, start: str) -> list[Any]:
    found: Any = client.xreadgroup(GROUP, CONSUMER, {KEY: start}, count=size)
    return list(found.items()) if isinstance(found, dict) else found


def _create(client: library.Redis) -> None:
    try:
        client.xgroup_create(KEY, GROUP, id="0", mkstream=True)
    except library.ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise


def acknowledge(ids: Sequence[bytes]) -> bool:
    """Say that these are in the tables and take them out; False when Redis is away: they will come again."""

    def remove(client: library.Redis) -> bool:
        with client.pipeline(transaction=True) as pipe:
            pipe.xack(KEY, GROUP, *ids)
            pipe.xdel(KEY, *ids)
            pipe.execute()
        return True

    return redis.attempt(remove) is True


def count() -> int | None:
    """Hits that wait or are being taken in; None when Redis is away."""
    return redis.attempt(lambda client: int(client.xlen(KEY)))
