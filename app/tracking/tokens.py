"""Tokens of links and pictures in mails: 24 characters that name a message and prove that we wrote them.

base64url(mailing 4 bytes ‖ recipient 5 bytes ‖ MAC 9 bytes). Recipient 0 is everybody: such a token is the same in
each copy of a mailing. What follows a link's token only chooses among the links of that mailing, so it needs no
proof of its own.

A link with merge tags leads somewhere else for each reader, so its code brings the target along, all of it under one
MAC: base64url(mailing 4 bytes ‖ recipient 5 bytes ‖ index 2 bytes ‖ target ‖ MAC 12 bytes).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from app.kernel import tokens
from app.kernel.errors import NotFound
from app.tracking.rules.hits import HIDDEN, MAX_LINKS, MAX_MAILING, MAX_RECIPIENT

PURPOSE: Final = "tracking"
SIZE: Final = 24
TARGET_PURPOSE: Final = "tracking target"
MAX_CODE: Final = SIZE + 4
"""Longest code without a target; each one with a target is longer."""
MAX_TARGET_OCTETS: Final = 2000
"""Servers refuse a request line over 4,000 octets."""
_MAC: Final = 9
_TARGET_MAC: Final = 12
_TARGET_HEAD: Final = 11
_LONGEST: Final = (_TARGET_HEAD + MAX_TARGET_OCTETS + _TARGET_MAC) * 4 // 3 + 4
_HIDDEN_MARK: Final = "x"
_SUFFIX: Final = re.compile(r"(0|[1-9][0-9]{0,3}|x)\Z")


@dataclass(frozen=True, slots=True)
class Link:
    """What a link's code says: message and index (HIDDEN for the one that no person sees)."""

    mailing_no: int
    n: int
    index: int


def make(mailing_no: int, n: int) -> str:
    """The token of a message; n = 0: of the whole mailing.

    Raises:
        ValueError: numbers that do not fit.
    """
    body = _named(mailing_no, n)
    return tokens.encode(body + tokens.mac(PURPOSE, body, _MAC))


def read(token: str) -> tuple[int, int]:
    """Mailing and message number of a token; retired keys keep verifying.

    Raises:
        NotFound: not ours, altered or cut.
    """
    if len(token) != SIZE:
        raise NotFound
    raw = tokens.decode(token)
    body = raw[:-_MAC]
    if not tokens.mac_matches(PURPOSE, body, raw[-_MAC:]):
        raise NotFound
    return int.from_bytes(body[:4], "big"), int.from_bytes(body[4:], "big")


def code(token: str, index: int) -> str:
    """The code of a link: the token and which link it is."""
    if index == HIDDEN:
        return token + _HIDDEN_MARK
    if not 0 <= index < MAX_LINKS:
        raise ValueError(f"a mailing has at most {MAX_LINKS} links")
    return f"{token}{index}"


def read_code(given: str) -> Link:
    """What a link's code says.

    Raises:
        NotFound: not ours, altered or cut.
    """
    suffix = given[SIZE:]
    if not _SUFFIX.match(suffix):
        raise NotFound
    mailing_no, n = read(given[:SIZE])
    return Link(mailing_no, n, HIDDEN if suffix == _HIDDEN_MARK else int(suffix))


def target_code(mailing_no: int, n: int, index: int, target: str) -> str:
    """The code of one reader's own target of a link.

    Raises:
        ValueError: numbers or a target that do not fit.
    """
    where = target.encode()
    if not (0 <= index < MAX_LINKS and n):
        raise ValueError("not the link of one reader")
    if len(where) > MAX_TARGET_OCTETS:
        raise ValueError(f"a target has at most {MAX_TARGET_OCTETS} octets")
    body = _named(mailing_no, n) + index.to_bytes(2, "big") + where
    return tokens.encode(body + tokens.mac(TARGET_PURPOSE, body, _TARGET_MAC))


def read_target_code(given: str) -> tuple[Link, str]:
    """Message, index and target of such a code; retired keys keep verifying.

    Raises:
        NotFound: not ours, altered or cut.
    """
    raw = tokens.decode(given, longest=_LONGEST)
    body = raw[:-_TARGET_MAC]
    if len(body) <= _TARGET_HEAD or not tokens.mac_matches(TARGET_PURPOSE, body, raw[-_TARGET_MAC:]):
        raise NotFound
    mailing_no, n, index = (int.from_bytes(body[a:b], "big") for a, b in ((0, 4), (4, 9), (9, _TARGET_HEAD)))
    return Link(mailing_no, n, index), body[_TARGET_HEAD:].decode()


def _named(mailing_no: int, n: int) -> bytes:
    if not (0 < mailing_no <= MAX_MAILING and 0 <= n <= MAX_RECIPIENT):
        raise ValueError("mailing or message number does not fit into a token")
    return mailing_no.to_bytes(4, "big") + n.to_bytes(5, "big")
