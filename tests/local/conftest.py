"""Starting demo runs and looking for what they leave behind."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.local.leftovers import find_marked
from app.local.processes import all_pids, is_alive

ROOT = Path(__file__).parents[2]
WEB = 'python -m http.server --bind 127.0.0.1 "$NOD_WEB_PORT"'
FAMILY = 'sh -c "sleep 1000 & sleep 1001"'
ELSEWHERE = {"DATABASE_URL": "postgresql://elsewhere/nod", "REDIS_URL": "redis://elsewhere"}


def eventually(check: Callable[[], object], seconds: float = 30) -> object:
    """Wait until a check says something true and return it."""
    deadline = time.monotonic() + seconds
    while not (result := check()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)
    return result


class DemoRun:
    """One run in a folder, as a process of its own."""

    def __init__(self, root: Path, log: Path, environment: dict[str, str], processes: dict[str, str]) -> None:
        self.root = root
        self.folder = (root / ".nod").resolve()
        self._log = log
        words = [f"{name}={command}" for name, command in processes.items()]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("demo_run.py")), str(root), *words],
                env={**os.environ, "PYTHONPATH": str(ROOT), "NOD_PORT": "", **environment},
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    def wait_until_ready(self) -> None:
        def is_ready() -> bool:
            assert self.process.poll() is None, self.output
            return "Nod is ready" in self.output

        eventually(is_ready, 60)

    def members(self) -> list[int]:
        """The processes of this run that are alive, servers included, the manager and its forks too."""
        words = os.fsencode(self.root)
        found = set(find_marked(self.folder))
        for pid in all_pids():
            with contextlib.suppress(OSError):
                inside = Path(f"/proc/{pid}/cwd").readlink().is_relative_to(self.root)
                if inside or words in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.add(pid)
        return sorted(pid for pid in found if is_alive(pid) and pid != os.getpid())

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that other users may enter, as a checkout's may be."""
    with tempfile.TemporaryDirectory(prefix="nod-local-") as name:
        path = Path(name).resolve()
        path.chmod(0o755)
        yield path


@pytest.fixture
def demo(root: Path) -> Iterator[Callable[..., DemoRun]]:
    """Start a demo run; without `servers`, PostgreSQL and Redis are said to be elsewhere."""
    started: list[DemoRun] = []

    def start(
        *, servers: bool = False, environment: dict[str, str] | None = None, **processes: str
    ) -> DemoRun:
        given = {**({} if servers else ELSEWHERE), **(environment or {})}
        log = root / f"run-{len(started)}.log"
        started.append(DemoRun(root, log, given, processes or {"web": WEB}))
        return started[-1]

    yield start
    for run in started:
        if run.process.poll() is None:
            run.end(signal.SIGTERM)
