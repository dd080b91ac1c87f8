"""Files of rows as people have them: any delimiter, encoding and quoting; CSV or JSON Lines. What is odd costs a row."""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import IO, Any, Final

from app.imports import dialects, numerals
from app.imports.dialects import Cells, Dialect, Unreadable
from app.imports.rules import MOST_COLUMNS

SNIFFED: Final = 64 * 1024
"""Octets from which the layout is told."""
SAMPLE_ROWS: Final = 5
ENCODINGS: Final = {
    "utf-8-sig": "UTF-8", "utf-16": "UTF-16", "utf-16-le": "UTF-16, little end first", "utf-16-be": "UTF-16, big end first",
    "cp1252": "Windows (western)", "cp1250": "Windows (central)", "cp1251": "Windows (Cyrillic)", "cp1253": "Windows (Greek)",
    "cp1254": "Windows (Turkish)", "cp1255": "Windows (Hebrew)", "cp1256": "Windows (Arabic)", "cp1257": "Windows (Baltic)",
    "iso8859-15": "ISO 8859-15", "koi8-r": "KOI8-R", "mac-roman": "Macintosh", "cp437": "DOS", "cp850": "DOS (western)",
    "cp932": "Shift JIS", "gb18030": "GB 18030", "big5": "Big5", "cp949": "Korean",
}  # fmt: skip
"""The first of those that fit is taken; of the one-octet ones nobody can tell, so people choose."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is written.

    Attributes:
        kind: ``csv`` or ``jsonl``.
        encoding: as Python names it.
        delimiter: between cells; empty for JSON Lines.
        columns: their headings, or "Column 1" and so on where it has none.
        has_heading: its first row tells the columns.
        sample: the first rows behind it.
        quote: around cells; empty: none.
        has_escapes: backslashes escape.
        decimals: which sign begins the decimals of numbers, column by column (``numerals.decide``).
        by_hand: what of it somebody has chosen (``encoding``, ``delimiter``, ``quotes``), by the name of their choice.
    """

    kind: str
    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    has_heading: bool
    sample: tuple[tuple[str, ...], ...]
    quote: str = '"'
    has_escapes: bool = False
    by_hand: dict[str, str] = field(default_factory=dict)
    decimals: tuple[str, ...] = ()

    @property
    def dialect(self) -> Dialect:
        """How its cells are written."""
        return Dialect(self.delimiter, self.quote, self.has_escapes)

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self) | {"sample": [[cell.replace("\0", "\ufffd") for cell in row] for row in self.sample]}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Layout:
        """From what ``to_json`` wrote."""
        return cls(
            **{
                **plain,
                "columns": tuple(plain["columns"]),
                "sample": tuple(map(tuple, plain["sample"])),
                "decimals": tuple(plain.get("decimals", ())),
            }
        )


def sniff(head: bytes, *, is_whole: bool, encoding: str = "", delimiter: str = "", quotes: str = "") -> Layout:
    """How a file is written, from its first octets.

    Args:
        head: at most ``SNIFFED`` of them.
        is_whole: there are no more.
        encoding: of ``ENCODINGS``, where somebody knows better; empty: told from the octets.
        delimiter: of ``dialects.DELIMITERS``; so, too.
        quotes: of ``dialects.QUOTES``; so, too.

    Raises:
        Unreadable: it is empty, no text, or has no rows.
    """
    chosen = {"encoding": encoding, "delimiter": delimiter, "quotes": quotes}
    by_hand = {name: value for name, value in chosen.items() if value}
    encoding = encoding or _encoding(head)
    text = _text(head, encoding, is_whole=is_whole)
    if not text.strip():
        raise Unreadable("This file is empty.")
    if text.lstrip()[0] == "{" and not delimiter and not quotes:
        return replace(_sniff_json(text, encoding, is_whole=is_whole), by_hand=by_hand)
    dialect = dialects.guess(text, delimiter=delimiter, quotes=quotes)
    lines = dialects.without_said(io.StringIO(text, newline=""))
    rows = [row for row in dialects.parse(lines, dialect) if isinstance(row, list) and any(row)]
    if not is_whole and len(rows) > 1:
        rows.pop()  # it may be cut in the middle
    if not rows:
        raise Unreadable("This file has no rows. Save it as CSV, with one person a line.")
    if len(rows[0]) > MOST_COLUMNS:
        raise Unreadable(f"This file has more than {MOST_COLUMNS} columns. Leave out those that are not needed.")
    has_heading = not any("@" in cell for cell in rows[0])
    columns = [cell.replace("\0", "") or f"Column {number}" for number, cell in enumerate(rows[0], 1)]
    if not has_heading:
        columns = [f"Column {number}" for number in range(1, len(rows[0]) + 1)]
    people = rows[1 if has_heading else 0 :]
    decimals = tuple(numerals.decide(row[n] for row in people if n < len(row)) for n in range(len(columns)))
    return Layout(
        "csv", encoding, dialect.delimiter, tuple(columns), has_heading, tuple(map(tuple, people[:SAMPLE_ROWS])),
        dialect.quote, dialect.has_escapes, by_hand, decimals,
    )  # fmt: skip


def _sniff_json(text: str, encoding: str, *, is_whole: bool) -> Layout:
    lines = text.splitlines()
    if not is_whole and len(lines) > 1:
        lines.pop()
    found = [plain for line in lines if isinstance(plain := _object(line), dict) and "\0" not in "".join(plain)]
    if not found:
        raise Unreadable("This file begins like JSON Lines and has no object on a line of its own.")
    columns = tuple(dict.fromkeys(key for plain in found for key in plain))
    if len(columns) > MOST_COLUMNS:
        raise Unreadable(f"This file has more than {MOST_COLUMNS} keys. Leave out those that are not needed.")
    sample = [tuple(_cell(plain.get(name)) for name in columns) for plain in found[:SAMPLE_ROWS]]
    decimals = tuple(_decimal_of([plain.get(name) for plain in found]) for name in columns)
    return Layout("jsonl", encoding, "", columns, True, tuple(sample), decimals=decimals)


def _decimal_of(values: Sequence[Any]) -> str:
    """JSON writes its own numbers with a dot; in texts there can be anything."""
    told = {numerals.DOT} if any(isinstance(one, int | float) and not isinstance(one, bool) for one in values) else set()
    told.add(numerals.decide(one for one in values if isinstance(one, str)))
    told.discard(numerals.NONE)
    return told.pop() if len(told) == 1 else numerals.EITHER if told else numerals.NONE


def _encoding(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head[1::2].count(0) > len(head) // 4:
        return "utf-16-le"
    if head[::2].count(0) > len(head) // 4:
        return "utf-16-be"
    if head.count(0) > len(head) // 100:
        raise Unreadable("This is no text. Save the sheet as CSV, in UTF-8.")
    try:
        codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _text(head: bytes, encoding: str, *, is_whole: bool) -> str:
    return codecs.getincrementaldecoder(encoding)(errors="replace").decode(head, final=is_whole)


def rows(file: io.RawIOBase, layout: Layout) -> Iterator[Cells | Unreadable]:
    """Each row with something in it: its cells in the order of the columns, or why it cannot be read.

    Args:
        file: from its beginning.
        layout: how it is written.
    """
    encoding = "utf-16" if layout.encoding == "utf-16" else layout.encoding
    text = io.TextIOWrapper(io.BufferedReader(file, 256 * 1024), encoding, errors="replace", newline="")
    if layout.kind == "jsonl":
        yield from _json_rows(text, layout.columns)
        return
    found = dialects.parse(dialects.without_said(text), layout.dialect)
    if layout.has_heading:
        _skip_heading(found)
    width = len(layout.columns)
    for row in found:
        if isinstance(row, Unreadable):
            yield row
        elif any(row):
            if len(row) > width and any(row[width:]):
                yield Unreadable(f"has {len(row)} cells where the heading has {width}")
            else:
                yield row[:width] + [""] * (width - len(row))


def _skip_heading(found: Iterator[Cells | Unreadable]) -> None:
    for row in found:
        if isinstance(row, Unreadable) or any(row):
            return


def _json_rows(text: IO[str], columns: Sequence[str]) -> Iterator[Cells | Unreadable]:
    for line in text:
        if not line.strip():
            continue
        plain = _object(line)
        if isinstance(plain, Unreadable):
            yield plain
        else:
            yield [_cell(plain.get(name)) for name in columns]


def _object(line: str) -> dict[str, Any] | Unreadable:
    try:
        plain = json.loads(line)
    except (ValueError, RecursionError):
        return Unreadable("is no JSON object")
    return plain if isinstance(plain, dict) else Unreadable("is no JSON object")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_cell(one) for one in value if not isinstance(one, list | dict))
    # JSON can write half of a character, which no text can hold.
    return str(value).strip().encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def as_json(cells: Sequence[str]) -> str:
    """Cells as they are stored, lone surrogates and all written so that they can be."""
    return json.dumps([cell.encode("utf-8", "replace").decode() for cell in cells], ensure_ascii=False)
