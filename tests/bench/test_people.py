"""The bench of people runs; its part for files is run by hand."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.installation import ROOT


@pytest.mark.bench
def test_its_parts_run_and_end_with_json():
    words = ["--only", "answers", "--only", "signals", "--people", "500"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.people", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["search_p95_ms"] > 0
    assert figures["segment_p95_seconds_500"] > 0
    assert figures["track_requests_per_second"] > 0
    assert figures["ingest_signals_per_second"] > 0
