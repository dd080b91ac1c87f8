"""honcho's process manager with three promises more.

- A process that dies is started again; one that dies over and over ends the whole, with a word why.
- When a process ends, nothing that it started stays behind.
- When the manager is killed, even by `kill -9`, its processes end too.

The chain: manager → one `KeptProcess` each (a fork of the manager, tied to it by a death signal) → the
program (tied to its KeptProcess by `tether.py`), leader of a session and process group of its own.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from honcho import manager as honcho_manager
from honcho.printer import Message, Printer
from honcho.process import Process

from app.local.processes import TETHER
from app.local.tether import die_with_parent

PARENT_DIED = signal.SIGUSR1
STOP_SECONDS = 20
QUICK_SECONDS = 5.0
QUICK_DEATHS = 4
PAUSE_SECONDS = 1.0


class KeptProcess(Process):  # type: ignore[misc]
    """One line of the Procfile, kept running until the manager stops. Runs in a fork of the manager."""

    is_stopping: Any = None
    manager_pid = 0

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        """Start the program and start it again when it dies; tell the manager when it is over."""
        self._events = events
        signal.signal(PARENT_DIED, self._on_manager_gone)
        if ignore_signals:  # by a handler: programs would inherit that a signal is ignored
            signal.signal(signal.SIGINT, _stay)
            signal.signal(signal.SIGTERM, _stay)
        die_with_parent(self.manager_pid, PARENT_DIED)
        quick_deaths = 0
        while True:
            began = time.monotonic()
            status = self._run_once()
            quick_deaths = quick_deaths + 1 if time.monotonic() - began < QUICK_SECONDS else 0
            if self.is_stopping.is_set() or quick_deaths == QUICK_DEATHS:
                break
            self._send_message(f"{self.name} {_ended(status)}; starting it again\n".encode())
            if self.is_stopping.wait(PAUSE_SECONDS):
                break
        self._send_message({"returncode": status}, type="stop")

    def _run_once(self) -> int:
        self._child = self._child_ctor(_tethered(self.cmd), env=self.env, cwd=self.cwd)
        self._send_message({"pid": self._child.pid}, type="start")
        if self.is_stopping.is_set():
            self._end_group(signal.SIGTERM)
        threading.Thread(target=self._sweep, args=(self._child,), daemon=True).start()
        for line in iter(self._child.stdout.readline, b""):
            self._send_message(line)
        self._child.stdout.close()
        return int(self._child.wait())

    def _sweep(self, child: Any) -> None:
        """When the program itself is gone, end what it left behind (that would keep its output open)."""
        child.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)

    def _end_group(self, number: signal.Signals) -> None:
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, number)

    def _on_manager_gone(self, *_: object) -> None:
        self._end_group(signal.SIGKILL)
        os._exit(1)


class Keeper(honcho_manager.Manager):  # type: ignore[misc]
    """Runs processes side by side and shows what they say, until told to stop."""

    def __init__(
        self, printer: Printer | None = None, *, on_started: Callable[[], None] = lambda: None
    ) -> None:
        # Forks only: KeptProcess must be the manager's own child, and the newest Pythons default otherwise.
        multiprocessing.set_start_method("fork", force=True)
        honcho_manager.KILL_WAIT = STOP_SECONDS
        super().__init__(printer)
        self._process_ctor = KeptProcess
        self.is_stopping = multiprocessing.Event()
        self._on_started = on_started  # threads of ours may start only after the forks

    def add(self, name: str, command: str, environment: Mapping[str, str], folder: Path) -> None:
        """Add a process before `loop`."""
        process = self.add_process(name, command, env=dict(environment), cwd=str(folder))
        process.is_stopping = self.is_stopping
        process.manager_pid = os.getpid()

    def terminate(self) -> None:
        """Stop all, by force after 20 seconds; a process that is just being started again included."""
        if not self.is_stopping.is_set():
            self.is_stopping.set()
            force = threading.Timer(STOP_SECONDS, self.kill)
            force.daemon = True
            force.start()
        super().terminate()

    def pids(self) -> dict[str, int]:
        """Numbers of the programs that have been started, by name."""
        return {name: entry["pid"] for name, entry in self._processes.items() if "pid" in entry}

    def _start(self) -> None:
        super()._start()
        self._on_started()

    def _system_print(self, data: str) -> None:
        """Numbers of processes are for those who look for them; a newcomer needs fewer lines."""
        if "stopped" in data and not self.is_stopping.is_set():
            moment = datetime.now()  # noqa: DTZ005, TID251 - honcho shows this machine's time
            self._printer.write(Message("line", data, moment, "system", None))


def _tethered(command: str) -> str:
    """The same command, becoming a program that ends with its KeptProcess ($PPID of the shell)."""
    return f'exec "{sys.executable}" -I -S "{TETHER}" $PPID {int(signal.SIGTERM)} -1 -1 {command}'


def _stay(*_: object) -> None:
    """A KeptProcess ends when its program has."""


def _ended(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    return f"was ended by {signal.Signals(-status).name}"
