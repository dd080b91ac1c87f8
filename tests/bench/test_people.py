"""The bench of people runs; its part for files is run by hand."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.bench import growth, people, targets
from tests.support.installation import ROOT

NAMED = {
    "import_new_rows_per_second", "import_update_rows_per_second", "track_requests_per_second", "track_p99_ms",
    "ingest_signals_per_second", "segment_p95_seconds_1000000", "segment_p95_seconds_100000", "search_p95_ms",
}  # fmt: skip
"""What others read out of the last line."""


def test_each_target_stands_beside_its_figure_met_or_missed():
    assert {one.key for one in targets.TARGETS} >= NAMED
    told = targets.table({"import_new_rows_per_second": 40_000, "track_p99_ms": 30.1, "search_p95_ms": 200})
    assert "| new rows of a file taken, a second | at least 40,000 | 40,000 | met |" in told
    assert "| 99 of 100 of them answered within, ms | at most 30 | 30.1 | missed |" in told
    assert "| a search, first page, 95 of 100, ms | at most 200 | 200 | met |" in told
    assert told.count("not measured") == len(targets.TARGETS) - 3


def test_how_it_grows_is_a_table_and_a_plot():
    assert {10_000, 100_000} <= set(people.GROWTH)
    drawn = growth.drawn({"segment_p95_seconds_10000": 0.05, "segment_p95_seconds_1000000": 2.0, "list_ms_10000": 4})
    assert "| segment_p95 | 50 | 2,000 |" in drawn
    assert "| list | 4 |  |" in drawn
    rows = [line for line in drawn.splitlines() if "|" in line and not line.startswith("|")]
    assert rows[0].strip().startswith("10,000 ms")
    assert [("a" in line.partition("|")[2], "b" in line.partition("|")[2]) for line in rows].count((True, False)) == 2
    assert growth.drawn({}) == ""


@pytest.mark.bench
def test_its_parts_run_and_end_with_json():
    words = ["--only", "answers", "--only", "signals", "--people", "500"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.people", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| signals taken in, a second | at least 50,000 |" in done.stdout
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["search_p95_ms"] > 0
    assert figures["segment_p95_seconds_500"] > 0
    assert figures["track_requests_per_second"] > 0
    assert figures["ingest_signals_per_second"] > 0
