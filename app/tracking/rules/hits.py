"""A hit: one request for a picture or a link, as it travels from the endpoint to the tables.

No network address is in it. The person is not in it either: mailing and number name a message, and who that was
for is looked up when the hit is taken in.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

import orjson

NO_LINK: Final = -1
"""The link of an open: it has none."""
HIDDEN: Final = -2
"""The link that no person sees."""
MAX_LINKS: Final = 10_000
MAX_MAILING: Final = 2**32 - 1
MAX_RECIPIENT: Final = 2**40 - 1
MAX_PROGRAM: Final = 300
PARTS: Final = 2
"""So many workers may take hits in beside each other: each message's hits are always those of one part."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_FORMAT: Final = 1
_ID: Final = re.compile(r"[0-9a-f]{32}")


class Kind(StrEnum):
    """What was done with a message."""

    OPEN = "open"
    CLICK = "click"


class Hit(NamedTuple):
    """One request, answered already. Ids are 32 digits: thousands a second are read, compared and written, none is used.

    Attributes:
        event_id: made at the endpoint, so that each hit counts once however often it is delivered.
        n: the message's number within its mailing; 0: the token is the same for all.
        link: index of the link, NO_LINK or HIDDEN.
        at: the database's time as the endpoint knew it, whole milliseconds.
        program: User-Agent, cleaned and cut.
        source: the process that answered; it numbers its hits from 1, so that lost ones show as gaps.
    """

    event_id: str
    mailing_no: int
    n: int
    kind: Kind
    link: int
    at: datetime
    is_head: bool
    is_prefetch: bool
    program: str
    source: str
    seq: int


_KINDS: Final[dict[Any, Kind]] = {kind.value: kind for kind in Kind}


def part_of(n: int) -> int:
    """Who takes in the hits of the message of this number: from 0 to below PARTS."""
    return n % PARTS


class MalformedHit(ValueError):
    """These bytes are no hit of ours."""


def clean_program(raw: str) -> str:
    """A User-Agent without control characters and lone surrogates, at most MAX_PROGRAM characters."""
    cut = raw[:MAX_PROGRAM]
    if not cut.isprintable():
        cut = "".join(mark if mark.isprintable() else " " for mark in cut)
    return cut.strip()


def dump(hit: Hit) -> bytes:
    """One line of JSON, without the line end."""
    fields = [
        _FORMAT, hit.event_id, hit.mailing_no, hit.n, hit.kind.value, hit.link,
        (hit.at - _EPOCH) // _MILLISECOND, int(hit.is_head), int(hit.is_prefetch), hit.program, hit.source, hit.seq,
    ]  # fmt: skip
    return orjson.dumps(fields)


def load(raw: bytes) -> Hit:
    """The hit of a line; whoever can write to the buffer can make this fail, and no more than that.

    Raises:
        MalformedHit: anything but what ``dump`` writes.
    """
    try:
        form, event, mailing_no, n, kind, link, at, head, prefetch, program, source, seq = orjson.loads(raw)
        if form != _FORMAT:
            raise MalformedHit
        return Hit(
            _id(event),
            _whole(mailing_no, 1, MAX_MAILING),
            _whole(n, 0, MAX_RECIPIENT),
            _KINDS[kind],
            _link(kind, link),
            _EPOCH + _whole(at, 0, 2**43) * _MILLISECOND,
            bool(_whole(head, 0, 1)),
            bool(_whole(prefetch, 0, 1)),
            clean_program(_text(program)),
            _id(source),
            _whole(seq, 1, 2**62),
        )
    except (ValueError, TypeError, AttributeError, LookupError, OverflowError) as error:
        raise MalformedHit from error


def _whole(value: Any, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise MalformedHit
    return value


def _id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise MalformedHit
    return value


def _link(kind: str, value: Any) -> int:
    if kind == Kind.OPEN:
        return _whole(value, NO_LINK, NO_LINK)
    return HIDDEN if value == HIDDEN else _whole(value, 0, MAX_LINKS - 1)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise MalformedHit
    return value
