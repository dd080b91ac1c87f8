"""The first sheet of a workbook as CSV, in a process of its own: bounded in memory, time and output.

    python -I sheets.py < workbook > rows.csv

``converting`` runs this file by its path, so it imports nothing of ours. Its exit status is one of the numbers below; a
process that a limit ended has another one. A kilobyte can name a cell so far out that the reader asks for more memory
than there is, and takes its process with it.
"""

from __future__ import annotations

import csv
import io
import os
import resource
import stat
import sys
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import IO, Any, Final

import python_calamine

DONE: Final = 0
NOT_OPENED: Final = 3
TOO_LARGE: Final = 4
LINKED: Final = 5
NO_WORKBOOK: Final = 6

MEMORY_OCTETS: Final = 1024 * 1024 * 1024
CPU_SECONDS: Final = 120
MOST_WRITTEN: Final = 2 * 1024 * 1024 * 1024
MOST_UNPACKED: Final = 2 * 1024 * 1024 * 1024
"""Octets that a workbook may have once it is unpacked."""
MOST_PARTS: Final = 2_000
PACKED_TIGHT: Final = 200
"""So many times its packed size no list of people has; where a part is larger than ``LARGE``, it is a bomb."""
LARGE: Final = 32 * 1024 * 1024
_HEAD: Final = 4096
_ZIP: Final = b"PK\x03\x04"
_END: Final = b"PK\x05\x06"
_END_AT_MOST: Final = 22 + 0xFFFF


class Refused(Exception):
    """Carries the exit status."""


def look_at_parts(file: IO[bytes]) -> None:
    """Refuse what is made to harm before anything is unpacked; ``file`` is a ZIP.

    Raises:
        Refused: no workbook, a bomb, names that lead out of it, a document type, or values from other workbooks.
    """
    if _count_parts(file) > MOST_PARTS:
        raise Refused(TOO_LARGE)
    with zipfile.ZipFile(file) as packed:
        parts = packed.infolist()
        if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED or any(map(_is_bomb, parts)):
            raise Refused(TOO_LARGE)
        if any(map(_leads_out, parts)):
            raise Refused(NOT_OPENED)
        if not any(part.filename.startswith(("xl/", "content.xml")) for part in parts):
            raise Refused(NO_WORKBOOK)
        if any(part.filename.startswith("xl/externalLinks/") for part in parts):
            raise Refused(LINKED)
        for part in parts:
            if part.filename.endswith((".xml", ".rels")) and not part.filename.startswith("META-INF/"):
                with packed.open(part) as text:
                    if b"<!DOCTYPE" in text.read(_HEAD):
                        raise Refused(NOT_OPENED)


def _count_parts(file: IO[bytes]) -> int:
    """As its end says, so that a million names are not read first."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - _END_AT_MOST, 0))
    tail = file.read()
    end = tail.rfind(_END)
    return int.from_bytes(tail[end + 10 : end + 12], "little") if end >= 0 else 0


def _is_bomb(part: zipfile.ZipInfo) -> bool:
    return part.file_size > LARGE and part.file_size > PACKED_TIGHT * part.compress_size


def _leads_out(part: zipfile.ZipInfo) -> bool:
    name = part.filename.replace("\\", "/")
    return name.startswith("/") or ":" in name or ".." in name.split("/") or stat.S_ISLNK(part.external_attr >> 16)


def rows(file: IO[bytes]) -> Iterator[list[str]]:
    """The cells of the first sheet."""
    file.seek(0)
    sheet = python_calamine.load_workbook(file).get_sheet_by_index(0)
    for row in sheet.iter_rows():
        yield [cell(value) for value in row]


def cell(value: Any) -> str:
    """A value as a sheet of text would have it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if not isinstance(value, timedelta) else str(value.total_seconds())


def main() -> int:
    """Write the sheet; the exit status."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_OCTETS, MEMORY_OCTETS))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_WRITTEN, MOST_WRITTEN))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    file = sys.stdin.buffer
    try:
        if file.read(len(_ZIP)) == _ZIP:
            look_at_parts(file)
        out = io.TextIOWrapper(sys.stdout.buffer, "utf-8", errors="replace", newline="")
        csv.writer(out).writerows(rows(file))
        out.flush()
    except Refused as refused:
        return int(refused.args[0])
    except MemoryError:
        return TOO_LARGE
    except (python_calamine.CalamineError, zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return NOT_OPENED
    return DONE


if __name__ == "__main__":
    os._exit(main())
