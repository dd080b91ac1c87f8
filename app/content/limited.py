"""Work on what strangers made, in a process of its own: JSON in, JSON out, bounded in memory, time and output.

    python -I limited.py PROGRAM

`app.content.warm` runs this file by its path, so it imports nothing but the standard library. PROGRAM is a file of the
same kind: ``load()`` brings what all of its work needs, ``work(asked)`` answers one question, and ``MEMORY_OCTETS`` and
``CPU_SECONDS`` are the share of one answer.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import resource
import signal
import sys
from types import ModuleType
from typing import Final

IDLE_SECONDS: Final = 120
"""A process that nobody asks for so long gives its memory back."""


def program_of(path: str) -> ModuleType:
    """The program in a file."""
    spec = importlib.util.spec_from_file_location("program", path)
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return program


def work_once(program: ModuleType, line: bytes) -> None:
    """Answer one question within limits, on standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (program.MEMORY_OCTETS, program.MEMORY_OCTETS))
    resource.setrlimit(resource.RLIMIT_CPU, (program.CPU_SECONDS, program.CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    gc.disable()  # what is left over goes with the process
    answer = memoryview(json.dumps(program.work(json.loads(line))).encode() + b"\n")
    while answer:
        answer = answer[os.write(sys.stdout.fileno(), answer) :]


def main(path: str) -> None:
    """One line of standard input after the other, each in a process of its own; ends when nobody asks for a while.

    An answer is one line, too: ``{}`` where a limit ended the process.
    """
    program = program_of(path)
    program.load()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(IDLE_SECONDS)
    while line := sys.stdin.buffer.readline():
        signal.alarm(0)
        child = os.fork()
        if not child:
            try:
                work_once(program, line)
            finally:
                os._exit(1 if sys.exc_info()[0] else 0)
        _, status = os.waitpid(child, 0)
        if status:
            os.write(sys.stdout.fileno(), b"{}\n")
        signal.alarm(IDLE_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1])
