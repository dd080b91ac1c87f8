"""A letter encoded once for a mailing, so that each reader's copy is put together from octets that are there.

A sheet holds for one mailing, language, interest and level of tracking. What differs from copy to copy is known beforehand:
tokens of a known length, the number in Message-ID and return path, the To field, and the blanks that only merging
can fill. Filling a sheet gives the mail that ``compose.write`` would make of the letter, part for part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any, Final

from app.content.service import OWN_NAMES, Blank, Own, Parts, Skeleton, one_line
from app.delivery.dkim import Signer
from app.delivery.headers import address_field, text_field
from app.delivery.mime import MailParts, boundary_of, content_type, head, multipart
from app.delivery.quoting import Hole, Quoter, quote, split, with_marks

TO: Final = "To"
SUBJECT: Final = "Subject"
_KEPT: Final = 4096
_FIELD: Final = "contact.fields."
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

    __slots__ = ("_body", "_fillers", "_fixed", "_has_own_subject", "_head", "_subject", "_whole", "needs_why")

    def __init__(self, skeleton: Skeleton, parts: MailParts, marks: Marks) -> None:
        """Encode it.

        Args:
            skeleton: with the marks in its links.
            parts: of the mail as it goes to the marks' reader; subject, text and html are the skeleton's.
            marks: what was used.
        """
        self._fixed = skeleton.fixed
        self._subject = skeleton.subject
        has_own_subject = any(isinstance(part, Blank) for part in skeleton.subject)
        fields: list[bytes | Hole] = [*head(parts)]
        fields[2] = Hole(TO)
        fields[3] = (
            Hole(SUBJECT) if has_own_subject else text_field("Subject", one_line("".join(map(str, skeleton.subject))))
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
        blanks = [*self._body.blanks, *(part for part in skeleton.subject if isinstance(part, Blank))]
        self.needs_why = self._body.has(marks.why) or any(blank.holds_marks for blank in blanks)

    def fill(self, words: Mapping[str, str], to: str, to_name: str, own: Own, signer: Signer | None) -> bytes:
        """One reader's mail.

        Args:
            words: each mark's own word; ASCII.
            to: mailbox of the reader.
            to_name: display name, or empty.
            own: the reader's values of the merge tags.
            signer: of DKIM.

        Raises:
            NeedsWhole: see there.
            BadInput: a header that cannot be written safely.
        """
        merge = _Merge(self._fixed, own, words)
        holes: dict[object, bytes] = {mark: word.encode() for mark, word in words.items()}
        size = 0
        for filler in self._fillers:
            octets = filler.octets(merge)
            holes[filler.blank] = octets
            size += len(octets)
        if size > LARGE:
            raise NeedsWhole
        holes[TO] = address_field("To", to, to_name)
        if self._has_own_subject:
            holes[SUBJECT] = text_field("Subject", one_line("".join(map(merge.text, self._subject))))
        if signer is None:
            return self._whole.fill(holes)
        head, body = self._head.fill(holes), self._body.fill(holes)
        return b"".join((signer.sign(head, body, is_canonical_body=True), head, b"\r\n", body))


class _Merge:
    """One reader's copy while it is filled; the tree of values is made when a blank has to be merged."""

    __slots__ = ("_fixed", "_values", "_words", "own")

    def __init__(self, fixed: Mapping[str, Any], own: Own, words: Mapping[str, str]) -> None:
        self.own = own
        self._fixed = fixed
        self._words = words
        self._values: Mapping[str, Any] | None = None

    def text(self, part: str | Blank) -> str:
        """What stands there in this copy.

        Raises:
            NeedsWhole: it does not fit.
        """
        if isinstance(part, str):
            return part
        if self._values is None:
            self._values = {**self._fixed, **self.own.tree()}
        value = part.write(self._values)
        if not part.fits(value):
            raise NeedsWhole
        if part.holds_marks:
            for mark, word in self._words.items():
                value = value.replace(mark, word)
        return value


class _Filler:
    """Fills a blank, and remembers what it gave: many readers share a first name or the day of their yes."""

    __slots__ = ("_key", "_known", "blank")

    def __init__(self, blank: Blank) -> None:
        self.blank = blank
        self._key = _key_of(blank)
        self._known: dict[object, bytes] = {}

    def octets(self, merge: _Merge) -> bytes:
        if self._key is None:
            return quote(merge.text(self.blank))
        key = self._key(merge.own)
        if key is None:
            return quote(merge.text(self.blank))
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            known = self._known[key] = quote(merge.text(self.blank))
        return known


def _key_of(blank: Blank) -> Callable[[Own], object] | None:
    """Reads of a reader what decides what the blank gives; None, or a key of None: that is not so simple."""
    names = blank.names
    if blank.holds_marks or not names:
        return None
    if all(name in OWN_NAMES for name in names):
        return attrgetter(*(OWN_NAMES[name] for name in names))
    if not all(name in OWN_NAMES or name.startswith(_FIELD) for name in names):
        return None
    reads = [_read_of(name) for name in names]

    def key(own: Own) -> object:
        found = tuple(read(own) for read in reads)
        return found if all(isinstance(value, str | tuple | None) for value in found) else None

    return key


def _read_of(name: str) -> Callable[[Own], object]:
    if name in OWN_NAMES:
        return attrgetter(OWN_NAMES[name])
    field = name.removeprefix(_FIELD)
    return lambda own: _of_list(own.fields.get(field))


def _of_list(value: object) -> object:
    """A list of words as a key can hold it; of other things it is no key, since 1 and True are the same one."""
    return tuple(value) if isinstance(value, list) and all(isinstance(one, str) for one in value) else value


class _Frame:
    """Octets and holes in turn; it begins and ends with octets."""

    __slots__ = ("_names", "_pieces", "_take", "blanks", "pieces")

    def __init__(self, pieces: Iterable[bytes | Hole], marks: Iterable[str]) -> None:
        marks = list(marks)
        self.pieces: list[bytes | Hole] = []
        for piece in pieces:
            self.pieces += split(piece, marks) if isinstance(piece, bytes) and marks else [piece]
        self._names: list[object] = []
        self._pieces = [b""]
        for piece in self.pieces:
            if isinstance(piece, Hole):
                self._names.append(piece.name)
                self._pieces += [b"", b""]
            else:
                self._pieces[-1] += piece
        self._take: Callable[[Mapping[object, bytes]], tuple[bytes, ...]] = (
            itemgetter(*self._names)
            if len(self._names) > 1
            else lambda own: tuple(own[name] for name in self._names)
        )
        self.blanks = list(dict.fromkeys(name for name in self._names if isinstance(name, Blank)))

    def has(self, name: object) -> bool:
        return name in self._names

    def fill(self, own: Mapping[object, bytes]) -> bytes:
        pieces = self._pieces.copy()
        pieces[1::2] = self._take(own)
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
