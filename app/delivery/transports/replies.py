"""Reading a mail server's words: lines, codes, and what they mean for a mail."""

from __future__ import annotations

import re
from typing import Final

from app.delivery.retries import classify
from app.delivery.transports.base import Outcome, Result, Verb

REPLY_LINES: Final = 128
REPLY_OCTETS: Final = 64 * 1024
TEXT_CHARACTERS: Final = 500

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_KINDS: Final = frozenset(b"2345")


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
        lines = (self._rest + octets).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > REPLY_OCTETS:
            raise Nonsense("The server answered without an end.")
        replies: list[tuple[int, str]] = []
        for line in lines:
            self._take(line.rstrip(b"\r"), replies)
        return replies

    def _take(self, line: bytes, replies: list[tuple[int, str]]) -> None:
        head = line[:3]
        if len(head) != 3 or not head.isdigit() or head[0] not in _KINDS or line[3:4] not in (b" ", b"-", b""):
            raise Nonsense("The server answered something that is not SMTP.")
        code, text = int(head), line[4:].decode("utf-8", "replace")
        if not self._texts and line[3:4] != b"-":
            replies.append((code, text))
            return
        if self._texts and code != self._code:
            raise Nonsense("The server answered something that is not SMTP.")
        self._code = code
        self._texts.append(text)
        if line[3:4] != b"-":
            replies.append((code, "\n".join(self._texts)))
            self._texts = []
        elif len(self._texts) >= REPLY_LINES:
            raise Nonsense("The server answered without an end.")


def result_of(code: int | None, text: str, verb: Verb) -> Result:
    """What a reply at this point of the dialogue means; None: the line broke, ``text`` says how."""
    enhanced = _enhanced(code, text) if code is not None else ""
    return Result(classify(code, enhanced, text, verb).outcome, code, enhanced, clean(text), verb)


def local(code: int, enhanced: str, text: str) -> Result:
    """A refusal of our own, before a byte goes out."""
    return Result(classify(code, enhanced, text, Verb.LOCAL).outcome, code, enhanced, text, Verb.LOCAL)


def sent(code: int, text: str) -> Result:
    """The answer that every mail hopes for."""
    return Result(Outcome.SENT, code, _enhanced(code, text), clean(text), Verb.DOT)


def _enhanced(code: int, text: str) -> str:
    found = _ENHANCED.match(text)
    return found[1] if found and found[1][0] == str(code)[0] else ""


def clean(text: str) -> str:
    """One line without control characters, of at most ``TEXT_CHARACTERS``."""
    if not text.isprintable():
        text = CONTROLS.sub(" ", text)
    return text.strip()[:TEXT_CHARACTERS]
