"""Workbooks and address cards, written as rows of text before they are kept: one reader knows one kind of file."""

from __future__ import annotations

import csv
import io
import quopri
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Final

from app.imports import sheets
from app.imports.dialects import Unreadable

_ZIP: Final = b"PK\x03\x04"
_OLD_WORKBOOK: Final = b"\xd0\xcf\x11\xe0"
_CARD: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*BEGIN:VCARD", re.IGNORECASE)
_SPOOLED: Final = 8 * 1024 * 1024
_CARD_COLUMNS: Final = ("email", "first name", "last name", "language", "company", "tags")
_PREFERRED: Final = re.compile(r"(?:TYPE=)?(?:[^,]*,)*PREF(?:,.*)?|PREF=1", re.IGNORECASE)
_COMMAND: Final = (sys.executable, "-I", sheets.__file__)
_SECONDS: Final = 2 * sheets.CPU_SECONDS
_TOO_LARGE: Final = "This workbook is too large. Save its sheet as CSV and give that."
_FAULTS: Final = {
    sheets.NOT_OPENED: "This workbook cannot be opened. Save its sheet as CSV and give that.",
    sheets.NO_WORKBOOK: "This is an archive. Unpack it, and give its files one by one: CSV or workbooks.",
    sheets.LINKED: "This workbook takes values from other workbooks. Save its sheet as CSV and give that.",
}  # fmt: skip


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
        return _sheet(file)
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


def _sheet(file: IO[bytes]) -> IO[bytes]:
    """What is made to break its reader breaks a process of its own."""
    out = tempfile.TemporaryFile()  # noqa: SIM115  the caller closes it
    with tempfile.TemporaryFile() as book:
        shutil.copyfileobj(file, book)
        book.seek(0)
        try:
            done = subprocess.run(  # noqa: S603  our own file; what strangers made goes in by standard input
                _COMMAND, stdin=book, stdout=out, stderr=subprocess.DEVNULL, env={}, timeout=_SECONDS, check=False
            )
            status = done.returncode
        except subprocess.TimeoutExpired:
            status = sheets.TOO_LARGE
    if status != sheets.DONE:
        out.close()
        raise Unreadable(_FAULTS.get(status, _TOO_LARGE))
    out.seek(0)
    return out


# --- Address cards (RFC 6350, and 2.1 and 3.0 as phones still write them) ------------------------------------------


def _card_rows(file: IO[bytes]) -> Iterator[Sequence[str]]:
    yield _CARD_COLUMNS
    card: dict[str, str] = {}
    for name, value, is_preferred in _properties(file):
        if name == "BEGIN":
            card = {}
        elif name == "END":
            yield _person(card)
        elif name not in card or is_preferred:  # most programs write the preferred one first
            card[name] = value


def _person(card: dict[str, str]) -> list[str]:
    last, first, *_ = [*_parts(card.get("N", "")), "", ""]
    if not first and not last:
        first, _, last = card.get("FN", "").rpartition(" ")
        first, last = (first, last) if first else (last, "")
    company = _plain(_parts(card.get("ORG", ""))[0])  # behind it stand its departments
    return [card.get("EMAIL", ""), _plain(first), _plain(last), card.get("LANG", ""), company, _plain(card.get("CATEGORIES", ""))]


def _properties(file: IO[bytes]) -> Iterator[tuple[str, str, bool]]:
    """Name, value, and whether it is the one that its person prefers."""
    for line in _unfolded(io.TextIOWrapper(file, "utf-8-sig", errors="replace", newline=None)):
        head, colon, value = line.partition(":")
        if not colon:
            continue
        name, *parameters = head.split(";")
        if any("QUOTED-PRINTABLE" in one.upper() for one in parameters):
            value = _decoded(quopri.decodestring(value.encode()), parameters)
        is_preferred = any(_PREFERRED.fullmatch(one.strip()) for one in parameters)
        yield name.rpartition(".")[2].strip().upper(), value.strip(), is_preferred


def _decoded(octets: bytes, parameters: Iterable[str]) -> str:
    told = (one.partition("=") for one in parameters)
    charset = next((value for name, _, value in told if name.strip().upper() == "CHARSET"), "utf-8")
    try:
        return octets.decode(charset, errors="replace")
    except (LookupError, ValueError):  # no such charset, or one that cannot replace what it cannot read
        return octets.decode(errors="replace")


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
