"""Ending what an earlier run left behind when everything of it was killed at once."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from app.local.processes import all_pids, end

MARK = "NOD_RUN"


def mark_for(folder: Path) -> dict[str, str]:
    """The variable that each process of a run carries, naming the run's data folder."""
    return {MARK: str(folder)}


def end_leftovers(folder: Path) -> list[int]:
    """End each process that carries the mark of this folder; returns their numbers."""
    found = find_marked(folder)
    for pid in found:
        end(pid, ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)))
    return found


def find_marked(folder: Path) -> list[int]:
    """Numbers of the processes that carry the mark of this folder; none of other users'."""
    wanted = os.fsencode(f"{MARK}={folder}")
    return [pid for pid in all_pids() if wanted in _environment(pid)]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
