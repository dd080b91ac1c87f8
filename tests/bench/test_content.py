"""The bench of letters and their reports runs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.installation import ROOT


@pytest.mark.bench
def test_it_runs_and_ends_with_json():
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.content", "--people", "500"],
        cwd=ROOT, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["report_p95_ms"] > 0
    assert figures["preview_p95_ms"] > 0
