"""Patterns of SQL's LIKE."""

from __future__ import annotations


def like(text: str) -> str:
    """Text as a LIKE pattern that matches exactly it: %, _ and the escape sign itself are letters."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
