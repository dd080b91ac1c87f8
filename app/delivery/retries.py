"""What a reply means and when to try again: one table, pure. Nothing here knows sockets or tables.

The order of the rules matters: what is not the recipient's fault is looked for first, so that nobody is
suppressed for a blocklist or a full queue.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.delivery.transports.base import Outcome, Verb

MAX_AGE: Final = timedelta(hours=72)
"""After this a message is no longer news: it expires."""


class Blame(StrEnum):
    """Whose fault it is, which says what must slow down or stop."""

    NOBODY = "nobody"
    HOST = "host"
    """The receiving host or the way there: its domain cools down."""
    DOMAIN = "domain"
    """The receiving domain asks for patience: its rate is halved."""
    GREYLIST = "greylist"
    """The first contact is refused on purpose."""
    MESSAGE = "message"
    RECIPIENT_SOFT = "recipient_soft"
    """The mailbox is full."""
    RECIPIENT_HARD = "recipient_hard"
    """The mailbox does not exist: suppress it."""
    SENDER = "sender"
    """Our reputation or authentication: never the recipient's fault."""
    CONTENT = "content"
    """The mail itself: too large, malformed."""
    TRANSPORT = "transport"
    """Our own server does not let us send: pause it."""
    CAPABILITY = "capability"
    """The server cannot take this address or mail (SMTPUTF8, 8BITMIME)."""
    DOUBT = "doubt"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about a reply.

    Attributes:
        outcome: what became of the attempt.
        blame: whose fault it is.
    """

    outcome: Outcome
    blame: Blame

    @property
    def counts(self) -> bool:
        """Whether the attempt counts for the message: faults of hosts and of our own server do not."""
        return self.blame not in {Blame.HOST, Blame.DOMAIN, Blame.TRANSPORT}

    @property
    def suppresses(self) -> bool:
        """Whether the recipient must never be written to again."""
        return self.blame is Blame.RECIPIENT_HARD

    @property
    def retries(self) -> bool:
        """Whether another attempt makes sense without a person's choice."""
        return self.outcome in {Outcome.TRANSIENT, Outcome.THROTTLED, Outcome.TRANSPORT_FAULT}


SENT: Final = Verdict(Outcome.SENT, Blame.NOBODY)
DOUBT: Final = Verdict(Outcome.IN_DOUBT, Blame.DOUBT)
HOST: Final = Verdict(Outcome.THROTTLED, Blame.HOST)
DOMAIN: Final = Verdict(Outcome.THROTTLED, Blame.DOMAIN)
TRANSPORT: Final = Verdict(Outcome.TRANSPORT_FAULT, Blame.TRANSPORT)

_HARD = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
_BEFORE_MAIL = frozenset({Verb.DNS, Verb.CONNECT, Verb.BANNER, Verb.EHLO, Verb.STARTTLS, Verb.AUTH, Verb.RSET})
_RATE = re.compile(r"\brate\b|too (?:many|much|fast)|throttl|slow down|limit exceeded", re.IGNORECASE)
_GREYLIST = re.compile(r"gr[ae]y-?list|first contact|come back later", re.IGNORECASE)
_BLOCKLIST = re.compile(
    r"block ?list|black ?list|\bRBL\b|\bDNSBL\b|spamhaus|barracuda|spamcop|reputation|\bspam\b|"
    r"\bDMARC\b|\bSPF\b|\bDKIM\b|not authenticated|unauthenticated|policy (?:violation|reasons)",
    re.IGNORECASE,
)
_SERVER_ERROR: Final = 500
_SERVICE_CLOSING: Final = 421
_AUTH_CODES: Final = frozenset({530, 534, 535, 538})


def classify(code: int | None, enhanced: str, text: str, verb: Verb) -> Verdict:
    """Judge a reply.

    Args:
        code: three digits, or None where no reply came.
        enhanced: status of RFC 3463, or empty.
        text: words of the reply.
        verb: what the reply answers.
    """
    if code is None:
        return DOUBT if verb is Verb.DOT else HOST
    if code < 400:
        # A good reply in the wrong place is a server that has lost the thread.
        return SENT if verb is Verb.DOT else HOST
    if code < _SERVER_ERROR:
        return _for_now(code, enhanced, text, verb)
    return _for_good(code, enhanced, text, verb)


def _for_now(code: int, enhanced: str, text: str, verb: Verb) -> Verdict:
    if _RATE.search(text):
        return DOMAIN
    if code in {450, 451} and (_GREYLIST.search(text) or enhanced == "4.7.1"):
        return Verdict(Outcome.TRANSIENT, Blame.GREYLIST)
    if code == _SERVICE_CLOSING or enhanced == "4.3.2" or enhanced.startswith("4.7."):
        return DOMAIN
    if verb in _BEFORE_MAIL:
        return HOST
    if enhanced == "4.2.2" or (code == 452 and not enhanced):
        return Verdict(Outcome.TRANSIENT, Blame.RECIPIENT_SOFT)
    return Verdict(Outcome.TRANSIENT, Blame.MESSAGE)


def _for_good(code: int, enhanced: str, text: str, verb: Verb) -> Verdict:
    if enhanced == "5.6.7":
        return Verdict(Outcome.PERMANENT, Blame.CAPABILITY)
    if enhanced == "5.3.4" or enhanced.startswith("5.6.") or (code == 552 and enhanced != "5.2.2"):
        return Verdict(Outcome.PERMANENT, Blame.CONTENT)
    if code in _AUTH_CODES or verb in _BEFORE_MAIL or verb is Verb.MAIL:
        return TRANSPORT
    if enhanced.startswith("5.7.") or _BLOCKLIST.search(text):
        return Verdict(Outcome.PERMANENT, Blame.SENDER)
    if verb is Verb.RCPT and enhanced in _HARD:
        return Verdict(Outcome.PERMANENT, Blame.RECIPIENT_HARD)
    if enhanced == "5.2.2":
        return Verdict(Outcome.PERMANENT, Blame.RECIPIENT_SOFT)
    return Verdict(Outcome.PERMANENT, Blame.MESSAGE)


def _minutes(*steps: int) -> tuple[timedelta, ...]:
    return tuple(timedelta(minutes=step) for step in steps)


_STEPS: Final[dict[Blame, tuple[timedelta, ...]]] = {
    Blame.HOST: _minutes(1),
    Blame.TRANSPORT: _minutes(1),
    Blame.DOMAIN: _minutes(5),
    Blame.GREYLIST: _minutes(6, 15, 30, 60, 120),
    Blame.RECIPIENT_SOFT: _minutes(60, 240, 720, 1440),
    Blame.MESSAGE: _minutes(5, 10, 20, 40, 80, 160, 240),
}
_JITTER: Final = 0.2


def next_attempt(
    verdict: Verdict,
    attempts: int,
    first_at: datetime,
    now: datetime,
    random: Callable[[], float],
) -> datetime | None:
    """When to try again, or None: for good, in doubt, or too old (72 hours after the first attempt).

    Args:
        verdict: of the last attempt.
        attempts: attempts that counted, with the last one.
        first_at: begin of the first attempt.
        now: the database's clock.
        random: gives numbers in [0, 1); spreads the time by ±20 % so that not all come back at once.
    """
    if not verdict.retries:
        return None
    steps = _STEPS[verdict.blame]
    wait = steps[min(max(attempts, 1), len(steps)) - 1]
    due = now + wait * (1 + _JITTER * (2 * random() - 1))
    return due if due <= first_at + MAX_AGE else None


def cool_down(faults: int) -> timedelta:
    """How long a domain rests after so many faults of its host in a row: 1, 2, 4 ... 30 minutes."""
    return timedelta(minutes=min(2 ** min(max(faults, 1) - 1, 5), 30))
