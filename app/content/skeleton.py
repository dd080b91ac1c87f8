"""A version with everything merged that is the same for all readers of a mailing, so that only blanks are left.

Marks stand for words of a known length that differ from reader to reader and need no merging, such as the token
in a link: whoever encodes the letter finds them in it and puts the real ones there. A blank is what must be merged:
one tag about the reader, or one ``if`` or ``for`` that asks about them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.content.merge import Branch, Piece, Template

_GAP: Final = "\n" * 3
READERS_OWN: Final = ("contact", "permission")
"""The first words of the names that differ from reader to reader."""
_OPEN: Final = "\ue000"
_CLOSE: Final = "\ue001"
"""Private characters that stand for a blank while the text around it is tidied."""


@dataclass(frozen=True, slots=True, eq=False)
class Blank:
    """A place that is merged for each reader.

    Attributes:
        write: takes the reader's values; what it gives is escaped for its part of the mail.
        names: the dotted names of the reader's own values that decide what it gives.
        holds_marks: it may give marks, which are to be replaced like those around it.
        lines: in a text part: how many line ends stand before and after it; None at an edge of the text. None in
            other parts.
    """

    write: Callable[[Mapping[str, Any]], str]
    names: tuple[str, ...]
    holds_marks: bool
    lines: tuple[int | None, int | None] | None = None

    def fits(self, value: str) -> bool:
        """Whether the text around it is as tidy with this value in its place as it is without."""
        if value[-1:] == "\r":
            return False  # a newline behind it would be the same line's end
        if self.lines is None:
            return True
        before, after = self.lines
        if (before is None and value[:1].strip() == "") or (after is None and value[-1:].strip() == ""):
            return False
        whole = "\n" * (before or 0) + value + "\n" * (after or 0)
        return _GAP not in whole


Parts = tuple[str | Blank, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Skeleton:
    """Text and blanks of each part of a letter, in turn.

    Attributes:
        fixed: the values that all readers share; each reader's own come on top.
    """

    subject: Parts
    html: Parts
    text: Parts
    fixed: Mapping[str, Any]


def fold(template: Template, fixed: Mapping[str, Any], language: str) -> Parts:
    """The template with the shared values in it."""
    return _joined(_folded(template.pieces, fixed, language))


def _folded(pieces: Iterable[Piece], fixed: Mapping[str, Any], language: str) -> Iterator[str | Blank]:
    for piece in pieces:
        if not _is_readers_own(piece.names):
            yield piece.text if piece.text is not None else piece.render(fixed, language)
            continue
        chosen = _decided(piece, fixed, language)
        if chosen is None:
            yield _blank(piece, language)
        else:
            yield from _folded(chosen.pieces, fixed, language)


def _decided(piece: Piece, fixed: Mapping[str, Any], language: str) -> Branch | None:
    """The branch of an ``if`` that every reader gets; None where they differ."""
    for branch in piece.branches:
        if _is_readers_own(branch.names):
            return None
        if branch.holds(fixed, language):
            return branch
    return None


def tidy(parts: Parts, clean: Callable[[str], str]) -> Parts | None:
    """A text part after ``clean``, which closes gaps between lines; None where it cannot be done beforehand."""
    blanks = [part for part in parts if isinstance(part, Blank)]
    plain = [part for part in parts if isinstance(part, str)]
    if any(_OPEN in part or _CLOSE in part for part in plain):
        return None
    numbers = iter(range(len(blanks)))
    whole = "".join(part if isinstance(part, str) else f"{_OPEN}{next(numbers)}{_CLOSE}" for part in parts)
    made: list[str | Blank] = []
    for piece in clean(whole).split(_OPEN):
        number, found, rest = piece.partition(_CLOSE)
        if found:
            made.append(blanks[int(number)])
        made.append(rest if found else piece)
    return _with_lines(tuple(part for part in made if part != ""))


def _with_lines(parts: Parts) -> Parts:
    def ends(index: int, count: Callable[[str], int]) -> int | None:
        if not 0 <= index < len(parts):
            return None
        other = parts[index]
        if other == "\n" and index == len(parts) - 1:
            return None
        return len(_GAP) - 1 if isinstance(other, Blank) else count(other)

    return tuple(
        part
        if isinstance(part, str)
        else Blank(
            part.write,
            part.names,
            part.holds_marks,
            (
                ends(index - 1, lambda text: len(text) - len(text.rstrip("\n"))),
                ends(index + 1, lambda text: len(text) - len(text.lstrip("\n"))),
            ),
        )
        for index, part in enumerate(parts)
    )


def _is_readers_own(names: Iterable[str]) -> bool:
    return any(name.partition(".")[0] in READERS_OWN for name in names)


def _blank(piece: Piece, language: str) -> Blank:
    holds_marks = any(name.startswith(("links.", "nod.")) for name in piece.names)
    names = tuple(sorted(name for name in piece.names if name.partition(".")[0] in READERS_OWN))
    return Blank(lambda values: piece.render(values, language), names, holds_marks)


def _joined(parts: Iterable[str | Blank]) -> Parts:
    made: list[str | Blank] = []
    for part in parts:
        if isinstance(part, str) and made and isinstance(made[-1], str):
            made[-1] += part
        elif part != "":
            made.append(part)
    return tuple(made)
