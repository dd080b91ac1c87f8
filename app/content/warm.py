"""Compilers that wait for work: started once, the engine loaded, a process of its own forked for each source.

To start one takes a quarter of a second, to fork one a few milliseconds. Each child begins from the same untouched
state and ends with its source, as if it had been started for it.
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
from pathlib import Path
from typing import Any, Final

_COMPILER: Final = Path(__file__).with_name("compiler.py")
_COMMAND: Final = (sys.executable, "-I", "-B", "-W", "ignore", str(_COMPILER))
MOST: Final = 2
"""At work at the same time; others wait."""


class Warm:
    """At most ``MOST`` compilers of this process, safe for threads and for processes that fork."""

    def __init__(self) -> None:
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        atexit.register(self.close)

    def _begin(self) -> None:
        self._slots = threading.BoundedSemaphore(MOST)
        self._idle: list[subprocess.Popen[bytes]] = []

    def close(self) -> None:
        """End those that wait."""
        while self._idle:
            _end(self._idle.pop())

    def run(self, source: str, seconds: float) -> dict[str, Any] | None:
        """What the compiler answers; None when a limit stopped it, or ``seconds`` were over."""
        until = time.monotonic() + seconds
        with self._slots:
            try:
                compiler = self._take()
            except OSError:
                return None
            try:
                answer = _ask(compiler, json.dumps({"source": source}).encode() + b"\n", until)
            except (OSError, ValueError):
                answer = None
            if answer is None:
                _end(compiler)
                return None
            self._idle.append(compiler)
        return answer or None

    def _take(self) -> subprocess.Popen[bytes]:
        """One that waits, or a new one; those that went to sleep in the meantime are gone."""
        while self._idle:
            found = self._idle.pop()
            if found.poll() is None:
                return found
            _end(found)
        return subprocess.Popen(  # noqa: S603  our own file; sources go in by standard input
            _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={},
            bufsize=0, start_new_session=True,
        )  # fmt: skip


def _ask(compiler: subprocess.Popen[bytes], line: bytes, until: float) -> dict[str, Any] | None:
    """The answer, {} where a limit stopped the child; None where the compiler itself gave none in time."""
    assert compiler.stdin is not None
    assert compiler.stdout is not None
    os.set_blocking(compiler.stdin.fileno(), False)
    answer = bytearray()
    with selectors.DefaultSelector() as ready:
        ready.register(compiler.stdout, selectors.EVENT_READ)
        ready.register(compiler.stdin, selectors.EVENT_WRITE)
        while not answer.endswith(b"\n"):
            events = ready.select(max(0.0, until - time.monotonic()))
            if not events:
                return None
            for key, _ in events:
                if key.fileobj is compiler.stdin:
                    line = line[os.write(compiler.stdin.fileno(), line) :]
                    if not line:
                        ready.unregister(compiler.stdin)
                else:
                    part = os.read(compiler.stdout.fileno(), 1 << 20)
                    if not part:
                        return None
                    answer += part
    return dict(json.loads(answer))


def _end(compiler: subprocess.Popen[bytes]) -> None:
    """Kill it with whatever it forked."""
    with contextlib.suppress(OSError):
        os.killpg(compiler.pid, signal.SIGKILL)
    compiler.wait()
    for pipe in (compiler.stdin, compiler.stdout):
        if pipe is not None:
            pipe.close()
