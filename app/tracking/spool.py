"""The last resort: a file of this machine, for hits that came while neither Redis nor PostgreSQL answered.

One line a hit. Processes share the file under a lock. It is bounded; what does not fit is lost and shows as a gap.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)
LIMIT_BYTES: Final = 16 * 1024 * 1024
"""About 60,000 hits."""


class Spool:
    """The file of one installation in ``folder``."""

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._path = folder / "spool.jsonl"
        self._limit = limit_bytes

    def add(self, lines: Sequence[bytes]) -> int:
        """Append lines; how many of the first there is room for, none when the file cannot be written."""
        taken = 0
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                size = os.fstat(file.fileno()).st_size
                for line in lines:
                    size += len(line) + 1
                    if size > self._limit:
                        break
                    taken += 1
                file.write(b"".join(line + b"\n" for line in lines[:taken]))
        except OSError as error:
            log.warning("the spool of signals cannot be written: %s", error.__class__.__name__)
            return 0
        return taken

    def drain(self, keep: Callable[[list[bytes]], None]) -> int:
        """Give all lines to ``keep`` and empty the file once it returns; how many there were.

        When ``keep`` raises, the file stays as it is.
        """
        try:
            file = self._path.open("r+b")
        except FileNotFoundError:
            return 0
        with file:
            if os.fstat(file.fileno()).st_size == 0:
                return 0
            fcntl.flock(file, fcntl.LOCK_EX)
            lines = file.read().splitlines()
            keep(lines)
            file.truncate(0)
        return len(lines)

    def count(self) -> int:
        """Lines that wait."""
        try:
            return self._path.read_bytes().count(b"\n")
        except FileNotFoundError:
            return 0
