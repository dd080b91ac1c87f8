"""Names that a mail carries on the wire: Message-ID, return path, unsubscribe mailbox.

A message is (mailing_no, n). None of these names holds a personal value, and all are the same on every
attempt. Local parts are lower-case base32 and hyphens, because hosts fold the case of local parts.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from typing import Final, Literal

from app.kernel.macs import hmac_sha256

Purpose = Literal["b", "u"]
"""``b``: bounces (the envelope sender), ``u``: the mailto of List-Unsubscribe."""

RETURN_PATH: Final = "return path"
"""Purpose of the key behind both mailboxes."""
_DIGITS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_MAC_BYTES: Final = 10
_PARTS: Final[dict[Purpose, slice]] = {"b": slice(_MAC_BYTES), "u": slice(_MAC_BYTES, 2 * _MAC_BYTES)}
_PAIRS: Final = [first + second for first in _DIGITS for second in _DIGITS]
_SHIFTS: Final = range(_MAC_BYTES * 8 - 10, -1, -10)
_LOCAL = re.compile(r"([bu])-([a-z2-7]{1,13})-([a-z2-7]{1,13})-([a-z2-7]{16})")


def message_id(mailing_no: int, n: int, domain: str) -> str:
    """The Message-ID with its angle brackets, the same for every attempt."""
    return f"<m.{mailing_no}.{n}@{domain}>"


def return_path(mailing_no: int, n: int, key: bytes, domain: str, *, purpose: Purpose = "b") -> str:
    """A mailbox that names one message and proves that we made it: ``b-<mailing>-<n>-<mac>@domain``.

    Args:
        mailing_no: below 2**63, as all bigints.
        n: below 2**63.
        key: the key of the purpose, 16 bytes or more.
        domain: a subdomain of From's domain, so that SPF aligns.
        purpose: which mailbox.
    """
    bounces, mailto = Mailboxes(mailing_no, key, domain).make(n)
    return bounces if purpose == "b" else f"{mailto}@{domain}"


class Mailboxes:
    """The mailboxes of one mailing; see ``return_path``."""

    __slots__ = ("_domain", "_key", "_mailing")

    def __init__(self, mailing_no: int, key: bytes, domain: str) -> None:
        self._mailing = _base32(mailing_no)
        self._key = key
        self._domain = domain

    def make(self, n: int) -> tuple[str, str]:
        """Where bounces of one message go, and the local part of its List-Unsubscribe's mailto."""
        name = f"{self._mailing}-{_base32(n)}"
        digest = hmac_sha256(self._key, name.encode())
        return f"b-{name}-{_mac(digest, 'b')}@{self._domain}", f"u-{name}-{_mac(digest, 'u')}"


def read_return_path(
    address: str, keys: Sequence[bytes], *, purpose: Purpose = "b"
) -> tuple[int, int] | None:
    """The (mailing_no, n) that a mailbox names, or None where no key made it. Case does not count."""
    found = _LOCAL.fullmatch(address.partition("@")[0].lower())
    if found is None or found[1] != purpose:
        return None
    name, mac = found[0][2:-17].encode(), found[4]
    if not any(hmac.compare_digest(_mac(hmac_sha256(key, name), purpose), mac) for key in keys):
        return None
    return _number(found[2]), _number(found[3])


def _mac(digest: bytes, purpose: Purpose) -> str:
    """Each purpose has its own part of the digest."""
    number = int.from_bytes(digest[_PARTS[purpose]], "big")
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


def _base32(number: int) -> str:
    text = ""
    while True:
        number, digit = divmod(number, 32)
        text = _DIGITS[digit] + text
        if not number:
            return text


def _number(text: str) -> int:
    value = 0
    for digit in text:
        value = value * 32 + _DIGITS.index(digit)
    return value
