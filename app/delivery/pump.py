"""Sends what is due: claim, prepare, begin, hand over, finish. Everything that must survive is a row.

No transaction is open and no connection to the database is held while the network is spoken to.
"""

from __future__ import annotations

import itertools
import logging
import os
import random
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from app.consent import service as consent
from app.consent.rules import By, Reason
from app.delivery import compose, outbox, queries, retries
from app.delivery.compose import Letter, NoSender
from app.delivery.outbox import End, Held
from app.delivery.outlets import Outlets
from app.delivery.retries import Blame, Verdict
from app.delivery.rules import RENDER_FAULTS_UNTIL_FAILED, RENDER_PAUSE, Lane, MessageState, Skip, host_pause
from app.delivery.transports.base import NotOpen, Outcome, Result
from app.kernel import clock
from app.kernel.db import release, transaction
from app.kernel.log import clean

log = logging.getLogger(__name__)

BATCH: Final = {Lane.SYSTEM: 1, Lane.BULK: 20}
"""So many are claimed and begun at once: at most so many per connection can be in flight after a veto."""
MAIL_WITHIN_SECONDS: Final = 1.0
"""A MAIL FROM follows its begin by no more than this; the rest of the batch goes back."""
NO_SENDER_PAUSE: Final = timedelta(minutes=5)
REPLY_CHARACTERS: Final = 500
PERSIST_SECONDS: Final = 600.0
"""For so long a result is kept in hand while the database is away; after that its lease is nearly over."""
PERSIST_PAUSE_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
GIVE_BACK_SECONDS: Final = 20.0
_slices = itertools.count(1)
_process = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


@dataclass(frozen=True, slots=True)
class Ready:
    """A message with its mail."""

    held: Held
    letter: Letter


def run_slice(lane: str, *, deadline_seconds: float = 30, stop: Callable[[], bool] = lambda: False) -> bool:
    """Send what is due in a lane until nothing is, time is up, or ``stop`` says so.

    Takes no new message after the deadline; the one in hand is brought to its end.

    Args:
        lane: ``system`` or ``bulk``.
        deadline_seconds: monotonic, of this process.
        stop: asked before each batch.

    Returns:
        Whether something may be left that is due.

    Raises:
        sqlalchemy.exc.OperationalError: the database is away.
    """
    until = time.monotonic() + deadline_seconds
    owner = f"{_process}:{next(_slices)}"
    outlets = Outlets()
    reap()
    try:
        while not stop() and time.monotonic() < until:
            with transaction():
                batch = outbox.claim(Lane(lane), owner, BATCH[Lane(lane)])
            release()
            if not batch:
                return False
            _send_batch(_isolate(batch), outlets)
        with transaction():
            return lane in queries.lanes_due()
    finally:
        outlets.close()
        release()


def reap() -> None:
    """Free what dead workers held; run by every slice and by a job every ten seconds."""
    with transaction():
        outbox.reap()
    release()


def _isolate(batch: list[Held]) -> list[Held]:
    """A message whose worker ended goes alone: if it is the culprit, it takes nobody with it a second time."""
    chosen = [held for held in batch if not held.crash_count] or batch[:1]
    rest = [held for held in batch if held not in chosen]
    if rest:
        _give_back(rest)
    return chosen


def _send_batch(batch: Sequence[Held], outlets: Outlets) -> None:
    """Bring claimed messages of one mailing to an end or back; raises only when the database stays away."""
    left = {held.n: held for held in batch}
    try:
        ready = [made for held in batch if (made := _make(held, left)) is not None]
        for _, group in itertools.groupby(ready, key=lambda made: (made.letter.route, made.letter.domain)):
            _send_group(list(group), outlets, left)
    except (OperationalError, InterfaceError):
        # What was not begun goes back at once, and need not wait for its lease.
        _persist(lambda: outbox.give_back(list(left.values())), seconds=GIVE_BACK_SECONDS)
        raise


# --- Content, before begin: a fault here is never in doubt ---------------------------------------------------------


def _make(held: Held, left: dict[int, Held]) -> Ready | None:
    """The mail of a message; None: there is none, and what became of it is written down."""
    decide: Callable[[datetime], End]
    try:
        with transaction():
            drafted = compose.draft(held)
        release()
        if not isinstance(drafted, Skip):
            return Ready(held, compose.write(held, drafted))
        reason = drafted.reason
        decide = lambda _now: End(MessageState.SUPPRESSED, reason)  # noqa: E731
    except (OperationalError, InterfaceError):
        raise
    except NoSender:
        words = "nobody has said yet who the mails come from"
        decide = lambda now: End(MessageState.PENDING, words, due_at=now + NO_SENDER_PAUSE)  # noqa: E731
    except Exception as fault:  # whatever a template or a header does, it is this message's fault
        log.warning("message %s: its content cannot be made", held.number, exc_info=fault)
        words = _words(f"{fault.__class__.__name__}: {fault}")
        decide = lambda now: _render_fault(held, words, now)  # noqa: E731
    left.pop(held.n)
    _write_down(held, decide, begun=False)
    return None


def _render_fault(held: Held, words: str, now: datetime) -> End:
    faults = held.render_faults + 1
    if faults >= RENDER_FAULTS_UNTIL_FAILED:
        return End(MessageState.FAILED, words, render_faults=faults)
    return End(MessageState.PENDING, words, due_at=now + RENDER_PAUSE, render_faults=faults)


# --- Begin and hand over --------------------------------------------------------------------------------------------


def _send_group(group: list[Ready], outlets: Outlets, left: dict[int, Held]) -> None:
    """Messages that take the same way out: open first, so that MAIL can follow begin at once."""
    try:
        outlets.open(group[0].letter.route)
    except NotOpen as fault:
        for ready in group:
            left.pop(ready.held.n)
            _write_result(ready, fault.result, begun=False)
        return
    begun = _begin([ready.held for ready in group], group[0].letter.domain)
    begun_at = time.monotonic()
    for ready in group:
        left.pop(ready.held.n)
    _hand_over([ready for ready in group if ready.held in begun], outlets, begun_at)


def _begin(batch: list[Held], domain: str) -> list[Held]:
    """Those that may be sent now; when a lock is held for too long all are given back."""
    try:
        with transaction():
            return outbox.begin(batch, domain)
    except DBAPIError as fault:
        if not isinstance(fault.orig, LockNotAvailable | DeadlockDetected):
            raise
        log.info("message %s: somebody holds its permission, it is given back", batch[0].number)
        with transaction():
            outbox.give_back(batch)
        return []
    finally:
        release()


def _hand_over(group: list[Ready], outlets: Outlets, begun_at: float) -> None:
    for position, ready in enumerate(group):
        letter = ready.letter
        try:
            transport = outlets.open(letter.route)
        except NotOpen as fault:
            _write_result(ready, fault.result, begun=True)
            continue
        if time.monotonic() - begun_at > MAIL_WITHIN_SECONDS:
            _give_back([late.held for late in group[position:]])
            return
        result = transport.send(letter.envelope_from, letter.to, letter.data, smtputf8=letter.needs_smtputf8)
        _write_result(ready, result, begun=True)


# --- What became of it ----------------------------------------------------------------------------------------------


def _write_result(ready: Ready, result: Result, *, begun: bool) -> None:
    """Write down what the server said; a mailbox that does not exist is never written to again."""
    held = ready.held
    verdict = retries.classify(result.code, result.enhanced, result.text, result.verb)
    log.info("message %s: %s at %s (%s)", held.number, verdict.outcome, result.verb, result.code)
    suppress = held.contact_id if verdict.suppresses else None
    _write_down(held, lambda now: _end(ready, result, verdict, now), begun=begun, suppress=suppress)


def _end(ready: Ready, result: Result, verdict: Verdict, now: datetime) -> End:
    held = ready.held
    state = _ENDS.get(verdict.outcome, MessageState.PENDING)
    due_at, host_faults = None, 0
    if state is MessageState.PENDING:
        host_faults = 0 if verdict.counts else held.host_faults + 1
        due_at = _next_attempt(held, verdict, host_faults, now)
        state = MessageState.PENDING if due_at else MessageState.EXPIRED
    return End(
        state,
        _words(f"{result.code or ''} {result.enhanced} {result.text}"),
        code=result.code,
        status=result.enhanced or None,
        due_at=due_at,
        counts=verdict.counts,
        host_faults=host_faults,
        message_id=ready.letter.message_id,
        mime_sha256=ready.letter.mime_sha256,
    )


_ENDS: Final = {
    Outcome.SENT: MessageState.SENT,
    Outcome.IN_DOUBT: MessageState.UNKNOWN,
    Outcome.PERMANENT: MessageState.FAILED,
}


def _next_attempt(held: Held, verdict: Verdict, host_faults: int, now: datetime) -> datetime | None:
    first_at = held.first_at or now
    due_at = retries.next_attempt(verdict, held.attempts + 1, first_at, now, random.random)
    if due_at is not None and verdict.blame is Blame.HOST:
        return now + host_pause(host_faults)
    return due_at


def _words(reply: str) -> str:
    """A reply as it may be stored: one line, no address, no token."""
    return clean(" ".join(reply.split()))[:REPLY_CHARACTERS]


def _write_down(
    held: Held, decide: Callable[[datetime], End], *, begun: bool, suppress: UUID | None = None
) -> None:
    def write() -> None:
        end = decide(clock.now())
        if outbox.finish(held, end, begun=begun) and suppress is not None:
            by = By("system")
            consent.suppress(held.workspace_id, suppress, Reason.BOUNCE, by=by, detail=end.reply)

    _persist(write)


def _give_back(batch: list[Held]) -> None:
    _persist(lambda: outbox.give_back(batch))


def _persist(write: Callable[[], None], *, seconds: float = PERSIST_SECONDS) -> None:
    """Commit what is known, also over a restart of the database: an answer in hand is not thrown away.

    Raises:
        sqlalchemy.exc.OperationalError: the database was away for all that time.
    """
    until = time.monotonic() + seconds
    pauses = itertools.chain(PERSIST_PAUSE_SECONDS, itertools.repeat(PERSIST_PAUSE_SECONDS[-1]))
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
