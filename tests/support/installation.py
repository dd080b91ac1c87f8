"""A whole running Nod: web server, senders, scheduler as processes of their own, on real servers."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from flask import Flask

from app.config import Settings
from app.kernel.db import db
from app.local.supervised import free_port
from tests.conftest import environment_of, make_app
from tests.support import nursery

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
T = TypeVar("T")
COMMANDS = {
    "web": [
        str(BIN / "granian"), "--interface", "wsgi", "--host", "127.0.0.1", "--port", "{port}", "--no-ws",
        "--blocking-threads", "4", "--log-level", "warning", "wsgi:app",
    ],
    "senders": [
        sys.executable, "-m", "workers", "--processes", "1", "--threads", "4", "--queues", "system", "jobs",
        "--worker-shutdown-timeout", "10000",
    ],
    "bulk": [
        sys.executable, "-m", "workers", "--processes", "1", "--threads", "2", "--queues", "bulk",
        "--worker-shutdown-timeout", "10000",
    ],
    "clock": [sys.executable, "-m", "workers.clock"],
    "mailbox": [sys.executable, "-m", "app.local.mailbox", "{mailbox}", "{mail_port}"],
}  # fmt: skip

EVERYDAY = ("web", "senders", "clock")


@dataclass
class Installation:
    """The processes, the application on the same database for looking in, and the address."""

    url: str
    settings: Settings
    app: Flask
    log: Path
    processes: dict[str, nursery.Child | subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        port = self.url.rpartition(":")[2]
        mail_port = self.settings.smtp_url.rpartition(":")[2]
        values = {"port": port, "mailbox": self.settings.mailbox_dir, "mail_port": mail_port}
        command = [part.format(**values) for part in COMMANDS[name]]
        environment = environment_of(self.settings, NOD_WEB_PORT=port, PYTHONUNBUFFERED="1")
        with self.log.open("ab") as log:
            self.processes[name] = nursery.start(command, environment, log.fileno())

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """End a process and its children, by their own process group."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        process.wait(20)

    def restart(self, name: str) -> None:
        self.kill(name)
        self.start(name)

    def stop(self) -> None:
        for name in list(self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.processes[name].pid, signal.SIGTERM)
        for name, process in list(self.processes.items()):
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill(name)

    def wait_until_it_answers(self, seconds: float = 40) -> None:
        eventually(self._answers, seconds=seconds, said=lambda: self.log.read_text()[-3000:])

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False


def eventually(
    ask: Callable[[], T], *, seconds: float = 20, pause: float = 0.1, said: Callable[[], str] = lambda: ""
) -> T:
    """What ``ask`` gives once it is true; fails with words when it never is."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = ask()
        if found:
            return found
        time.sleep(pause)
    raise AssertionError(f"Not within {seconds} s. {said()}")


@contextmanager
def running(settings: Settings, log: Path, *names: str) -> Iterator[Installation]:
    """Start the named processes (web, senders and clock by default) and end them afterwards."""
    url = f"http://127.0.0.1:{free_port()}"
    settings = replace(settings, url=url)
    app = make_app(settings)
    made = Installation(url, settings, app, log)
    log.touch()
    try:
        with app.app_context():
            for name in names or EVERYDAY:
                made.start(name)
            if "web" in made.processes:
                made.wait_until_it_answers()
            yield made
    finally:
        made.stop()
        with app.app_context():
            db.engine.dispose()
