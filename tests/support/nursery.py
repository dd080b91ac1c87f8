"""Processes of ours for tests, forked from one that has read all of our code: a start costs a tenth of its CPU.

What runs is the program itself with its own arguments, environment, group and files, and it is ended like any other.
Only what reading code could show would be missed, so the first start of each command in a run is one from nothing.

    python -m tests.support.nursery SOCKET
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
READ_FIRST = ("dramatiq.cli", "granian.cli", "granian.server", "flask_migrate", "app.factory")
LARGEST = 1 << 16
_started: set[tuple[str, ...]] = set()


class Child:
    """One of its processes; what tests ask of a ``subprocess.Popen``."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self.pid = pid
        self._nursery = nursery

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def poll(self) -> int | None:
        return self._nursery.status(self.pid)

    def wait(self, timeout: float | None = None) -> int:
        deadline = time.monotonic() + (1e9 if timeout is None else timeout)
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self._nursery.listen(0.05)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class Nursery:
    """The process that forks, as those see it who start others; ends with this one."""

    def __init__(self, flags: tuple[str, ...]) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        self._statuses: dict[int, int] = {}
        environment = {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "default", "PYTHONUNBUFFERED": "1"}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, *flags, "-m", __name__, str(theirs.fileno())],
                cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip

    def fork(self, words: Sequence[str], environment: dict[str, str], log: int) -> Child:
        message = json.dumps([list(words), environment]).encode()
        with self._lock:
            socket.send_fds(self._line, [message], [log])
            while "begun" not in (said := self._hear()):
                pass
        return Child(self, said["begun"])

    def status(self, pid: int) -> int | None:
        """How it ended, as ``subprocess`` says it; None while it lives."""
        self.listen(0)
        return self._statuses.get(pid)

    def listen(self, seconds: float) -> None:
        """Take in who has ended, after waiting for so long at most."""
        with self._lock:
            while select.select([self._line], [], [], seconds)[0]:
                self._hear()
                seconds = 0

    def _hear(self) -> dict[str, int]:
        raw = self._line.recv(LARGEST)
        if not raw:
            raise RuntimeError("The process that forks others is gone.")
        said: dict[str, int] = json.loads(raw)
        if "ended" in said:
            self._statuses[said["ended"]] = os.waitstatus_to_exitcode(said["status"])
        else:
            self._statuses.pop(said["begun"], None)  # numbers of processes come again
        return said


@lru_cache
def nursery(*flags: str) -> Nursery:
    """That of this run for these options of python, started when it is first asked for."""
    return Nursery(flags)


def start(command: Sequence[str], environment: dict[str, str], log: int) -> Child | subprocess.Popen[bytes]:
    """Start a command in a session of its own, in the folder of the checkout.

    Args:
        command: python or granian of the virtual environment with its arguments.
        environment: all of its environment.
        log: an open file for what it says.
    """
    flags, words = _parted(command)
    # Numbers are ports, and folders are those of one test.
    shape = (*flags, *(word for word in words if not word.isdecimal() and not word.startswith("/tmp")))
    # A path for python is for its start: the tests' hooks are read then.
    if words and shape in _started and "PYTHONPATH" not in environment:
        return nursery(*flags).fork(words, environment, log)
    _started.add(shape)
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )


def _parted(command: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Options of python, and what it runs with its arguments: a module, a program of ours, or code behind "-c"."""
    program, *words = command
    if program == str(PROGRAMS / "granian"):
        return (), [program, *words]
    flags = []
    while words and words[0] == "-OO":
        flags.append(words.pop(0))
    return tuple(flags), words[1:] if words[0] == "-m" else words


# In the process that forks.


def read_all() -> None:
    """All modules but those of this machine's supervisor, which are programs themselves, and no application."""
    for name in READ_FIRST:
        importlib.import_module(name)
    import app

    for found in pkgutil.walk_packages(app.__path__, "app."):
        if not found.name.startswith("app.local."):
            importlib.import_module(found.name)


def serve(line: socket.socket) -> tuple[list[str], dict[str, str]]:
    """Fork for whoever asks and tell who has ended, until that side is gone; returns in each child only."""
    awake, wakes = socket.socketpair()
    awake.setblocking(False)
    wakes.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
    while True:
        ready, _, _ = select.select([line, awake], [], [])
        if awake in ready:
            with contextlib.suppress(BlockingIOError):
                awake.recv(LARGEST)
            _tell_who_ended(line)
        if line in ready:
            message, files, _, _ = socket.recv_fds(line, LARGEST, 1)
            if not message:
                os._exit(0)
            if os.fork() == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _become(line, files[0])
                awake.close()
                wakes.close()
                return tuple(json.loads(message))
            os.close(files[0])


def _tell_who_ended(line: socket.socket) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            line.send(json.dumps({"ended": pid, "status": status}).encode())


def _become(line: socket.socket, log: int) -> None:
    """A session and files of its own, before anybody knows of it."""
    os.setsid()
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    line.send(json.dumps({"begun": os.getpid()}).encode())
    line.close()


def main() -> None:
    line = socket.socket(fileno=int(sys.argv[1]))
    read_all()
    gc.collect()
    gc.freeze()
    words, environment = serve(line)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = words
    if words[0] == "-c":
        code = words.pop(1)
        exec(compile(code, "<string>", "exec", dont_inherit=True), {"__name__": "__main__"})
    elif words[0].startswith("/"):
        runpy.run_path(words[0], run_name="__main__")
    else:
        # As `python -m` does it, whose package may be this one's.
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
