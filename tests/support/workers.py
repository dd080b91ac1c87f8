"""Real worker and clock processes, started, asked to end and killed by tests."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from flask import Flask

from tests.conftest import environment_of
from tests.support import nursery
from tests.support.smtp_sink import SmtpSink

WORKER = (
    "-m", "workers", "--processes", "1", "--threads", "2", "--queues", "system", "jobs",
    "--skip-logging", "--worker-shutdown-timeout", "20000",
)  # fmt: skip
BULK_WORKER = (
    "-m", "workers", "--processes", "1", "--threads", "2", "--queues", "bulk", "jobs",
    "--skip-logging", "--worker-shutdown-timeout", "20000",
)  # fmt: skip
CLOCK = ("-m", "workers.clock")


class Process:
    """One process with its children, in a group of its own; its log can be read at any time."""

    def __init__(self, command: tuple[str, ...], environment: dict[str, str]) -> None:
        self._log = TemporaryFile()  # noqa: SIM115  closed with the process
        self._process = nursery.start([sys.executable, *command], environment, self._log.fileno())

    @property
    def log(self) -> str:
        return os.pread(self._log.fileno(), 1_000_000, 0).decode(errors="replace")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def niceness(self) -> set[int]:
        """Of every thread of it and its children."""
        found = set()
        for stat in Path("/proc").glob("[0-9]*/task/[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(") ")[2].split()
                if int(fields[2]) == self._process.pid:
                    found.add(int(fields[16]))
        return found

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def wait_for(self, words: str, seconds: float = 30) -> None:
        until(lambda: words in self.log or not self.is_alive, seconds, lambda: self.log)
        assert words in self.log, self.log

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float = 30) -> int:
        return self._process.wait(seconds)

    def kill(self) -> None:
        """End it and its children at once, as a machine without power would."""
        if self.is_alive:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)

    def close(self) -> None:
        """Kill what is left and forget the log."""
        self.kill()
        self._log.close()


@contextmanager
def worker(app: Flask, sink: SmtpSink, **more: str) -> Iterator[Process]:
    """A worker process for the lanes system and jobs, ready to work."""
    with _running(WORKER, app, NOD_SMTP_URL=f"smtp://127.0.0.1:{sink.port}", **more) as process:
        process.wait_for("looks for work")
        yield process


def bulk_worker(app: Flask, sink: SmtpSink, **more: str) -> Process:
    """A worker process for mailings to many with two threads, perhaps not yet ready; whoever asks closes it."""
    more = {"NOD_SMTP_URL": f"smtp://127.0.0.1:{sink.port}", "NOD_LOG_LEVEL": "WARNING", **more}
    return Process(BULK_WORKER, environment_of(app.config["NOD"], **more))


@contextmanager
def clock(app: Flask, **more: str) -> Iterator[Process]:
    """A scheduler, just started."""
    with _running(CLOCK, app, **more) as process:
        yield process


@contextmanager
def _running(command: tuple[str, ...], app: Flask, **more: str) -> Iterator[Process]:
    process = Process(command, environment_of(app.config["NOD"], NOD_LOG_LEVEL="INFO", **more))
    try:
        yield process
    finally:
        process.close()


def until(is_so: Callable[[], object], seconds: float = 20, says: Callable[[], object] = lambda: "") -> None:
    """Wait until something is so.

    Raises:
        AssertionError: it is not within that time.
    """
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not within {seconds} s: {says()}"
        time.sleep(0.05)
