"""Quoted-printable with holes: a letter is encoded once, and what differs from reader to reader is put in afterwards.

Beyond RFC 2045: no line begins with a dot, so none needs stuffing on the wire; no run of white space and none at a
line's end is left as it is, so the encoded body is its own canonical form for DKIM ("relaxed", RFC 6376 3.4.4).
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

ROOM: Final = 75
"""Octets of a line beside the "=" of a soft break."""
_SOFT: Final = b"=\r\n"
_PLAIN = re.compile(r"[!-\-/-<>-~][!-<>-~]*(?: [!-<>-~]+)*")
"""A word or several that stand as they are; the first letter is no dot."""
_NEEDS_CARE = re.compile(rb"  |\t|\r|^\.|\n\.")
"""What the library's encoder leaves as it is, and we do not."""
_FULL_WITH_SPACE = re.compile(rb"(?m)^([^\n]{74,75})=20$")
_SAFE: Final = frozenset(range(33, 127)) - {ord("=")}


@dataclass(frozen=True, slots=True)
class Hole:
    """A place for encoded octets; ``width`` is their number where it is known, and then lines are broken for it."""

    name: object
    width: int | None = None


class Quoter:
    """Encodes text piece by piece; ``pieces`` are octets and holes in turn."""

    def __init__(self) -> None:
        self.pieces: list[bytes | Hole] = []
        self._line = bytearray()
        self._column = 0
        self._is_after_space = False
        self._is_after_hole = False

    def text(self, text: str) -> None:
        """Add text; its newlines are line ends.

        Raises:
            UnicodeEncodeError: for half a surrogate pair.
        """
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for index, line in enumerate(lines):
            if index:
                self._end_line()
            self._words(line)

    def hole(self, hole: Hole) -> None:
        """Leave a place."""
        if hole.width is None:
            if self._column or self._is_after_hole:
                self._soft()
            self._is_after_hole = True
        else:
            self._room(hole.width)
            self._column += hole.width
        self._flush()
        self.pieces.append(hole)
        self._is_after_space = False

    def end(self) -> list[bytes | Hole]:
        """The pieces."""
        self._guard_space()
        self._flush()
        return self.pieces

    def _words(self, line: str) -> None:
        octets = line.encode()
        for octet in octets:
            if octet in _SAFE:
                self._put(b"=2E" if octet == 0x2E and self._is_at_start(1) else bytes((octet,)))
            elif octet == 0x20 and not self._is_after_space:
                self._put(b" ")
                self._is_after_space = True
                continue
            else:
                self._put(b"=%02X" % octet)
            self._is_after_space = False

    def _is_at_start(self, width: int) -> bool:
        return self._is_after_hole or self._column == 0 or self._column + width > ROOM

    def _put(self, unit: bytes) -> None:
        self._room(len(unit))
        self._line += unit
        self._column += len(unit)

    def _room(self, width: int) -> None:
        if self._is_after_hole or self._column + width > ROOM:
            self._soft()

    def _soft(self) -> None:
        self._line += _SOFT
        self._column = 0
        self._is_after_hole = False

    def _end_line(self) -> None:
        self._guard_space()
        self._line += b"\r\n"
        self._column = 0
        self._is_after_hole = False

    def _guard_space(self) -> None:
        """White space at a line's end would be lost on the way."""
        if self._is_after_space:
            del self._line[-1:]
            self._column -= 1
            self._is_after_space = False
            self._put(b"=20")

    def _flush(self) -> None:
        if self._line:
            self.pieces.append(bytes(self._line))
            self._line.clear()


def quoted(octets: bytes) -> bytes:
    """As the library encodes lines, each at most 76 octets; newlines stay newlines."""
    made = binascii.b2a_qp(octets, istext=True)
    # The library forgets to break a full line before the space at its end, which it writes as three octets.
    return _FULL_WITH_SPACE.sub(rb"\1=\n=20", made) if b"=20\n" in made or made.endswith(b"=20") else made


def quote(value: str) -> bytes:
    """A value for a hole without width: it begins and ends a line of its own."""
    if len(value) <= ROOM and _PLAIN.fullmatch(value):
        return value.encode()
    octets = quoted(value.encode())
    if _NEEDS_CARE.search(octets) or len(octets) - octets.rfind(b"\n") - 1 > ROOM:
        quoter = Quoter()
        quoter.text(value)
        return b"".join(piece for piece in quoter.end() if isinstance(piece, bytes))
    return octets.replace(b"\n", b"\r\n")


def with_marks(text: str, marks: Iterable[str]) -> list[str | Hole]:
    """Text with a hole of the same width in place of each mark, which is also its name."""
    known = [re.escape(mark) for mark in marks]
    if not known:
        return [text]
    pieces = re.split(f"({'|'.join(known)})", text)
    return [
        Hole(piece, len(piece)) if index % 2 else piece for index, piece in enumerate(pieces) if piece
    ]


def split(octets: bytes, marks: Sequence[str]) -> list[bytes | Hole]:
    """The same for octets that are encoded already, such as header fields."""
    return [
        piece if isinstance(piece, Hole) else piece.encode("latin-1")
        for piece in with_marks(octets.decode("latin-1"), marks)
    ]
