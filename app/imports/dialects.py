"""How rows of cells are written: what parts them, what quotes them, what backslashes mean. Told from the text, or chosen."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from app.kernel import csvs

MOST_CELL: Final = 10_000
"""Characters of a cell."""
DELIMITERS: Final = {
    "comma": (",", "Comma"), "semicolon": (";", "Semicolon"), "tab": ("\t", "Tab"), "bar": ("|", "Bar |"),
    "caret": ("^", "Caret ^"), "tilde": ("~", "Tilde ~"), "unit": ("\x1f", "Unit separator"), "colon": (":", "Colon"),
}  # fmt: skip
"""Characters and what people call them, by the name that a form has for them."""
_USUAL: Final = (",", ";", "\t", "|")
_RARE: Final = ("^", "~", "\x1f", ":")
"""Looked for where none of the others parts anything: a time of day has colons, too."""
QUOTES: Final = {
    "double": ('"', False, 'Double: "Lund, Mara"'),
    "double-escaped": ('"', True, 'Double, with backslashes: "Mara \\"M\\" Lund"'),
    "single": ("'", False, "Single: 'Lund, Mara'"),
    "single-escaped": ("'", True, "Single, with backslashes: 'Mara O\\'Hara'"),
    "none": ("", False, "None"),
    "none-escaped": ("", True, "None, with backslashes: Lund\\, Mara"),
}
"""The sign, whether backslashes escape, and what people call it, by the name that a form has for it."""
_SAID: Final = re.compile(r"sep=([^\r\n]?)\s*", re.IGNORECASE)
"""A first line by which spreadsheets are told the delimiter."""
_LOOKED_AT: Final = 50
_LONGEST_FIELD: Final = 131_072
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "0": "\0"}
"""What a letter behind a backslash stands for, where databases write it."""
Cells = list[str]


class Unreadable(ValueError):
    """No file of rows, or no row; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Dialect:
    r"""How cells are written.

    Attributes:
        delimiter: between cells.
        quote: around them; empty: none.
        has_escapes: a backslash takes the next sign as it is, and ``\N`` is an empty cell, as databases write it.
    """

    delimiter: str
    quote: str = '"'
    has_escapes: bool = False


def label_of(dialect: Dialect) -> tuple[str, str]:
    """What people call its delimiter and its quotes."""
    known = dict(DELIMITERS.values())
    quotes = {(sign, has_escapes): label for sign, has_escapes, label in QUOTES.values()}
    return known.get(dialect.delimiter, dialect.delimiter), quotes[dialect.quote, dialect.has_escapes]


def guess(text: str, *, delimiter: str = "", quotes: str = "") -> Dialect:
    """How a text's first rows are written: so that most have the same number of cells, and no quote is left over.

    Args:
        text: its beginning, not empty.
        delimiter: its name where somebody knows better; empty: told from the text.
        quotes: so, too.
    """
    lines = text.splitlines(keepends=True)
    said = _SAID.fullmatch(lines[0])
    head = "".join(lines[1 if said else 0 :][:_LOOKED_AT])
    known = DELIMITERS[delimiter][0] if delimiter else said[1] if said else ""
    names = [quotes] if quotes else [name for name in QUOTES if _may_be(name, head)]
    found = [_with_delimiter(head, known, *QUOTES[name][:2]) for name in names]
    # The first of those that fit best: double quotes are usual, and a backslash is mostly no more than that.
    best = max(found, key=partial(_evenness, head))
    if quotes:
        return best
    return next((one for one in found if _evenness(head, one) == _evenness(head, best) and _is_shown(head, one)), best)


def without_said(lines: Iterable[str]) -> Iterator[str]:
    """The lines behind a first one that only says the delimiter, be it ours or not."""
    rest = iter(lines)
    first = next(rest, None)
    if first is not None and not _SAID.fullmatch(first):
        yield first
    yield from rest


def _may_be(name: str, head: str) -> bool:
    quote, has_escapes, _ = QUOTES[name]
    return quote != "" and (quote == '"' or quote in head) and ("\\" in head or not has_escapes)


def _with_delimiter(head: str, known: str, quote: str, has_escapes: bool) -> Dialect:
    """By the delimiter that parts most rows into the same number of cells, more than one if it can be."""
    if known:
        return Dialect(known, quote, has_escapes)

    def fits(delimiter: str) -> tuple[int, int]:
        counts = _widths(head, Dialect(delimiter, quote, has_escapes))
        width = _most_frequent(counts)
        return (counts.count(width) if width > 1 else 0, width)

    usual = max(_USUAL, key=fits)
    return Dialect(usual if fits(usual)[0] else max((usual, *_RARE), key=fits), quote, has_escapes)


def _widths(head: str, dialect: Dialect, *, strict: bool = False) -> list[int]:
    rows = parse(io.StringIO(head, newline=""), dialect, strict=strict)
    return [len(row) for row in rows if isinstance(row, list) and any(row)]


def _most_frequent(counts: list[int]) -> int:
    return max(set(counts), key=counts.count) if counts else 1


def _evenness(head: str, dialect: Dialect) -> int:
    counts = _widths(head, dialect, strict=True)
    return counts.count(_most_frequent(counts))


def _is_shown(head: str, dialect: Dialect) -> bool:
    """Whether the text itself has more of a dialect than that it fits: cells in single quotes, or empty ones of a database."""
    delimiter = re.escape(dialect.delimiter)
    if dialect.has_escapes and re.search(_null(delimiter), head, re.MULTILINE) is None:
        return False
    if dialect.quote == '"':
        return dialect.has_escapes
    begun = len(re.findall(rf"(?:^|{delimiter}) *'", head, re.MULTILINE))
    ended = len(re.findall(rf"' *(?={delimiter}|[\r\n]|\Z)", head))
    is_double = re.search(rf'(?:^|{delimiter}) *"', head, re.MULTILINE) is not None
    return begun == ended > 0 and not is_double


def _null(delimiter: str) -> str:
    return rf"(?:^|(?<={delimiter}))\\N(?={delimiter}|[\r\n]|\Z)"


def parse(text: Iterable[str], dialect: Dialect, *, strict: bool = False) -> Iterator[Cells | Unreadable]:
    """Rows of lines, or why a row cannot be read.

    Args:
        text: lines with their ends.
        dialect: how they are written.
        strict: a quote that stands where none can is no row.
    """
    reader = csv.reader(
        _unescaped(text, dialect) if dialect.has_escapes else text,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        escapechar="\\" if dialect.has_escapes else None,
        skipinitialspace=dialect.delimiter != "\t",
        strict=strict,
    )
    csv.field_size_limit(_LONGEST_FIELD)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield Unreadable("has a cell that does not end, or is far too long")
            continue
        cells = [cell.strip() for cell in row]
        if any(len(cell) > MOST_CELL for cell in cells):
            yield Unreadable(f"has a cell of more than {MOST_CELL:,} characters")
        else:
            yield [csvs.unsafe(cell) if cell[:1] == "'" else cell for cell in cells]


def _unescaped(text: Iterable[str], dialect: Dialect) -> Iterator[str]:
    """Lines whose backslashes stand before the sign itself, without the mark of empty cells."""
    escape = re.compile(rf"(?P<null>{_null(re.escape(dialect.delimiter))})|\\(?P<sign>.)", re.DOTALL)

    def plain(found: re.Match[str]) -> str:
        sign = found["sign"]
        return "" if sign is None else "\\" + _CONTROLS.get(sign, sign)

    for line in text:
        yield escape.sub(plain, line) if "\\" in line else line
