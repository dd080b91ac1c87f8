"""What people did and were answered, in a file that only grows."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID


@dataclass(frozen=True)
class Act:
    """A no that was answered: whose, and when by the wall clock."""

    what: str
    contact_id: UUID
    wall: float


class Acts:
    """The log of acts; whoever acts writes here once the answer has come."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def answered(self, what: str, contact_id: UUID) -> None:
        line = json.dumps({"what": what, "who": str(contact_id), "w": time.time()})
        os.write(self._file, line.encode() + b"\n")

    def read(self) -> list[Act]:
        lines = self._path.read_text().splitlines()
        return [Act(one["what"], UUID(one["who"]), one["w"]) for one in map(json.loads, lines)]

    def close(self) -> None:
        os.close(self._file)
