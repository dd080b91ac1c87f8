"""The bench of people runs, and ends with every figure."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.installation import ROOT


@pytest.mark.slow
def test_files_and_search_run_and_end_with_json():
    words = ["--only", "files", "--only", "search", "--people", "2000"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.people", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["import_new_rows_per_second"] > 0
    assert figures["import_update_rows_per_second"] > 0
    assert figures["search_p95_ms"] > 0
