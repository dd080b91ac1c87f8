"""Pure decisions about tags: how a word is written, and when two are the same."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from app.contacts.rules import fold_name

MAX_WORD: Final = 40
MAX_TAGS: Final = 1_000
"""In a workspace: a list that people choose from."""
MAX_EACH: Final = 50
"""On one person."""
_BETWEEN: Final = re.compile(r"[,;|]")


def read(raw: str) -> dict[str, str]:
    """The tags that somebody wrote, by their fold: several of them apart by comma, semicolon or bar.

    Raises:
        ValueError: one is too long or cannot be printed; says what to do.
    """
    parts = (part.strip().strip('"') for part in _BETWEEN.split(raw))  # some services quote each in their files
    return fold(part for part in parts if part)


def fold(words: Iterable[str]) -> dict[str, str]:
    """Each word as it is written, by what makes two the same: ``VIP`` and ``vip`` are one tag.

    Raises:
        ValueError: one is empty or too long, cannot be printed, or holds what stands between tags.
    """
    found: dict[str, str] = {}
    for raw in words:
        word = " ".join(raw.split())
        if not word or len(word) > MAX_WORD:
            raise ValueError(f"Write a tag of at most {MAX_WORD} characters.")
        if not word.isprintable() or _BETWEEN.search(word):
            raise ValueError("Write a tag in letters, digits and spaces, without commas.")
        found.setdefault(fold_name(word) or word, word)
    return found
