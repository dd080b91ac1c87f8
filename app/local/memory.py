"""How much of the machine's memory PostgreSQL may keep pages in: its own default of 128 MB is for the smallest machines."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

MEGABYTE: Final = 1024 * 1024
_LIMITS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_LEAST: Final = 128
_MOST: Final = 2048
"""Megabytes. The rest is the workers', the web server's, and the system's own cache of the same files."""


def machine_bytes() -> int:
    """Of the machine, or of the container that this runs in where that has less."""
    have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([have, *(limit for path in _LIMITS if (limit := _limit_in(path)))])


def _limit_in(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None  # there is no such file, or it says "max"


def settings_for(memory_bytes: int) -> dict[str, str]:
    """PostgreSQL's settings for a machine of so many bytes that it shares with all of Nod."""
    eighth = memory_bytes // 8 // MEGABYTE
    return {
        "shared_buffers": f"{min(max(eighth, _LEAST), _MOST)}MB",
        "effective_cache_size": f"{max(4 * eighth, 4 * _LEAST)}MB",
    }
