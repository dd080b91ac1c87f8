"""Which hits of each process have arrived, and how many it has answered: what is missing shows as gaps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from sqlalchemy import text

from app.kernel import clock
from app.kernel.db import session
from app.tracking.rules.hits import Hit

_ARRIVED = text(
    "INSERT INTO signal_sources AS s (source, answered, arrived, seen_at)"
    " VALUES (:source, 0, CAST(:arrived AS int8multirange), :now)"
    " ON CONFLICT (source) DO UPDATE SET arrived = s.arrived + excluded.arrived, seen_at = excluded.seen_at"
)
_ANSWERED = text(
    "INSERT INTO signal_sources AS s (source, answered, arrived, seen_at)"
    " VALUES (:source, :answered, CAST('{}' AS int8multirange), :now)"
    " ON CONFLICT (source) DO UPDATE SET answered = excluded.answered, seen_at = excluded.seen_at"
    " WHERE s.answered < excluded.answered"
)


def note_arrival(hits: Iterable[Hit]) -> None:
    """Numbers that have arrived, whatever becomes of them; a number that comes twice changes nothing."""
    numbers: dict[str, set[int]] = defaultdict(set)
    for hit in hits:
        numbers[hit.source].add(hit.seq)
    now = clock.now()
    values = [
        {"source": source, "arrived": _multirange(seqs), "now": now}
        for source, seqs in sorted(numbers.items())
    ]
    session().execute(_ARRIVED, values)


def note_answered(answered: Mapping[str, int]) -> None:
    """How many hits each process has answered, by its own word."""
    now = clock.now()
    values = [{"source": source, "answered": n, "now": now} for source, n in sorted(answered.items()) if n]
    if values:
        session().execute(_ANSWERED, values)


def _multirange(numbers: Iterable[int]) -> str:
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number:
            ranges[-1][1] += 1
        else:
            ranges.append([number, number + 1])
    return "{" + ",".join(f"[{first},{end})" for first, end in ranges) + "}"
