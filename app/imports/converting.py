"""Workbooks and address cards, written as rows of text before they are kept: one reader knows one kind of file."""

from __future__ import annotations

import csv
import io
import quopri
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import IO, Any, Final

import python_calamine

from app.imports.reading import Unreadable

_ZIP: Final = b"PK\x03\x04"
_OLD_WORKBOOK: Final = b"\xd0\xcf\x11\xe0"
_CARD: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*BEGIN:VCARD", re.IGNORECASE)
MOST_UNPACKED: Final = 2 * 1024 * 1024 * 1024
"""Octets that a workbook may have once it is unpacked."""
_SPOOLED: Final = 8 * 1024 * 1024
_CARD_COLUMNS: Final = ("email", "first name", "last name", "language")
_NOT_OPENED: Final = "This workbook cannot be opened. Save its sheet as CSV and give that."


def converted(file: IO[bytes]) -> IO[bytes] | None:
    """The file as CSV in UTF-8, where it is a workbook (its first sheet) or address cards; else None.

    Args:
        file: from its beginning, and there again afterwards.

    Raises:
        Unreadable: it looks like one and cannot be opened.
    """
    head = file.read(1024)
    file.seek(0)
    if head.startswith((_ZIP, _OLD_WORKBOOK)):
        return _written(_sheet_rows(file))
    if _CARD.match(head):
        return _written(_card_rows(file))
    return None


def _written(rows: Iterable[Sequence[str]]) -> IO[bytes]:
    out = tempfile.SpooledTemporaryFile(_SPOOLED)  # noqa: SIM115  the caller closes it
    text = io.TextIOWrapper(out, "utf-8", errors="replace", newline="", write_through=True)
    csv.writer(text).writerows(rows)
    text.detach()
    out.seek(0)
    return out


# --- Workbooks ---------------------------------------------------------------------------------------------------


def _sheet_rows(file: IO[bytes]) -> Iterator[list[str]]:
    _refuse_bombs(file)
    try:
        book = python_calamine.load_workbook(file)
        sheet = book.get_sheet_by_index(0)
        for row in sheet.iter_rows():
            yield [_cell(value) for value in row]
    except (python_calamine.CalamineError, OSError, ValueError) as fault:
        raise Unreadable(_NOT_OPENED) from fault


def _refuse_bombs(file: IO[bytes]) -> None:
    """Some kilobytes can be packed that unpack to the whole memory."""
    if file.read(4) == _ZIP:
        file.seek(0)
        try:
            with zipfile.ZipFile(file) as packed:
                whole = sum(one.file_size for one in packed.infolist())
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as fault:
            raise Unreadable(_NOT_OPENED) from fault
        if whole > MOST_UNPACKED:
            raise Unreadable("This workbook is too large. Save its sheet as CSV and give that.")
    file.seek(0)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if not isinstance(value, timedelta) else str(value.total_seconds())


# --- Address cards (RFC 6350, and 2.1 and 3.0 as phones still write them) ------------------------------------------


def _card_rows(file: IO[bytes]) -> Iterator[Sequence[str]]:
    yield _CARD_COLUMNS
    card: dict[str, str] = {}
    for name, value in _properties(file):
        if name == "BEGIN":
            card = {}
        elif name == "END":
            yield _person(card)
        elif name not in card:  # the preferred one comes first
            card[name] = value


def _person(card: dict[str, str]) -> list[str]:
    last, first, *_ = [*_parts(card.get("N", "")), "", ""]
    if not first and not last:
        first, _, last = card.get("FN", "").rpartition(" ")
        first, last = (first, last) if first else (last, "")
    return [card.get("EMAIL", ""), _plain(first), _plain(last), card.get("LANG", "")]


def _properties(file: IO[bytes]) -> Iterator[tuple[str, str]]:
    for line in _unfolded(io.TextIOWrapper(file, "utf-8-sig", errors="replace", newline=None)):
        head, colon, value = line.partition(":")
        if not colon:
            continue
        name, *parameters = head.split(";")
        if any("QUOTED-PRINTABLE" in one.upper() for one in parameters):
            value = quopri.decodestring(value.encode()).decode("utf-8", "replace")
        yield name.rpartition(".")[2].strip().upper(), value.strip()


def _unfolded(lines: io.TextIOWrapper) -> Iterator[str]:
    """A line that begins with a space, or follows one that ends with "=", goes on."""
    whole = ""
    for raw in lines:
        line = raw.rstrip("\n")
        if line[:1] in " \t" and whole:
            whole += line[1:]
        elif whole.endswith("=") and "QUOTED-PRINTABLE" in whole.upper():
            whole = whole[:-1] + line
        else:
            if whole:
                yield whole
            whole = line
    lines.detach()
    if whole:
        yield whole


def _parts(value: str) -> list[str]:
    return re.split(r"(?<!\\);", value)


def _plain(value: str) -> str:
    return re.sub(r"\\n", " ", value, flags=re.IGNORECASE).replace("\\,", ",").replace("\\;", ";").replace("\\\\", "\\").strip()
