"""Which mail server takes the mails: the one that is named, else Postfix's, else our own."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.local.places import Account
from app.local.processes import end, start_tethered
from app.local.supervised import free_port
from tests.bench.sink import COUNT
from tests.support.installation import ROOT

FOLDERS = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/lib/postfix"
START_SECONDS = 10.0
OWN = "own"


@dataclass(frozen=True)
class Sink:
    """A mail server that takes everything.

    Attributes:
        name: for people.
        counter: where it counts what it took; None: it tells nobody.
    """

    name: str
    host: str
    port: int
    counter: Path | None = None

    @property
    def url(self) -> str:
        """As NOD_SMTP_URL."""
        return f"smtp://{self.host}:{self.port}"

    def count(self) -> int | None:
        """Mails taken since its start; None where it does not say."""
        if self.counter is None:
            return None
        if self.counter.suffix == ".count":
            return int(COUNT.unpack(self.counter.read_bytes())[0])
        with self.counter.open("rb") as said:
            said.seek(max(0, said.seek(0, 2) - 200))
            counts = re.findall(rb"mesg=(\d+)\r", said.read())
        return int(counts[-1]) if counts else 0


def postfix(name: str) -> str | None:
    """The path of one of Postfix's tools, None where it is not installed."""
    return shutil.which(name) or shutil.which(name, path=FOLDERS)


@contextmanager
def sink(named: str | None, folder: Path, account: Account | None) -> Iterator[Sink]:
    """Start the sink, unless it is somebody else's.

    Args:
        named: ``host:port``, ``own``, or None for the best there is.
        folder: for its counter.
        account: an unprivileged user, where we are root: Postfix's does not run as root.
    """
    if named and named != OWN:
        host, _, port = named.rpartition(":")
        yield Sink(named, host, int(port))
        return
    program = postfix("smtp-sink") if named is None else None
    with _postfix(program, folder, account) if program else _own(folder) as made:
        yield made


@contextmanager
def _own(folder: Path) -> Iterator[Sink]:
    counter, port = folder / "sink.count", free_port()
    counter.write_bytes(bytes(COUNT.size))
    command = [sys.executable, "-m", "tests.bench.sink", str(port), str(counter)]
    with _running(command, port, folder / "sink.log", ROOT, None):
        yield Sink("our own sink", "127.0.0.1", port, counter)


@contextmanager
def _postfix(program: str, folder: Path, account: Account | None) -> Iterator[Sink]:
    counter, port = folder / "sink.said", free_port()
    # -c: it says how many it has; 1024: connections that may wait.
    command = [program, "-c", f"127.0.0.1:{port}", "1024"]
    with _running(command, port, counter, Path("/"), account):
        yield Sink("smtp-sink", "127.0.0.1", port, counter)


@contextmanager
def _running(
    command: list[str], port: int, output: Path, folder: Path, account: Account | None
) -> Iterator[None]:
    with output.open("wb") as said:
        process = start_tethered(
            command, folder=folder, output=said, death_signal=signal.SIGKILL, account=account
        )
    try:
        _wait_for(port, output)
        yield
    finally:
        end(process.pid, ((signal.SIGTERM, 2.0), (signal.SIGKILL, 5.0)))
        process.wait()


def _wait_for(port: int, output: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise RuntimeError(f"The sink did not start: {output.read_text(errors='replace')}") from None
            time.sleep(0.05)
        else:
            return
