"""Header fields in the form that goes on the wire (RFC 5322, 2047): exact, folded, one field each.

A value that could end its own line, or that a careless reader would decode into one that does, is
refused and never repaired.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64encode
from typing import Final

from app.kernel.errors import BadInput

LINE: Final = 76
"""Longest line that we write where we have a choice; RFC 2047 asks for it, RFC 5322 would allow 78."""
LINE_LIMIT: Final = 998
_WORD: Final = 75
_OVERHEAD: Final = len("=?utf-8?q?") + len("?=")

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")
_ENCODED_WORD = re.compile(r"=\?[^?\s]*\?[^?\s]*\?[^?]*\?=")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_ADDRESS = re.compile(
    r"(?!.*=\?.*\?=)[^\x00-\x20\x7f-\xa0()<>\[\]:;@\\,\".]+(?:\.[^\x00-\x20\x7f-\xa0()<>\[\]:;@\\,\".]+)*"
    r"@[a-z0-9-]+(?:\.[a-z0-9-]+)*",
)
# What most people are called, which needs no other look.
_USUAL_ADDRESS: Final = re.compile(r"[A-Za-z0-9+_-]+(?:\.[A-Za-z0-9+_-]+)*@[a-z0-9-]+(?:\.[a-z0-9-]+)*")
_USUAL_LABEL: Final = re.compile(r"(?:[A-Za-z0-9_-]{1,40}(?: [A-Za-z0-9_-]{1,40}){0,3})?")
_Q_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_Q: Final = [chr(o) if o in _Q_SAFE else "_" if o == 0x20 else f"={o:02X}" for o in range(256)]


def text_field(name: str, value: str) -> bytes:
    """An unstructured field, such as Subject.

    Raises:
        BadInput: for characters that a header cannot hold; ``fields`` has the lower-case field name.
    """
    _check(name, value)
    return _field(name, value.split(" ") if _is_plain(value) else _encoded(name, value))


def address_field(name: str, address: str, label: str = "") -> bytes:
    """A field with one mailbox, such as From.

    Raises:
        BadInput: for a label or an address that cannot be written safely.
    """
    if _USUAL_ADDRESS.fullmatch(address) and _USUAL_LABEL.fullmatch(label):
        octets = f"{name}: {label} <{address}>\r\n" if label else f"{name}: {address}\r\n"
        if len(octets) <= LINE + 2:
            return octets.encode()
    _check(name, address)
    _check(name, label)
    if not _ADDRESS.fullmatch(address):
        raise _refused(name, "This is not an address that can be written to.")
    return _field(name, _labelled(name, label, f"<{address}>") if label else [address])


def structured_field(name: str, value: str) -> bytes:
    """A field with a syntax of its own, ASCII only: List-Unsubscribe, Feedback-ID, List-Id with a label.

    Raises:
        BadInput: for a name or a value that cannot be written safely.
    """
    if not _NAME.fullmatch(name):
        raise _refused(name, "A header name has letters, digits and hyphens only.")
    _check(name, value)
    if not value.strip() or value != value.strip():
        raise _refused(name, "A header cannot be empty, nor begin or end with a space.")
    label, bracket, rest = value.rpartition(" <")
    if name.lower() == "list-id" and bracket:
        return _field(name, _labelled(name, label, f"<{rest}"))
    if not value.isascii():
        raise _refused(name, "This header takes plain ASCII only.")
    return _field(name, value.split(" "))


def _check(name: str, value: str) -> None:
    if value.isascii() and value.isprintable() and "=?" not in value:
        return
    for character in value:
        if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}:
            raise _refused(name, "Remove the line break or control character.")
    if _ENCODED_WORD.search(value):
        raise _refused(name, "Write the characters themselves instead of “=?…?=”.")


def _refused(name: str, reason: str) -> BadInput:
    return BadInput("A mail header cannot be written like this.", fields={name.lower(): reason})


def _is_plain(value: str) -> bool:
    """Whether folding at single spaces gives the value back exactly."""
    words = value.split(" ")
    return value.isascii() and "=?" not in value and all(0 < len(word) <= LINE - 20 for word in words)


def _labelled(name: str, label: str, rest: str) -> list[str]:
    if not label:
        return [rest]
    if _ATOMS.fullmatch(label) and _is_plain(label):
        return [*label.split(" "), rest]
    if _is_plain(label) and len(label) < LINE // 2:
        escaped = label.replace("\\", "\\\\").replace('"', '\\"')
        return [*f'"{escaped}"'.split(" "), rest]
    return [*_encoded(name, label), rest]


def _encoded(name: str, value: str) -> list[str]:
    """RFC 2047 words of at most 75 characters, the first one fitting behind the name."""
    room = LINE - len(name) - 2
    whole = _word(value)
    if len(whole) <= room:
        return [whole]
    words: list[str] = []
    chunk = ""
    for character in value:
        if chunk and len(_word(chunk + character)) > (room if not words else _WORD):
            words.append(_word(chunk))
            chunk = ""
        chunk += character
    return [*words, _word(chunk)] if chunk else words


def _word(chunk: str) -> str:
    octets = chunk.encode()
    quoted = "".join(map(_Q.__getitem__, octets))
    base64 = b64encode(octets).decode()
    if len(quoted) <= len(base64):
        return f"=?utf-8?q?{quoted}?="
    return f"=?utf-8?b?{base64}?="


def _field(name: str, words: list[str]) -> bytes:
    lines = [f"{name}:"]
    for word in words:
        if len(lines[-1]) + 1 + len(word.encode()) > LINE and lines[-1] != f"{name}:":
            lines.append("")
        lines[-1] += f" {word}"
    if any(len(line.encode()) > LINE_LIMIT for line in lines):
        raise _refused(name, "This is too long for a mail header.")
    return "".join(f"{line}\r\n" for line in lines).encode()
