"""The contract of every transport: one recipient, one mail, one `Result` that names where it ended."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Outcome(StrEnum):
    """What became of one attempt."""

    SENT = "sent"
    PERMANENT = "permanent"
    """Refused for good."""
    TRANSIENT = "transient"
    """Refused for now, because of this message or recipient."""
    IN_DOUBT = "in_doubt"
    """No answer after the final dot: it may have arrived."""
    THROTTLED = "throttled"
    """The receiving host is away or asks for patience; not this message's fault."""
    TRANSPORT_FAULT = "transport_fault"
    """Our own server refuses us: wrong password, not allowed to send."""


class Verb(StrEnum):
    """Where in the dialogue an attempt ended."""

    DNS = "dns"
    CONNECT = "connect"
    BANNER = "banner"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    RSET = "rset"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    """Bytes of the mail, before the final dot."""
    DOT = "dot"
    """The final dot and its reply."""
    LOCAL = "local"
    """Refused by us before a byte went out."""


@dataclass(slots=True)
class Result:
    """The end of one attempt. Not frozen, because thousands are made each second.

    Attributes:
        outcome: what became of it.
        code: three digits of the reply, or None where none came.
        enhanced: status of RFC 3463 such as ``5.1.1``, or empty.
        text: words of the reply or of the fault, without control characters, at most 500 characters.
        verb: where it ended.
        at_monotonic: `time.monotonic()` of the end.
    """

    outcome: Outcome
    code: int | None
    enhanced: str
    text: str
    verb: Verb
    at_monotonic: float = field(default_factory=time.monotonic)


class NotOpen(Exception):
    """A transport could not get ready to send; `result` says why. Nothing was sent."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.text)
        self.result = result


class Transport(Protocol):
    """A way out of the house. Not shared between threads.

    The order of an attempt: `open`, then the caller commits its begin, then `send`.
    """

    def open(self) -> None:
        """Be ready for a mail: connect, or look whether the connection still lives.

        Raises:
            NotOpen: when that fails.
        """

    def send(
        self,
        envelope_from: str,
        rcpt: str,
        data: bytes,
        *,
        smtputf8: bool = False,
        before_body: Callable[[], None] | None = None,
        good_until: float = math.inf,
    ) -> Result:
        """Send one mail to one recipient and report; never raises for what happens on the wire.

        Args:
            envelope_from: the return path; empty for a mail that must not bounce.
            rcpt: the recipient, as `Address.address`.
            data: the mail as `mime.build` writes it, CRLF only.
            smtputf8: the address or the headers need RFC 6531.
            before_body: called once, right before the first byte of the mail goes out.
            good_until: ``time.monotonic()`` after which nothing may leave any more: the host's fault then.
        """

    def close(self) -> None:
        """Say goodbye; never raises."""
