"""How many slices of a lane one process runs, and that no ring is lost over it."""

from __future__ import annotations

import importlib.util
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.installation import ROOT


@pytest.fixture
def work():
    """The module by itself: its package is an application at work."""
    found = importlib.util.spec_from_file_location("work_alone", ROOT / "workers/work.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_slices_leave_threads_to_jobs_and_a_ring_in_vain_is_made_good(work, monkeypatch):
    both, may_end = threading.Barrier(3), threading.Event()

    def slow(_lane: str, _seconds: float) -> bool:
        both.wait(10)
        return not may_end.wait(10)

    monkeypatch.setattr(work, "_send", slow)
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(work.send, "system") for _ in range(work.SLICES)]
        both.wait(10)
        assert work.send("system") is False, "no third one begins"
        may_end.set()
        left = [found.result(10) for found in running]
    assert sorted(left) == [False, True], "one of them says that something may be left"
    assert not work.is_sending("system")
