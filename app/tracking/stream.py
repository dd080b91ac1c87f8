"""The buffer between the endpoint and the tables: a stream in Redis for each part of the messages, each read by one group.

A hit stays in it until its batch is committed. It is bounded by refusing, never by dropping what is unread: only
what has been taken in is removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import redis as library

from app.kernel import redis
from app.tracking.rules.hits import PARTS

KEYS: Final = ("nod:signals", *(f"nod:signals:{part}" for part in range(1, PARTS)))
"""One for each part (``rules.hits.part_of``)."""
GROUP: Final = "ingest"
LIMIT: Final = 200_000
"""Hits that wait at most, about 60 MB; the next ones go straight to PostgreSQL."""
_ADD: Final = """
local waiting = 0
for _, key in ipairs(KEYS) do waiting = waiting + redis.call('XLEN', key) end
local room = math.min(tonumber(ARGV[1]) - waiting, #ARGV - 2)
for i = 1, room do redis.call('XADD', KEYS[string.byte(ARGV[2], i) + 1], '*', 'h', ARGV[i + 2]) end
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


def add(hits: Sequence[bytes], parts: bytes, limit: int = LIMIT) -> int:
    """Append them; how many of the first were taken: none when Redis is away, fewer when the streams are full.

    Args:
        hits: in their order.
        parts: the part of each.
        limit: so many may wait in all.
    """

    def append(client: library.Redis) -> int:
        return int(client.eval(_ADD, PARTS, *KEYS, str(limit), parts, *hits))

    return redis.attempt(append) or 0


def read(part: int, size: int, *, by: str, again: bool) -> list[Entry] | None:
    """The next hits of a part; None when Redis is away.

    Args:
        part: whose.
        size: how many at most.
        by: who reads. One of a name at a time: whoever comes next goes on with what the last one left.
        again: those that this reader's name got before and never acknowledged, instead of new ones.
    """
    return redis.attempt(lambda client: _read(client, KEYS[part], (GROUP, by, str(size), "0" if again else ">")))


def _read(client: library.Redis, key: str, how: tuple[str, ...]) -> list[Entry]:
    try:
        return _read_group(client, key, how)
    except library.ResponseError as error:
        if "NOGROUP" not in str(error):
            raise
        _create(client, key)
        return _read_group(client, key, how)


def _read_group(client: library.Redis, key: str, how: tuple[str, ...]) -> list[Entry]:
    ids, hits = client.eval(_READ, 1, key, *how)
    return list(zip(ids.split(b"\n"), hits.split(b"\n"), strict=True)) if ids else []


def _create(client: library.Redis, key: str) -> None:
    try:
        client.xgroup_create(key, GROUP, id="0", mkstream=True)
    except library.ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise


def acknowledge(part: int, ids: Sequence[bytes]) -> bool:
    """Say that these are in the tables and take them out; False when Redis is away: they will come again."""

    def remove(client: library.Redis) -> bool:
        return bool(client.eval(_DONE, 1, KEYS[part], GROUP, *ids))

    return redis.attempt(remove) is True


def count() -> int | None:
    """Hits that wait or are being taken in; None when Redis is away."""
    return redis.attempt(lambda client: sum(int(client.xlen(key)) for key in KEYS))
