"""One server process under our care: start, wait, stop, kill; the same for each kind of server."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path

from app.local.places import LocalError, Place
from app.local.processes import end, runs_in, start_tethered

LOG_LIMIT = 5 * 1024 * 1024
LOG_TAIL_LINES = 8
START_SECONDS = 60.0


class ServerError(LocalError):
    """A server did not start."""


class Supervised(ABC):
    """A server with a data folder, a log and a loopback port.

    The process is tied to the thread that calls `start`: it ends with it, even by `kill -9`.
    """

    title: str
    death_signal: signal.Signals
    stop_steps: tuple[tuple[signal.Signals, float], ...]

    def __init__(self, place: Place, port: int) -> None:
        self.place = place
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def folder(self) -> Path:
        """The process's working folder, by which a leftover of it is recognised."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Where the application finds it, password included."""

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    def _prepare(self) -> None: ...

    @abstractmethod
    def _leftover(self) -> int | None: ...

    @abstractmethod
    def _answers(self) -> bool: ...

    @property
    def log_path(self) -> Path:
        """File with what the server said."""
        return self.place.folder / f"{self.title.lower()}.log"

    @property
    def pid(self) -> int | None:
        """Number of the running process."""
        return self._process.pid if self.is_running() and self._process else None

    def is_running(self) -> bool:
        """Whether the process that we started is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server, after ending one that an earlier run left behind, and wait until it answers.

        Raises:
            ServerError: it did not start; the text says why and where its log is.
        """
        if self.is_running():
            return
        self.end_leftover()
        self._prepare()
        if is_taken(self.port):
            raise ServerError(f"{self.title} cannot start: port {self.port} is taken by another program.")
        self._spawn()
        self._wait_until_it_answers()

    def stop(self) -> None:
        """End the server in good order; harmless when it does not run."""
        if self._process is not None:
            if self.is_running():
                end(self._process.pid, self.stop_steps)
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Stop and start on the same port and data."""
        self.stop()
        self.start()

    def _spawn(self) -> None:
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_LIMIT:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        with self.log_path.open("ab") as log:
            self._process = start_tethered(
                self._command(),
                folder=self.folder, output=log, death_signal=self.death_signal, account=self.place.account,
            )  # fmt: skip

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not (self.is_running() and self._answers()):
            if not self.is_running():
                reason = self.explain(f"{self.title} did not start.")
                self._process = None
                raise ServerError(reason)
            if time.monotonic() > deadline:
                reason = self.explain(f"{self.title} did not answer within {START_SECONDS:.0f} seconds.")
                self.stop()
                raise ServerError(reason)
            time.sleep(0.05)

    def end_leftover(self) -> None:
        """End this server's process of an earlier run that was killed."""
        pid = self._leftover()
        if pid is not None and pid != os.getpid() and runs_in(pid, self.folder):
            end(pid, self.stop_steps)

    def explain(self, what: str) -> str:
        """Say what failed with the cause in plain words where it is known, the log's end and its path."""
        lines = tail(self.log_path)
        text = "\n".join(lines)
        if "No space left on device" in text:
            what += f" The disk that holds {self.place.folder} is full: free some space, then start again."
        elif "Address already in use" in text:
            what += f" Port {self.port} is taken by another program."
        quoted = "".join(f"\n    {line}" for line in lines)
        return f"{what}\n  The end of its log, {self.log_path}:{quoted}"


def tail(path: Path, count: int = LOG_TAIL_LINES) -> list[str]:
    """The last lines of a log, none when there is no log."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 16_384))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return []
    return text.splitlines()[-count:]


def is_taken(port: int) -> bool:
    """Whether some program listens on this loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def free_port() -> int:
    """A loopback port that nobody uses now.

    It lies below the kernel's range for outgoing connections: from that range, a client that tries again
    while its server is down may be given the server's own port, and so connect to itself.
    """
    while is_taken(port := 20_000 + secrets.randbelow(12_000)):
        pass
    return port
