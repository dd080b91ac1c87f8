"""The worker processes as the Procfile starts them, and what they cost: CPU and memory out of /proc."""

from __future__ import annotations

import os
import shlex
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from app.config import Settings
from app.local.processes import all_pids, end, parent_of, start_tethered
from tests.conftest import environment_of
from tests.support.installation import BIN, ROOT

NAMES = ("senders", "bulk", "clock")
"""All that a mailing needs; the web server is not asked while it is measured."""
READY = "looks for work"
READY_SECONDS = 60.0
STOP_STEPS = ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0))
_TICKS = os.sysconf("SC_CLK_TCK")


def procfile() -> dict[str, list[str]]:
    """Each program's name and words, from the one Procfile."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    pairs = (line.partition(":") for line in lines if line.strip())
    return {name.strip(): shlex.split(command) for name, _, command in pairs}


def process_count(command: list[str]) -> int:
    """How many processes a line for Dramatiq asks for."""
    return int(command[command.index("--processes") + 1]) if "--processes" in command else 1


class Workers:
    """Running programs by name, each with its children."""

    def __init__(self, roots: Mapping[str, int], logs: Mapping[str, Path]) -> None:
        self.roots = roots
        self._logs = logs

    def words(self, name: str) -> str:
        """What a program has said so far."""
        return self._logs[name].read_text(errors="replace")

    def cpu_seconds(self) -> dict[str, float]:
        """By name."""
        return {name: cpu_seconds(root) for name, root in self.roots.items()}


@contextmanager
def workers(settings: Settings, folder: Path) -> Iterator[Workers]:
    """Start them, wait until they look for work, end them afterwards.

    Raises:
        RuntimeError: one did not start; with what it said.
    """
    environment = environment_of(settings)
    del environment["PYTHONWARNINGS"]
    environment["PATH"] = f"{BIN}:{environment['PATH']}"
    commands = {name: procfile()[name] for name in NAMES}
    logs = {name: folder / f"{name}.log" for name in NAMES}
    started = {}
    try:
        for name, command in commands.items():
            with logs[name].open("wb") as log:
                started[name] = start_tethered(
                    command, folder=ROOT, output=log, death_signal=signal.SIGTERM, environment=environment
                )
        made = Workers({name: process.pid for name, process in started.items()}, logs)
        for name in ("senders", "bulk"):
            _wait_until_ready(made, name, process_count(commands[name]))
        yield made
    finally:
        for process in started.values():
            end(process.pid, STOP_STEPS)
            process.wait()


def _wait_until_ready(made: Workers, name: str, count: int) -> None:
    until = time.monotonic() + READY_SECONDS
    while made.words(name).count(READY) < count:
        if time.monotonic() > until:
            raise RuntimeError(f"{name} did not start:\n{made.words(name)[-2000:]}")
        time.sleep(0.05)


def tree(root: int) -> list[int]:
    """A process and all below it, parents first."""
    parents = {pid: parent_of(pid) for pid in all_pids()}
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def cpu_seconds(root: int) -> float:
    """What a process and all below it have taken so far, those that ended included.

    Whoever ends leaves its time with the parent that waits for it, so the living with what they were left are all.
    """
    return sum(_ticks(pid) for pid in tree(root)) / _TICKS


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()
    except OSError:
        return 0  # it ended while we looked
    return sum(int(field) for field in fields[11:15])  # utime, stime, cutime, cstime


def memory_mb(root: int, field: str) -> float:
    """The largest VmHWM (peak) or VmRSS (now) of a process and those below it, in MB of a million bytes."""
    return max(_kilobytes(pid, field) for pid in tree(root)) * 1024 / 1e6


def _kilobytes(pid: int, field: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), 0)
