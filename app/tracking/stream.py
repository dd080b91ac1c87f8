"""The buffer between the endpoint and the tables: a stream in Redis, read by one group.

A hit stays in it until its batch is committed. It is bounded by refusing, never by dropping what is unread: only
what has been taken in is removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import redis as library

from app.kernel import redis

KEY: Final = "nod:signals"
GROUP: Final = "ingest"
# One name for all: the job runs once at a time, and whoever runs it next goes on with what the last one left.
CONSUMER: Final = "ingest"
LIMIT: Final = 200_000
"""Hits that wait at most, about 60 MB; the next ones go straight to PostgreSQL."""
_ADD: Final = """
local room = math.min(tonumber(ARGV[1]) - redis.call('XLEN', KEYS[1]), #ARGV - 1)
for i = 2, room + 1 do redis.call('XADD', KEYS[1], '*', 'h', ARGV[i]) end
return math.max(room, 0)
"""
# Two texts of lines instead of thousands of lists, which a client in Python takes longer to read than Redis to give.
# What is none of ours becomes an empty line, also what holds a line's end, as no hit does.
_READ: Final = """
local found = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'STREAMS', KEYS[1], ARGV[4])
local ids, hits = {}, {}
for i, entry in ipairs(found and found[1][2] or {}) do
  local fields = entry[2] or {}
  local hit = fields[1] == 'h' and fields[2] or ''
  ids[i] = entry[1]
  hits[i] = string.find(hit, '\\n', 1, true) and '' or hit
end
return {table.concat(ids, '\\n'), table.concat(hits, '\\n')}
"""
_DONE: Final = """
for first = 1, #ARGV - 1, 1000 do
  local last = math.min(first + 1000, #ARGV)
  redis.call('XACK', KEYS[1], ARGV[1], unpack(ARGV, first + 1, last))
  redis.call('XDEL', KEYS[1], unpack(ARGV, first + 1, last))
end
return 1
"""
Entry = tuple[bytes, bytes]
"""Id in the stream, and the hit; empty where it is none of ours."""


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
        return _read_group(client, size, start)
    except library.ResponseError as error:
        if "NOGROUP" not in str(error):
            raise
        _create(client)
        return _read_group(client, size, start)


def _read_group(client: library.Redis, size: int, start: str) -> list[Entry]:
    ids, hits = client.eval(_READ, 1, KEY, GROUP, CONSUMER, str(size), start)
    return list(zip(ids.split(b"\n"), hits.split(b"\n"), strict=True)) if ids else []


def _create(client: library.Redis) -> None:
    try:
        client.xgroup_create(KEY, GROUP, id="0", mkstream=True)
    except library.ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise


def acknowledge(ids: Sequence[bytes]) -> bool:
    """Say that these are in the tables and take them out; False when Redis is away: they will come again."""

    def remove(client: library.Redis) -> bool:
        return bool(client.eval(_DONE, 1, KEY, GROUP, *ids))

    return redis.attempt(remove) is True


def count() -> int | None:
    """Hits that wait or are being taken in; None when Redis is away."""
    return redis.attempt(lambda client: int(client.xlen(KEY)))
