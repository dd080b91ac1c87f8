"""What has changed from one version of a letter to another, in the words that readers see. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

_WORDS: Final = re.compile(r"\s+|[^\s]+")
_MOST_LINES: Final = 4_000


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text: ``change`` is same, gone or new."""

    change: str
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its pieces."""

    pieces: tuple[Piece, ...]

    @property
    def is_changed(self) -> bool:
        """Whether anything in it is not the same."""
        return any(piece.change != "same" for piece in self.pieces)


def compare(before: str, after: str) -> list[Line]:
    """The lines of both texts, with what is gone and what is new; beyond 4,000 lines nothing is looked at."""
    old, new = before.splitlines()[:_MOST_LINES], after.splitlines()[:_MOST_LINES]
    found: list[Line] = []
    for verb, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if verb == "equal":
            found += [Line((Piece("same", line),)) for line in old[a:b]]
        elif verb == "replace" and b - a == d - c:
            found += [Line(tuple(_pieces(one, other))) for one, other in zip(old[a:b], new[c:d], strict=True)]
        else:
            found += [Line((Piece("gone", line),)) for line in old[a:b]]
            found += [Line((Piece("new", line),)) for line in new[c:d]]
    return found


def around(lines: Sequence[Line], context: int = 2) -> list[Line | None]:
    """The changed lines with some before and after; None stands where others are left out."""
    near = {
        place
        for number, line in enumerate(lines)
        if line.is_changed
        for place in range(number - context, number + context + 1)
    }
    shown: list[Line | None] = []
    for number, line in enumerate(lines):
        if number in near:
            shown.append(line)
        elif shown and shown[-1] is not None:
            shown.append(None)
    return shown


def _pieces(before: str, after: str) -> Iterator[Piece]:
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    for verb, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if verb == "equal":
            yield Piece("same", "".join(old[a:b]))
            continue
        if b > a:
            yield Piece("gone", "".join(old[a:b]))
        if d > c:
            yield Piece("new", "".join(new[c:d]))
