"""What `make test` runs beside each other ends together."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.workers import until

ROOT = Path(__file__).parents[2]
PROGRAM = '#!/bin/sh\necho "$0" "$@" >> ran\nexec sleep {seconds}\n'


@pytest.fixture
def checkout(tmp_path):
    """The Makefile with programs that only take their time."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / ".nod").mkdir()
    (tmp_path / "bin").mkdir()
    for name, seconds in {"python": 600, "mypy": 600, "ruff": 0, "lint-imports": 0}.items():
        program = tmp_path / "bin" / name
        program.write_text(PROGRAM.format(seconds=seconds))
        program.chmod(0o755)
    return tmp_path


def test_ctrl_c_ends_the_tests_and_what_is_checked_beside_them(checkout):
    command = ["make", "VENV=bin", "PYTHON=true", "test"]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    made = subprocess.Popen(command, cwd=checkout, env={"PATH": os.environ["PATH"]}, start_new_session=True, **quiet)
    try:
        ran = checkout / "ran"
        until(lambda: ran.exists() and {"bin/python", "bin/mypy"} <= {line.split()[0] for line in ran.read_text().splitlines()}, seconds=60)
        os.killpg(made.pid, signal.SIGINT)
        assert made.wait(60) != 0
        until(lambda: not _is_anybody_in(made.pid), seconds=60)
    finally:
        if _is_anybody_in(made.pid):
            os.killpg(made.pid, signal.SIGKILL)


def _is_anybody_in(group: int) -> bool:
    """Of those that still run: who has ended and is not yet buried counts no more."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, its_group = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state != "Z":
            return True
    return False
