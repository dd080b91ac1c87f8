"""A letter encoded once for a mailing, so that each reader's copy is put together from octets that are there.

A sheet holds for one mailing, interest and level of tracking. What differs from copy to copy is known beforehand:
tokens of a known length, the number in Message-ID and return path, the To field, and the blanks that only merging
can fill. Filling a sheet gives the mail that ``compose.write`` would make of the letter, part for part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from app.content.service import Blank, Parts, Skeleton, one_line
from app.delivery.dkim import Signer
from app.delivery.headers import address_field, text_field
from app.delivery.mime import MailParts, boundary_of, content_type, head, multipart
from app.delivery.quoting import Hole, Quoter, quote, split, with_marks

TO: Final = "To"
SUBJECT: Final = "Subject"
_KEPT: Final = 4096
LARGE: Final = 512 * 1024
"""Who fills in more gets a copy that is merged as a whole, which bounds it."""


class NeedsWhole(Exception):
    """This reader's copy has to be merged as a whole."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Words that stand in the sheet for a reader's own: each is found as it is and replaced by one of its length."""

    unsubscribe: str
    preferences: str
    why: str
    tracking: str
    number: str
    """The message's number; in the head only, so its word may have another length."""
    mailto: str
    """As ``number``."""

    def in_body(self) -> list[str]:
        """Those of links; longest first, so that none is found inside another."""
        return _longest_first(self.unsubscribe, self.preferences, self.why, self.tracking)

    def in_head(self) -> list[str]:
        """Those of the head."""
        return _longest_first(self.unsubscribe, self.mailto, self.number)


def _longest_first(*marks: str) -> list[str]:
    return sorted(set(marks), key=len, reverse=True)


class Sheet:
    """The octets of one letter with their holes; safe in threads once made.

    Attributes:
        needs_why: whether the copy names the page that says why.
    """

    __slots__ = ("_body", "_fillers", "_fixed", "_has_own_subject", "_head", "_marks", "_subject", "_whole", "needs_why")

    def __init__(self, skeleton: Skeleton, parts: MailParts, marks: Marks) -> None:
        """Encode it.

        Args:
            skeleton: with the marks in its links.
            parts: of the mail as it goes to the marks' reader; subject, text and html are the skeleton's.
            marks: what was used.
        """
        self._fixed = skeleton.fixed
        self._marks = marks
        self._subject = skeleton.subject
        has_own_subject = any(isinstance(part, Blank) for part in skeleton.subject)
        fields: list[bytes | Hole] = [*head(parts)]
        fields[2] = Hole(TO)
        fields[3] = (
            Hole(SUBJECT) if has_own_subject else text_field("Subject", _one_line(skeleton.subject, {}))
        )
        boundary = boundary_of(parts.message_id)
        self._head = _Frame([*fields, content_type(boundary)], marks.in_head())
        pieces = multipart(boundary, [b"\0text"], [b"\0html"])
        encoded: list[bytes | Hole] = []
        for piece in pieces:
            part = {b"\0text": skeleton.text, b"\0html": skeleton.html}.get(piece)
            encoded += _encoded(part, marks.in_body()) if part is not None else [piece]
        self._body = _Frame(encoded, ())
        self._whole = _Frame([*self._head.pieces, b"\r\n", *self._body.pieces], ())
        self._fillers = [_Filler(blank) for blank in self._body.blanks]
        self._has_own_subject = has_own_subject
        self.needs_why = self._head.has(marks.why) or self._body.has(marks.why)

    def fill(
        self, words: Mapping[str, str], to: str, to_name: str, values: Mapping[str, Any], signer: Signer | None
    ) -> bytes:
        """One reader's mail.

        Args:
            words: each mark's own word; ASCII.
            to: mailbox of the reader.
            to_name: display name, or empty.
            values: ``contact`` and ``permission`` of the merge tags.
            signer: of DKIM.

        Raises:
            NeedsWhole: see there.
            BadInput: a header that cannot be written safely.
        """
        values = {**self._fixed, **values}
        own: dict[object, bytes] = {mark: word.encode() for mark, word in words.items()}
        for filler in self._fillers:
            own[filler.blank] = filler.octets(values, words)
        if sum(map(len, own.values())) > LARGE:
            raise NeedsWhole
        own[TO] = _to_field(to, to_name)
        if self._has_own_subject:
            own[SUBJECT] = text_field("Subject", _one_line(self._subject, values, words))
        if signer is None:
            return self._whole.fill(own)
        head, body = self._head.fill(own), self._body.fill(own)
        return b"".join((signer.sign(head, body, is_canonical_body=True), head, b"\r\n", body))


class _Filler:
    """Fills a blank, and remembers what it gave: many readers share a first name or the day of their yes."""

    __slots__ = ("_known", "_paths", "blank")

    def __init__(self, blank: Blank) -> None:
        self.blank = blank
        self._paths = None if blank.holds_marks else [name.split(".") for name in blank.names]
        self._known: dict[tuple[object, ...], bytes] = {}

    def octets(self, values: Mapping[str, Any], words: Mapping[str, str]) -> bytes:
        key = self._key(values)
        if key is None:
            return quote(_merged(self.blank, values, words))
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            known = self._known[key] = quote(_merged(self.blank, values, words))
        return known

    def _key(self, values: Mapping[str, Any]) -> tuple[object, ...] | None:
        if self._paths is None:
            return None
        found: list[object] = []
        for path in self._paths:
            value: Any = values
            for name in path:
                value = value.get(name) if isinstance(value, dict) else None
            if not isinstance(value, str | None):
                return None
            found.append(value)
        return tuple(found)


class _Frame:
    """Octets in their order, and where the holes are."""

    __slots__ = ("_holes", "_pieces", "blanks", "pieces")

    def __init__(self, pieces: Iterable[bytes | Hole], marks: Iterable[str]) -> None:
        self.pieces: list[bytes | Hole] = []
        marks = list(marks)
        for piece in pieces:
            self.pieces += split(piece, marks) if isinstance(piece, bytes) and marks else [piece]
        self._pieces = [b"" if isinstance(piece, Hole) else piece for piece in self.pieces]
        self._holes = [(n, piece.name) for n, piece in enumerate(self.pieces) if isinstance(piece, Hole)]
        self.blanks = [name for _, name in self._holes if isinstance(name, Blank)]

    def has(self, name: object) -> bool:
        return any(found is name or found == name for _, found in self._holes)

    def fill(self, own: Mapping[object, bytes]) -> bytes:
        pieces = self._pieces.copy()
        for position, name in self._holes:
            pieces[position] = own[name]
        return b"".join(pieces)


def _encoded(parts: Parts, marks: Iterable[str]) -> list[bytes | Hole]:
    quoter = Quoter()
    marks = list(marks)
    for part in parts:
        if isinstance(part, Blank):
            quoter.hole(Hole(part))
            continue
        for piece in with_marks(part, marks):
            if isinstance(piece, Hole):
                quoter.hole(piece)
            else:
                quoter.text(piece)
    return quoter.end()


def _merged(blank: Blank, values: Mapping[str, Any], words: Mapping[str, str]) -> str:
    value = blank.write(values)
    if not blank.fits(value):
        raise NeedsWhole
    if blank.holds_marks:
        for mark, word in words.items():
            value = value.replace(mark, word)
    return value


def _one_line(parts: Parts, values: Mapping[str, Any], words: Mapping[str, str] | None = None) -> str:
    return one_line("".join(part if isinstance(part, str) else _merged(part, values, words or {}) for part in parts))


@lru_cache(maxsize=1024)
def _to_field(address: str, name: str) -> bytes:
    return address_field("To", address, name)
