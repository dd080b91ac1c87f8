"""Reading a mail server's words: lines, codes, and what they mean for a mail."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from app.delivery.retries import classify
from app.delivery.transports.base import Outcome, Result, Verb

REPLY_LINES: Final = 128
REPLY_OCTETS: Final = 64 * 1024
TEXT_CHARACTERS: Final = 500
JUDGED_CHARACTERS: Final = 4000
"""So much of a reply is looked at: servers say what they mean at its beginning, and some never end."""

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_KINDS: Final = frozenset(b"2345")
_OFTEN_OCTETS: Final = 200


class Nonsense(Exception):
    """What the server says is not SMTP, or has no end."""


class ReplyReader:
    """Turns octets into replies, wherever the line cuts them."""

    __slots__ = ("_code", "_rest", "_texts")

    def __init__(self) -> None:
        self._rest = b""
        self._code = 0
        self._texts: list[str] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left that was not read as a reply."""
        return not self._rest and not self._texts

    def feed(self, octets: bytes) -> list[tuple[int, str]]:
        """Replies that are complete now: each a code and its lines, joined by newlines.

        Raises:
            Nonsense: see there.
        """
        if self.is_empty and len(octets) <= _OFTEN_OCTETS and octets.endswith(b"\n"):
            known = _often_together(octets)
            if known is not None:
                return list(known)
        lines = (self._rest + octets).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > REPLY_OCTETS:
            raise Nonsense("The server answered without an end.")
        replies: list[tuple[int, str]] = []
        for line in lines:
            code, text, is_last = _often(line) if len(line) <= _OFTEN_OCTETS else _read(line)
            if is_last and not self._texts:
                replies.append((code, text))
            else:
                self._add(code, text, replies, is_last=is_last)
        return replies

    def _add(self, code: int, text: str, replies: list[tuple[int, str]], *, is_last: bool) -> None:
        if self._texts and code != self._code:
            raise Nonsense("The server answered something that is not SMTP.")
        self._code = code
        self._texts.append(text)
        if is_last:
            replies.append((code, "\n".join(self._texts)))
            self._texts = []
        elif len(self._texts) >= REPLY_LINES:
            raise Nonsense("The server answered without an end.")


def _read(line: bytes) -> tuple[int, str, bool]:
    """The code of a line, its text, and whether it is its reply's last."""
    line = line.rstrip(b"\r")
    head, mark = line[:3], line[3:4]
    if len(head) != 3 or not head.isdigit() or head[0] not in _KINDS or mark not in (b" ", b"-", b""):
        raise Nonsense("The server answered something that is not SMTP.")
    return int(head), line[4:].decode("utf-8", "replace"), mark != b"-"


_often = lru_cache(maxsize=256)(_read)
"""Most lines are words that the server has said a thousand times."""


@lru_cache(maxsize=64)
def _often_together(octets: bytes) -> tuple[tuple[int, str], ...] | None:
    """Whole lines of one reply each, such as those to one envelope; None: it is not so simple."""
    read = [_read(line) for line in octets.split(b"\n")[:-1]]
    return tuple((code, text) for code, text, _ in read) if all(is_last for _, _, is_last in read) else None


def result_of(code: int | None, text: str, verb: Verb) -> Result:
    """What a reply at this point of the dialogue means; None: the line broke, ``text`` says how."""
    text = text[:JUDGED_CHARACTERS]
    enhanced = _enhanced(code, text) if code is not None else ""
    return Result(classify(code, enhanced, text, verb).outcome, code, enhanced, clean(text), verb)


def local(code: int, enhanced: str, text: str) -> Result:
    """A refusal of our own, before a byte goes out."""
    return Result(classify(code, enhanced, text, Verb.LOCAL).outcome, code, enhanced, text, Verb.LOCAL)


def sent(code: int, text: str) -> Result:
    """The answer that every mail hopes for."""
    enhanced, words = _said_often(code, text) if len(text) <= _OFTEN_OCTETS else _said(code, text)
    return Result(Outcome.SENT, code, enhanced, words, Verb.DOT)


def _said(code: int, text: str) -> tuple[str, str]:
    text = text[:JUDGED_CHARACTERS]
    return _enhanced(code, text), clean(text)


_said_often = lru_cache(maxsize=256)(_said)


def _enhanced(code: int, text: str) -> str:
    found = _ENHANCED.match(text)
    return found[1] if found and found[1][0] == str(code)[0] else ""


def clean(text: str) -> str:
    """One line without control characters, of at most ``TEXT_CHARACTERS``."""
    if not text.isprintable():
        text = CONTROLS.sub(" ", text)
    return text.strip()[:TEXT_CHARACTERS]
