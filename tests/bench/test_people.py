"""The bench of people runs; its parts for files, signals and segments have tests of their own, or are run by hand."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.installation import ROOT


@pytest.mark.slow
def test_a_part_runs_and_ends_with_json():
    words = ["--only", "answers", "--people", "2000"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.people", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["search_p95_ms"] > 0
