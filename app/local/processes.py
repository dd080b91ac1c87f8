"""Starting, recognising and ending operating system processes (Linux, by /proc)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from app.local.places import Account

TETHER = Path(__file__).with_name("tether.py")
SERVER_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def start_tethered(
    command: Sequence[str],
    *,
    folder: Path,
    output: IO[bytes],
    death_signal: signal.Signals,
    account: Account | None = None,
    environment: Mapping[str, str] = SERVER_ENVIRONMENT,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own that gets `death_signal` when the calling thread ends.

    Args:
        command: absolute path of the program and its arguments.
        folder: its working directory; `runs_in` recognises it by this later.
        output: file that takes its output and errors.
        death_signal: what the kernel sends it when we are gone, even by `kill -9`.
        account: run as this user (only root may).
        environment: all of its environment.
    """
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    wrapper = [sys.executable, "-I", "-S", str(TETHER)]
    numbers = [str(os.getpid()), str(int(death_signal)), str(uid), str(gid)]
    return subprocess.Popen(
        [*wrapper, *numbers, *command],
        cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        env=dict(environment), start_new_session=True, umask=0o077,
    )  # fmt: skip


def runs_in(pid: int, folder: Path) -> bool:
    """Whether a live process has this number and works in `folder` (numbers are used again)."""
    try:
        return is_alive(pid) and Path(f"/proc/{pid}/cwd").readlink() == folder.resolve()
    except OSError:
        return False


def is_alive(pid: int) -> bool:
    """Whether the process exists and is more than a remnant that waits for its parent."""
    try:
        status = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return status.rpartition(b") ")[2][:1] not in (b"Z", b"X")


def wait_until_gone(pid: int, seconds: float) -> bool:
    """Wait for a process, ours or not, to end; say whether it did."""
    deadline = time.monotonic() + seconds
    while is_alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def end(pid: int, steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """Send each signal in turn and wait the seconds beside it, until the process is gone."""
    for number, seconds in steps:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        if wait_until_gone(pid, seconds):
            return


def all_pids() -> list[int]:
    """Numbers of all processes of this machine that we can see."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def children_of(pid: int) -> list[int]:
    """Numbers of the processes whose parent is `pid`."""
    return [child for child in all_pids() if parent_of(child) == pid]


def parent_of(pid: int) -> int | None:
    """Number of a process's parent, None when it is gone."""
    try:
        status = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    return int(status.rpartition(b") ")[2].split()[1])
