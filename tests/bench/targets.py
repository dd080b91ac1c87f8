"""What ``make bench-people`` is to reach, with what it came to beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """One figure of the last line, and its bound: at least, or with ``is_most`` at most so much."""

    key: str
    words: str
    bound: float
    is_most: bool = False

    def line(self, figures: Mapping[str, float]) -> str:
        """A row of a table; of a figure that was not measured only the bound."""
        bound = f"{'at most' if self.is_most else 'at least'} {self.bound:,}"
        if self.key not in figures:
            return f"| {self.words} | {bound} | not measured | |"
        figure = figures[self.key]
        is_met = figure <= self.bound if self.is_most else figure >= self.bound
        return f"| {self.words} | {bound} | {figure:,} | {'met' if is_met else 'missed'} |"


_MILLION, _TENTH = "1,000,000 people and 10,000,000 signals", "100,000 people"
TARGETS = (
    Target("import_new_rows_per_second", "new rows of a file taken, a second", 40_000),
    Target("import_update_rows_per_second", "rows that change somebody, a second", 20_000),
    Target("import_permitted_rows_per_second", "new rows with a permission each, a second", 15_000),
    Target("track_requests_per_second", "pictures and links over 64 connections, a second (better: 6,000)", 3_500),
    Target("track_p99_ms", "99 of 100 of them answered within, ms", 30, is_most=True),
    Target("ingest_signals_per_second", "signals taken in, a second", 50_000),
    Target("segment_p95_seconds_100000", f"what is shown of a segment of {_TENTH}, 95 of 100, s", 0.3, is_most=True),
    Target("segment_p95_seconds_1000000", f"the same of {_MILLION}", 2, is_most=True),
    Target("segment_counted_p95_seconds_100000", f"everybody in a segment counted, {_TENTH}, s", 0.3, is_most=True),
    Target("segment_counted_p95_seconds_1000000", f"the same of {_MILLION}", 2, is_most=True),
    Target("search_p95_ms", "a search, first page, 95 of 100, ms", 200, is_most=True),
)
ELSEWHERE = "Every row once, however often those who take a file in are killed: `make faults FAULTS=G15`."


def table(figures: Mapping[str, float]) -> str:
    """All of them, beside what was measured."""
    lines = ["| what | target | figure | |", "|---|---|---|---|", *(one.line(figures) for one in TARGETS)]
    return "\n".join([*lines, "", ELSEWHERE])
