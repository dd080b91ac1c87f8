"""Sends what is due: claim, prepare, begin, hand over, finish. Everything that must survive is a row.

No transaction is open and no connection to the database is held while the network is spoken to. What was said
between two commits stands in the slice's journal.
"""

from __future__ import annotations

import contextlib
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

from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from app.consent import service as consent
from app.consent.rules import By, Reason
from app.delivery import compose, outbox, queries, recovery, retries, schedule
from app.delivery.compose import Draft, Letter, NoSender
from app.delivery.journal import Journal, Step
from app.delivery.outbox import End, Held
from app.delivery.outlets import Outlets
from app.delivery.retries import Blame, Verdict
from app.delivery.rules import RENDER_FAULTS_UNTIL_FAILED, RENDER_PAUSE, Lane, MessageState, Skip, host_pause
from app.delivery.transports.base import NotOpen, Outcome, Result, Transport, Verb
from app.kernel import clock
from app.kernel.db import release, transaction
from app.kernel.log import clean

log = logging.getLogger(__name__)

BATCH: Final = {Lane.SYSTEM: 1, Lane.BULK: 20}
"""So many are claimed and begun at once: at most so many per connection can be in flight after a veto."""
MAIL_WITHIN_SECONDS: Final = 1.0
"""A MAIL FROM follows its begin by no more than this; the rest of the batch goes back."""
BEGIN_FOR_SECONDS: Final = 0.8
"""So much sending is begun at once, by the pace of the last mails: a slow server gets few at a time."""
FLUSH_SECONDS: Final = 0.5
"""Results wait for each other no longer than this and the mail in hand."""
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
        stop: asked before each batch and within it.

    Returns:
        Whether something may be left that is due.

    Raises:
        sqlalchemy.exc.OperationalError: the database is away.
        OSError: the folder of journals cannot be written; nothing is begun then.
    """
    until = time.monotonic() + deadline_seconds
    reap()
    work = _Slice(Lane(lane), stop)
    try:
        while not stop() and time.monotonic() < until:
            if not work.send_batch():
                return False
        with transaction():
            return lane in queries.lanes_due()
    finally:
        work.close()
        release()


def reap() -> None:
    """Put right what dead workers held: by their journals, else when the lease ends. Each slice and a job do it."""
    recovery.replay()
    with transaction():
        outbox.reap()
    release()


class _Slice:
    """One slice of work: one owner of leases, one connection a route, one journal. Not shared between threads."""

    def __init__(self, lane: Lane, stop: Callable[[], bool]) -> None:
        self._lane = lane
        self._stop = stop
        self._owner = f"{_process}:{next(_slices)}"
        self._outlets = Outlets()
        self._journal = Journal(self._owner)
        self._is_settled = True
        self._left: dict[int, Held] = {}
        """Claimed, and neither begun nor ended."""
        self._results: list[tuple[Ready, Result]] = []
        """Known, and not yet committed."""
        self._flushed_at = time.monotonic()
        self._pace_seconds = BEGIN_FOR_SECONDS / BATCH[lane]
        """What one mail takes, by the last ones."""
        self._has_sent = False

    def close(self) -> None:
        """End the slice; a journal that the database does not know yet stays for whoever comes next."""
        self._journal.close(is_settled=self._is_settled)
        self._outlets.close()

    def send_batch(self) -> bool:
        """Claim and send up to a batch; False: nothing is due."""
        self._journal.open()
        self._is_settled = False
        with transaction():
            batch = outbox.claim(self._lane, self._owner, BATCH[self._lane])
        release()
        if batch:
            self._send(_isolate(batch))
            self._has_sent = True
        elif self._has_sent and self._lane is Lane.BULK:
            schedule.end_finished()
            release()
        self._journal.settle()
        self._is_settled = True
        return bool(batch)

    def _send(self, batch: Sequence[Held]) -> None:
        """Bring claimed messages of one mailing to an end or back; raises only when the database stays away."""
        self._left = {held.n: held for held in batch}
        try:
            ready = self._make(batch)
            for _, group in itertools.groupby(
                ready, key=lambda made: (made.letter.route, made.letter.domain)
            ):
                self._send_group(list(group))
        except (OperationalError, InterfaceError):
            # What was not begun goes back at once, and need not wait for its lease.
            _give_back(list(self._left.values()), seconds=GIVE_BACK_SECONDS)
            raise

    # Content, before begin: a fault here is never in doubt.

    def _make(self, batch: Sequence[Held]) -> list[Ready]:
        """The mails of messages; what became of those without one is written down."""
        ready: list[Ready] = []
        ends: list[tuple[Held, Callable[[datetime], End]]] = []
        drafts = _drafts(batch)
        for held in batch:
            made = self._make_one(held, drafts[held.n])
            if isinstance(made, Ready):
                ready.append(made)
            else:
                ends.append((held, made))
        if ends:
            _persist(
                lambda: outbox.finish_all([(held, decide(clock.now())) for held, decide in ends], begun=False)
            )
            for held, _ in ends:
                self._left.pop(held.n)
        return ready

    def _make_one(self, held: Held, draft: Draft | Skip | Exception) -> Ready | Callable[[datetime], End]:
        if isinstance(draft, Skip):
            reason = draft.reason
            return lambda _now: End(MessageState.SUPPRESSED, reason)
        if isinstance(draft, Draft):
            try:
                # Who dies between these two notes was killed by this message's content, as far as can be told.
                self._note(Step.RENDERING, held)
                letter = compose.write(held, draft)
                self._note(Step.RENDERED, held)
                return Ready(held, letter)
            except Exception as fault:  # noqa: BLE001  whatever a template or a header does, it is this message's fault
                draft = fault
        return _without_content(held, draft)

    # Begin and hand over.

    def _send_group(self, group: list[Ready]) -> None:
        """Messages that take the same way out: open first, so that MAIL can follow begin at once."""
        while group and not self._stop():
            try:
                self._outlets.open(group[0].letter.route)
            except NotOpen as fault:
                self._results += [(ready, fault.result) for ready in group]
                self._flush(begun=False)
                return
            size = max(1, min(len(group), int(BEGIN_FOR_SECONDS / self._pace_seconds)))
            chunk, group = group[:size], group[size:]
            begun = {held.n for held in _begin([ready.held for ready in chunk], chunk[0].letter.domain)}
            begun_at = time.monotonic()
            for ready in chunk:
                self._left.pop(ready.held.n)
            self._hand_over([ready for ready in chunk if ready.held.n in begun], begun_at)
        if group:
            _give_back([ready.held for ready in group])
            for ready in group:
                self._left.pop(ready.held.n)

    def _hand_over(self, group: list[Ready], begun_at: float) -> None:
        late: list[Held] = []
        for position, ready in enumerate(group):
            try:
                transport = self._outlets.open(ready.letter.route)
            except NotOpen as fault:
                self._results.append((ready, fault.result))
                continue
            if time.monotonic() - begun_at > MAIL_WITHIN_SECONDS:
                late = [other.held for other in group[position:]]
                break
            self._results.append((ready, self._hand_one(ready, transport)))
            if time.monotonic() - self._flushed_at > FLUSH_SECONDS:
                self._flush()
        self._flush()
        _give_back(late)
        self._journal.settle()

    def _hand_one(self, ready: Ready, transport: Transport) -> Result:
        held, letter = ready.held, ready.letter
        began = time.monotonic()
        has_body = False

        def before_body() -> None:
            # Raises OSError when it cannot be written; then nothing of the body leaves.
            nonlocal has_body
            self._journal.note(Step.BODY, held.mailing_no, held.n, held.fence)
            has_body = True

        result = transport.send(
            letter.envelope_from,
            letter.to,
            letter.data,
            smtputf8=letter.needs_smtputf8,
            before_body=before_body,
        )
        if has_body and result.outcome is not Outcome.IN_DOUBT:
            self._note(Step.ANSWER, held, (result.code or 0) if result.verb is Verb.DOT else 0)
        self._pace_seconds += 0.3 * (time.monotonic() - began - self._pace_seconds)
        return result

    def _note(self, step: Step, held: Held, code: int = 0) -> None:
        """A record whose loss leaves more doubt and no double."""
        with contextlib.suppress(OSError):
            self._journal.note(step, held.mailing_no, held.n, held.fence, code)

    # What became of it.

    def _flush(self, *, begun: bool = True) -> None:
        """Write down what servers said; a mailbox that does not exist is never written to again."""
        results = [
            (ready, result, retries.classify(result.code, result.enhanced, result.text, result.verb))
            for ready, result in self._results
        ]
        for ready, result, verdict in results:
            log.info(
                "message %s: %s at %s (%s)", ready.held.number, verdict.outcome, result.verb, result.code
            )
            if verdict.suppresses:
                _suppress(ready.held, _reply(result))
        if results:
            _persist(lambda: outbox.finish_all(_ends(results, clock.now()), begun=begun))
        for ready, _ in self._results:
            self._left.pop(ready.held.n, None)
        self._results.clear()
        self._flushed_at = time.monotonic()


def _ends(results: Sequence[tuple[Ready, Result, Verdict]], now: datetime) -> list[tuple[Held, End]]:
    return [(ready.held, _end(ready, result, verdict, now)) for ready, result, verdict in results]


def _isolate(batch: list[Held]) -> list[Held]:
    """A message whose worker ended goes alone: if it is the culprit, it takes nobody with it a second time."""
    chosen = [held for held in batch if not held.crash_count] or batch[:1]
    rest = [held for held in batch if held not in chosen]
    _give_back(rest)
    return chosen


def _drafts(batch: Sequence[Held]) -> dict[int, Draft | Skip | Exception]:
    """What the mails say, read in one transaction; a fault that is nobody's own is everybody's."""
    try:
        with transaction():
            return compose.draft(batch)
    except (OperationalError, InterfaceError):
        raise
    except Exception as fault:  # noqa: BLE001  told by whoever gets it
        return {held.n: fault for held in batch}
    finally:
        release()


def _without_content(held: Held, fault: Exception) -> Callable[[datetime], End]:
    if isinstance(fault, NoSender):
        words = "nobody has said yet who the mails come from"
        return lambda now: End(MessageState.PENDING, words, due_at=now + NO_SENDER_PAUSE)
    log.warning("message %s: its content cannot be made", held.number, exc_info=fault)
    said = _words(f"{fault.__class__.__name__}: {fault}")
    return lambda now: _render_fault(held, said, now)


def _render_fault(held: Held, words: str, now: datetime) -> End:
    faults = held.render_faults + 1
    if faults >= RENDER_FAULTS_UNTIL_FAILED:
        return End(MessageState.FAILED, words, render_faults=faults)
    return End(MessageState.PENDING, words, due_at=now + RENDER_PAUSE, render_faults=faults)


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
        _reply(result),
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


def _reply(result: Result) -> str:
    return _words(f"{result.code or ''} {result.enhanced} {result.text}")


def _words(reply: str) -> str:
    """A reply as it may be stored: one line, no address, no token."""
    return clean(" ".join(reply.split()))[:REPLY_CHARACTERS]


def _suppress(held: Held, reply: str) -> None:
    """In a transaction of its own: whoever locks a person's permission next to messages could wait for ever."""
    contact_id = held.contact_id
    if contact_id is not None:
        by = By("system")
        _persist(lambda: consent.suppress(held.workspace_id, contact_id, Reason.BOUNCE, by=by, detail=reply))


def _give_back(batch: list[Held], *, seconds: float | None = None) -> None:
    if batch:
        _persist(lambda: outbox.give_back(batch), seconds=seconds)


def _persist(write: Callable[[], object], *, seconds: float | None = None) -> None:
    """Commit what is known, also over a restart of the database: an answer in hand is not thrown away.

    Raises:
        sqlalchemy.exc.OperationalError: the database was away for all that time.
    """
    until = time.monotonic() + (PERSIST_SECONDS if seconds is None else seconds)
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
