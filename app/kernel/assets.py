"""Static files: content-hashed URLs, so that they may be cached for ever."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "static"


def asset(name: str) -> str | None:
    """The URL of a static file, or None when it has not been built yet.

    Args:
        name: a path below ``static`` or ``static/built``.
    """
    for folder in ("", "built/"):
        path = FOLDER / folder / name
        if path.is_file():
            return f"/static/{folder}{name}?v={_digest(path, path.stat().st_mtime_ns)}"
    return None


@lru_cache(maxsize=256)
def _digest(path: Path, _changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
