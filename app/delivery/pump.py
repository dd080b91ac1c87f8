"""Sends what is due. Everything that must survive is a row.

Two ways: bulk takes hundreds at once over many lines (``bulk``); the mails that somebody waits for go one by one, each
claimed, prepared, begun, handed over and ended by itself. No transaction is open and no connection to the database is
held while the network is spoken to. What was said between two commits stands in the slice's journal.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from app.delivery import aside, bulk, compose, ends, outbox, queries, recovery
from app.delivery.compose import Draft, Letter
from app.delivery.ends import Ready
from app.delivery.journal import Journal, Step
from app.delivery.outbox import End, Held
from app.delivery.outlets import Outlets
from app.delivery.pacing import tallies
from app.delivery.pacing.buckets import route_key
from app.delivery.pacing.pacer import Pacer
from app.delivery.rules import CRASHES_UNTIL_ASIDE, Lane, MessageState, Skip
from app.delivery.transports.base import NotOpen, Outcome, Result, Transport, Verb
from app.delivery.writing import Made
from app.kernel import clock
from app.kernel.db import release, transaction

log = logging.getLogger(__name__)

MAIL_WITHIN_SECONDS: Final = 1.0
"""A MAIL FROM follows its begin by no more than this; otherwise it goes back."""
GIVE_BACK_SECONDS: Final = 20.0
TURN_PAUSE: Final = timedelta(seconds=2)
_slices = itertools.count(1)
_process = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


def run_slice(lane: str, *, deadline_seconds: float = 30, stop: Callable[[], bool] = lambda: False) -> bool:
    """Send what is due in a lane until nothing is, time is up, or ``stop`` says so.

    Takes no new message after the deadline; those in hand are brought to their end.

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
    owner = f"{_process}:{next(_slices)}"
    if Lane(lane) is Lane.BULK:
        return bulk.run(owner, until, stop)
    work = _Slice(Lane(lane), owner)
    try:
        while not stop() and time.monotonic() < until:
            if not work.send_next():
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

    def __init__(self, lane: Lane, owner: str) -> None:
        self._lane = lane
        self._owner = owner
        self._outlets = Outlets()
        self._journal = Journal(owner)
        self._pacer = Pacer()
        self._is_settled = True
        self._has_begun = False
        self._good_until = 0.0
        """Of the message in hand: its MAIL may leave until then (monotonic)."""

    def close(self) -> None:
        """End the slice; a journal that the database does not know yet stays for whoever comes next."""
        self._journal.close(is_settled=self._is_settled)
        self._outlets.close()

    def send_next(self) -> bool:
        """Claim and send the next message; False: nothing is due."""
        self._journal.open()
        self._is_settled = False
        with transaction():
            limits = self._pacer.look()
            claimed = outbox.claim(self._lane, self._owner, 1, limits.shut_routes())
        release()
        for held in claimed:
            self._bring_to_end(held)
        self._journal.settle()
        self._is_settled = True
        return bool(claimed)

    def _bring_to_end(self, held: Held) -> None:
        """To an end or back; raises only when the database stays away."""
        self._has_begun = False
        try:
            made = self._make(held)
            if isinstance(made, Ready):
                self._send(made)
            else:
                decide = made
                ends.persist(
                    lambda: outbox.finish(held, decide(clock.now()), was=MessageState.CLAIMED)
                )
        except (OperationalError, InterfaceError):
            # What was not begun goes back at once, and need not wait for its lease.
            if not self._has_begun:
                ends.give_back([held], seconds=GIVE_BACK_SECONDS)
            raise

    # Content, before begin: a fault here is never in doubt.

    def _make(self, held: Held) -> Ready | Callable[[datetime], End]:
        draft = _draft(held)
        if isinstance(draft, Draft):
            made = self._write(held, draft)
            if isinstance(made, Letter):
                return Ready(held, made, route_key(draft.sender.transport_id))
            return _without(held, made)
        return _without(held, draft)

    def _write(self, held: Held, draft: Draft) -> Made:
        try:
            if held.crash_count >= CRASHES_UNTIL_ASIDE:
                return aside.write(held, draft.route)
            # Who dies between these two notes was killed by this message's content, as far as can be told.
            self._note(Step.RENDERING, held)
            letter = compose.write(held, draft)
            self._note(Step.RENDERED, held)
        except Exception as fault:  # noqa: BLE001  whatever a template or a header does, it is this message's fault
            return fault
        return letter

    # Begin and hand over.

    def _send(self, ready: Ready) -> None:
        """Open first, so that MAIL can follow begin at once."""
        try:
            transport = self._outlets.open(ready.letter.route)
        except NotOpen as fault:
            self._end(ready, fault.result, was=MessageState.CLAIMED)
            return
        try:
            if not self._begin(ready):
                return
        except _Unready:
            decide = _wait_for_turn
            ends.persist(lambda: outbox.finish(ready.held, decide(clock.now()), was=MessageState.CLAIMED))
            return
        self._has_begun = True
        self._end(ready, self._hand_over(ready, transport, self._good_until))

    def _begin(self, ready: Ready) -> bool:
        """Whether it may be sent now; when a lock is held for too long it is given back.

        Raises:
            _Unready: see there.
        """
        held = ready.held
        try:
            with transaction():
                if not outbox.begin([held], ready.letter.domain):
                    return False
                group = held.domain_group
                if not self._pacer.grant(ready.route, {group: 1}, lane=self._lane).get(group):
                    raise _Unready
                # Before the commit: whatever stops this process afterwards, a no that comes next is not overtaken.
                self._good_until = time.monotonic() + MAIL_WITHIN_SECONDS
                return True
        except DBAPIError as fault:
            if not isinstance(fault.orig, LockNotAvailable | DeadlockDetected):
                raise
            log.info("message %s: somebody holds its permission, it is given back", held.number)
            with transaction():
                outbox.give_back([held])
            return False
        finally:
            release()

    def _hand_over(self, ready: Ready, transport: Transport, good_until: float) -> Result:
        held, letter = ready.held, ready.letter
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
            good_until=good_until,
        )
        if has_body and result.outcome is not Outcome.IN_DOUBT:
            self._note(Step.ANSWER, held, (result.code or 0) if result.verb is Verb.DOT else 0)
        return result

    def _note(self, step: Step, held: Held, code: int = 0) -> None:
        """A record whose loss leaves more doubt and no double."""
        with contextlib.suppress(OSError):
            self._journal.note(step, held.mailing_no, held.n, held.fence, code)

    # What became of it.

    def _end(self, ready: Ready, result: Result, *, was: MessageState = MessageState.ATTEMPTING) -> None:
        """Write down what the server said."""
        ((_, _, verdict),) = ends.judge([(ready, result)])
        log.info("message %s: %s at %s (%s)", ready.held.number, verdict.outcome, result.verb, result.code)
        if verdict.suppresses:
            ends.suppress(ready.held, ready.letter.to, ends.words_of(result))
        said = ends.said_of((ready, result, verdict))

        def write() -> None:
            outbox.finish(ready.held, ends.end_of(ready, result, verdict, clock.now()), was=was)
            self._pacer.learn(ready.route, [said])
            tallies.add_sent(self._lane, int(verdict.outcome is Outcome.SENT))

        ends.persist(write)


def _without(held: Held, made: Skip | Exception) -> Callable[[datetime], End]:
    """What becomes of a message without a mail."""
    if isinstance(made, Skip):
        reason = made.reason
        return lambda _now: End(MessageState.SUPPRESSED, reason)
    return ends.without_content(held, made)


def _draft(held: Held) -> Draft | Skip | Exception:
    """What the mail says, read in one transaction."""
    try:
        with transaction():
            return compose.draft(held)
    except (OperationalError, InterfaceError):
        raise
    except Exception as fault:  # noqa: BLE001  told by whoever gets it
        return fault
    finally:
        release()


class _Unready(Exception):
    """Pacing does not let it begin now."""


def _wait_for_turn(now: datetime) -> End:
    return End(MessageState.PENDING, "the receiver asked for patience", due_at=now + TURN_PAUSE)
