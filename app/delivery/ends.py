"""From a server's answer, or a fault of our own, to what is written down about a message; and the writing itself."""

from __future__ import annotations

import itertools
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from sqlalchemy.exc import InterfaceError, OperationalError

from app.consent import service as consent
from app.consent.rules import By, Reason
from app.contacts import queries as contacts
from app.delivery import retries
from app.delivery.aside import Deadly
from app.delivery.compose import Letter
from app.delivery.outbox import End, Held
from app.delivery.pacing.rules import Said
from app.delivery.retries import Blame, Verdict
from app.delivery.rules import RENDER_FAULTS_UNTIL_FAILED, RENDER_PAUSE, Kind, MessageState, host_pause
from app.delivery.transports.base import Outcome, Result
from app.kernel.db import release, transaction
from app.kernel.log import clean

log = logging.getLogger(__name__)

REPLY_CHARACTERS: Final = 500
_OFTEN_CHARACTERS: Final = 100
PERSIST_SECONDS: Final = 600.0
"""For so long a result is kept in hand while the database is away; after that its lease is nearly over."""
_PERSIST_PAUSE_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
_ENDS: Final = {
    Outcome.SENT: MessageState.SENT,
    Outcome.IN_DOUBT: MessageState.UNKNOWN,
    Outcome.PERMANENT: MessageState.FAILED,
}


@dataclass(slots=True, eq=False)
class Ready:
    """A message with its mail, and the route that it takes (``pacing.buckets.route_key``)."""

    held: Held
    letter: Letter
    route: str


Answer = tuple[Ready, Result, Verdict]
"""What a server said of a message, and what that means."""


def judge(results: Sequence[tuple[Ready, Result]]) -> list[Answer]:
    """The meaning of each answer."""
    return [
        (ready, result, retries.classify(result.code, result.enhanced, result.text, result.verb))
        for ready, result in results
    ]


def said_of(answer: Answer) -> Said:
    """An answer as pacing hears it."""
    ready, result, verdict = answer
    words = "" if verdict.outcome is Outcome.SENT else words_of(result)
    return Said(ready.held.domain_group, verdict, result.verb, result.code, result.enhanced, words)


def end_of(ready: Ready, result: Result, verdict: Verdict, now: datetime) -> End:
    """What is written down about an answer."""
    held = ready.held
    state = _ENDS.get(verdict.outcome, MessageState.PENDING)
    due_at, host_faults = None, 0
    if state is MessageState.PENDING:
        host_faults = 0 if verdict.counts else held.host_faults + 1
        due_at = _next_attempt(held, verdict, host_faults, now)
        state = MessageState.PENDING if due_at else MessageState.EXPIRED
    return End(
        state,
        words_of(result),
        code=result.code,
        status=result.enhanced or None,
        due_at=due_at,
        counts=verdict.counts,
        host_faults=host_faults,
        message_id=ready.letter.message_id,
        mime_sha256=ready.letter.mime_sha256,
        mime=ready.letter.data if held.head.kind is Kind.SYSTEM else b"",
    )


def without_content(held: Held, fault: Exception) -> Callable[[datetime], End]:
    """What is written down about a mail that could not be made."""
    if isinstance(fault, Deadly):
        log.error("message %s is set aside: %s", held.number, fault)
        poison = _words(f"two workers ended while they made it; made alone, {fault}")
        return lambda _now: End(MessageState.POISON, poison, crashes=1)
    log.warning("message %s: its content cannot be made", held.number, exc_info=fault)
    said = _words(f"{fault.__class__.__name__}: {fault}")
    return lambda now: _render_fault(held, said, now)


def words_of(result: Result) -> str:
    """An answer as it may be stored."""
    # A server's own text begins with the enhanced code; what we say ourselves does not.
    said = result.text if result.text.startswith(result.enhanced) else f"{result.enhanced} {result.text}"
    words = f"{result.code or ''} {said}"
    return _often(words) if len(words) <= _OFTEN_CHARACTERS else _words(words)


def suppress(held: Held, to: str, reply: str) -> None:
    """A mailbox that does not exist is never written to again.

    In a transaction of its own: whoever locks a person's permission next to messages could wait for ever.

    Args:
        held: the message.
        to: the address that was refused; where it is not the person's own (a new one that they wish for, their
            guardian's, one that they had), nothing is wrong with theirs.
        reply: the server's words.
    """
    contact_id = held.contact_id
    if held.user_id is not None:
        return

    def write() -> None:
        if contact_id is None:
            consent.suppress_address(held.workspace_id, to, Reason.BOUNCE, by=By("system"), detail=reply)
            return
        own = contacts.find_address(held.workspace_id, contact_id)
        if own is not None and own.address == to:
            consent.suppress(held.workspace_id, contact_id, Reason.BOUNCE, by=By("system"), detail=reply)

    persist(write)


def persist(write: Callable[[], object], *, seconds: float | None = None) -> None:
    """Commit what is known, also over a restart of the database: an answer in hand is not thrown away.

    Raises:
        sqlalchemy.exc.OperationalError: the database was away for all that time.
    """
    until = time.monotonic() + (PERSIST_SECONDS if seconds is None else seconds)
    pauses = itertools.chain(_PERSIST_PAUSE_SECONDS, itertools.repeat(_PERSIST_PAUSE_SECONDS[-1]))
    while True:
        try:
            with transaction():
                write()
        except (OperationalError, InterfaceError):
            release()
            pause = next(pauses)
            if time.monotonic() + pause > until:
                raise
            log.warning("the database is away, a result is kept in hand")
            time.sleep(pause)
        else:
            release()
            return


def _next_attempt(held: Held, verdict: Verdict, host_faults: int, now: datetime) -> datetime | None:
    first_at = held.first_at or now
    due_at = retries.next_attempt(verdict, held.attempts + 1, first_at, now, random.random)
    if due_at is not None and verdict.blame is Blame.HOST:
        return now + host_pause(host_faults)
    return due_at


def _render_fault(held: Held, words: str, now: datetime) -> End:
    faults = held.render_faults + 1
    if faults >= RENDER_FAULTS_UNTIL_FAILED:
        return End(MessageState.FAILED, words, render_faults=faults)
    return End(MessageState.PENDING, words, due_at=now + RENDER_PAUSE, render_faults=faults)


def _words(reply: str) -> str:
    """A reply as it may be stored: one line, no address, no token."""
    return clean(" ".join(reply.split()))[:REPLY_CHARACTERS]


_often = lru_cache(maxsize=256)(_words)
