"""Programs that wait for work: started once, the engine loaded, a process of its own forked for each question.

To start one takes a quarter of a second, to fork one a few milliseconds. Each child begins from the same untouched
state and ends with its question, as if it had been started for it. `app.content.limited` is the other side.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

_COMMAND: Final = (sys.executable, "-I", "-B", "-W", "ignore", str(Path(__file__).with_name("limited.py")))
MOST: Final = 2
"""At work at the same time; others wait."""


class Warm:
    """Some processes of one program, safe for threads and for processes that fork.

    Args:
        program: a file beside this one, as `app.content.limited` wants it.
        most: at work at the same time; others wait.
    """

    def __init__(self, program: str, most: int = MOST) -> None:
        self._command = (*_COMMAND, str(Path(__file__).with_name(program)))
        self._most = most
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        atexit.register(self.close)

    def _begin(self) -> None:
        self._slots = threading.BoundedSemaphore(self._most)
        self._idle: list[subprocess.Popen[bytes]] = []

    def close(self) -> None:
        """End those that wait."""
        while self._idle:
            _end(self._idle.pop())

    def run(self, asked: Mapping[str, Any], seconds: float) -> dict[str, Any] | None:
        """What the program answers; None when a limit stopped it, or ``seconds`` were over."""
        until = time.monotonic() + seconds
        with self._slots:
            try:
                process = self._take()
            except OSError:
                return None
            try:
                answer = _ask(process, json.dumps(asked).encode() + b"\n", until)
            except (OSError, ValueError):
                answer = None
            if answer is None:
                _end(process)
                return None
            self._idle.append(process)
        return answer or None

    def _take(self) -> subprocess.Popen[bytes]:
        """One that waits, or a new one; those that went to sleep in the meantime are gone."""
        while self._idle:
            found = self._idle.pop()
            if found.poll() is None:
                return found
            _end(found)
        return subprocess.Popen(  # noqa: S603  our own file; what strangers made goes in by standard input
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={},
            bufsize=0, start_new_session=True,
        )  # fmt: skip


def _ask(process: subprocess.Popen[bytes], line: bytes, until: float) -> dict[str, Any] | None:
    """The answer, {} where a limit stopped the child; None where the program itself gave none in time."""
    rest = memoryview(line)  # so that what is left of a large one is not copied with each piece
    assert process.stdin is not None
    assert process.stdout is not None
    os.set_blocking(process.stdin.fileno(), False)
    answer = bytearray()
    with selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        ready.register(process.stdin, selectors.EVENT_WRITE)
        while not answer.endswith(b"\n"):
            events = ready.select(max(0.0, until - time.monotonic()))
            if not events:
                return None
            for key, _ in events:
                if key.fileobj is process.stdin:
                    rest = rest[os.write(process.stdin.fileno(), rest) :]
                    if not rest:
                        ready.unregister(process.stdin)
                else:
                    part = os.read(process.stdout.fileno(), 1 << 20)
                    if not part:
                        return None
                    answer += part
    return dict(json.loads(answer))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill it with whatever it forked."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
