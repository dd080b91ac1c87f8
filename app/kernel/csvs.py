"""Comma-separated files that go to and come from spreadsheets (RFC 4180): nothing in them is ever run as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

# What spreadsheets take for the beginning of a formula; the full-width ones are folded to plain ones by some.
_FORMULA: Final = frozenset("=+-@\t\r\n|%＝＋－＠")
_BOM: Final = "\ufeff"
MAX_CELL: Final = 2_000


class MalformedFile(ValueError):
    """Not a file of text in columns; the text says what to do."""


def safe(cell: str) -> str:
    """A cell that no spreadsheet runs: an apostrophe before what could begin a formula, also behind spaces or quotes."""
    return f"'{cell}" if cell.lstrip(" '\";")[:1] in _FORMULA and cell.strip() else cell


def unsafe(cell: str) -> str:
    """The cell as it was before ``safe``."""
    return cell[1:] if cell[:1] == "'" and safe(cell[1:]) == cell else cell


def write(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a file, the first behind a mark by which spreadsheets know UTF-8; every cell is safe and quoted."""
    yield _BOM
    for row in rows:
        line = io.StringIO()
        csv.writer(line, quoting=csv.QUOTE_ALL).writerow([safe(cell) for cell in row])
        yield line.getvalue()


def read(raw: bytes, limit: int) -> list[tuple[int, list[str]]]:
    """Rows with their line numbers (from 1); empty ones are left out. Commas, semicolons or tabs part the cells.

    Raises:
        MalformedFile: not UTF-8, a cell longer than MAX_CELL, or more than ``limit`` rows.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MalformedFile("Save the file as CSV in UTF-8.") from None
    if "\x00" in text:
        raise MalformedFile("Save the file as CSV in UTF-8.")
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    found: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            cells = [unsafe(cell.strip()) for cell in row]
            if any(len(cell) > MAX_CELL for cell in cells):
                raise MalformedFile(f"Line {reader.line_num} is too long to be one address.")
            if any(cells):
                found.append((reader.line_num, cells))
            if len(found) > limit:
                raise MalformedFile(f"Take at most {limit:,} lines at once.")
    except csv.Error:
        raise MalformedFile(f"Line {reader.line_num} cannot be read.") from None
    return found
