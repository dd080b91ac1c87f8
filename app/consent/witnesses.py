"""Signed days that somebody keeps outside the ledger: what a history written anew cannot agree with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID

_folders: list[Path] = []


@dataclass(frozen=True, slots=True)
class KeptDay:
    """What a file says of one signed day; ``where`` names the file."""

    workspace_id: UUID
    day: date
    seal_no: int
    seal_hash: bytes
    where: str


def look_into(folder: Path) -> None:
    """Whoever exports signed days into folders of this machine tells here where they lie."""
    _folders[:] = [folder]


def kept_days(more: Iterable[Path] = ()) -> Iterator[KeptDay]:
    """The days in those folders, and in further files and folders (``*.json``).

    Raises:
        ValueError: a file that was named cannot be read; it says which.
    """
    for folder in _folders:
        yield from _in_files(sorted(folder.rglob("*.json")) if folder.is_dir() else ())
    for place in more:
        yield from _in_files(sorted(place.rglob("*.json")) if place.is_dir() else (place,))


def _in_files(paths: Iterable[Path]) -> Iterator[KeptDay]:
    for path in paths:
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            for day in told["days"]:
                yield KeptDay(
                    UUID(told["workspace"]), date.fromisoformat(day["day"]), int(day["seal"]),
                    bytes.fromhex(day["hash"]), path.name,
                )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError) as fault:
            raise ValueError(f"{path}: it holds no signed days ({fault.__class__.__name__}).") from None
