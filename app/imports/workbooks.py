"""Rows as a workbook. It can only be written whole, so the rows wait as lines of JSON until all of them are there."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, Final, cast

import xlsxwriter

MAX_ROWS: Final = 1_048_575
"""Of a sheet, without its head; what is more goes on in another one."""
PIECE: Final = 1_000_000
_PLAIN: Final = {
    "constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
    "nan_inf_to_errors": True,
}  # fmt: skip


def lines(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows as they wait."""
    return "".join(f"{json.dumps(list(row), ensure_ascii=False)}\n" for row in rows).encode()


def write(columns: Sequence[str], waiting: Iterable[bytes]) -> Iterator[bytes]:
    """The workbook in pieces: every text as text, so that none is a formula, in as many sheets as it takes.

    Memory does not grow with the rows; they stand in a file on this machine meanwhile.
    """
    with tempfile.TemporaryFile() as file:
        _fill(file, columns, waiting)
        file.seek(0)
        while piece := file.read(PIECE):
            yield piece


def _fill(file: IO[bytes], columns: Sequence[str], waiting: Iterable[bytes]) -> None:
    book = xlsxwriter.Workbook(cast("str", file), dict(_PLAIN))
    head, number = book.add_format({"bold": True}), MAX_ROWS
    sheet = None
    for row in (json.loads(line) for octets in waiting for line in octets.splitlines()):
        if sheet is None or number >= MAX_ROWS:
            sheet, number = _sheet(book, columns, head), 0
        number += 1
        for column, value in enumerate(row):
            if value != "":
                sheet.write(number, column, value)
    if sheet is None:
        _sheet(book, columns, head)
    book.close()


def _sheet(book: Any, columns: Sequence[str], head: Any) -> Any:
    sheet = book.add_worksheet()
    sheet.freeze_panes(1, 0)
    for column, name in enumerate(columns):
        sheet.write(0, column, name, head)
    return sheet
