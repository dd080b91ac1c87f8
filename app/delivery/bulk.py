"""Mailings to many: one loop that keeps many lines to mail servers busy and asks the database a few times a second.

A turn writes down what servers answered and takes new messages for the room there is on the lines, mailing by mailing
in the order of their shares. Between turns only lines are served.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Final

from app.delivery import ends, outbox, queries, schedule, taking
from app.delivery.compose import Letter
from app.delivery.editions import NoSender
from app.delivery.ends import Answer, Ready
from app.delivery.journal import Journal, Record, Step
from app.delivery.lines import Lines, Route
from app.delivery.outbox import End, Head, Held
from app.delivery.rules import Lane, MessageState, Skip
from app.delivery.transports.base import Outcome, Result, Verb
from app.delivery.transports.exchange import Ended, Mail
from app.delivery.writing import Writer
from app.kernel import clock
from app.kernel.db import release, transaction

log = logging.getLogger(__name__)

MAIL_WITHIN_SECONDS: Final = 1.0
"""A MAIL FROM follows its begin by no more than this; what is later goes back."""
FLUSH_SECONDS: Final = 0.5
"""Results wait for each other no longer than this."""
FLUSH_AT: Final = 1000
LOOK_AGAIN_SECONDS: Final = 0.5
"""While lines are busy with the last messages, the database is asked so often whether more is due."""
REST_SECONDS: Final = 0.02
"""Between two turns, so that the rows of a turn are many."""
CONNECTIONS: Final = 16


def run(owner: str, until: float, stop: Callable[[], bool]) -> bool:
    """One slice of bulk: send until nothing is due, ``until`` (monotonic), or ``stop`` says so.

    Returns:
        Whether something may be left that is due.

    Raises:
        sqlalchemy.exc.OperationalError: the database is away.
        OSError: the folder of journals cannot be written; nothing is begun then.
    """
    work = _Slice(owner)
    try:
        is_dry = work.run(until, stop)
    finally:
        work.close()
        release()
    if is_dry:
        return False
    with transaction():
        return Lane.BULK in queries.lanes_due()


class _Slice:
    """One owner of leases, one journal, many lines."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._journal = Journal(owner)
        self._lines = Lines(self._before_body, self._after_answer)
        self._writer = Writer()
        self._results: list[tuple[Ready, Result]] = []
        """Known, and not yet committed."""
        self._back: list[Held] = []
        """Begun, and not handed over."""
        self._bodies: dict[Mail, Record] = {}
        """Whose octets have begun to leave, and who have no end yet."""
        self._flushed_at = self._looked_at = time.monotonic()
        self._is_dry = False
        """Nothing was due at the last look."""
        self._has_sent = False
        self._is_settled = True

    def run(self, until: float, stop: Callable[[], bool]) -> bool:
        """Send; whether it ended because nothing was due."""
        self._journal.open()
        self._is_settled = False
        while True:
            may_take = not stop() and time.monotonic() < until
            if not may_take:
                self._keep(self._lines.return_waiting())
            self._turn(may_take=may_take)
            if self._lines.is_idle and not self._lines.is_opening and (self._is_dry or not may_take):
                break
            self._keep(self._lines.wait(self._patience()))
        self._flush()
        self._is_settled = True
        if self._is_dry and self._has_sent:
            schedule.end_finished()
        return self._is_dry

    def close(self) -> None:
        """End the slice; a journal that the database does not know yet stays for whoever comes next."""
        self._lines.close()
        self._journal.close(is_settled=self._is_settled)

    # Turns.

    def _turn(self, *, may_take: bool) -> None:
        now = time.monotonic()
        wants_more = may_take and self._has_room(now)
        is_time = bool(self._results or self._back) and (
            now - self._flushed_at > FLUSH_SECONDS
            or len(self._results) >= FLUSH_AT
            or wants_more
            or self._lines.is_idle
        )
        if is_time:
            self._flush()
        if wants_more:
            self._looked_at = time.monotonic()
            self._fill()

    def _has_room(self, now: float) -> bool:
        """Whether to ask for more: nothing is out, or enough has ended since the last time."""
        since = now - self._looked_at
        if self._is_dry:
            return since > LOOK_AGAIN_SECONDS or (self._lines.is_idle and bool(self._results))
        if not self._lines.count:
            return not self._lines.is_opening
        return since > REST_SECONDS and self._lines.has_room

    def _patience(self) -> float:
        """How long to wait for a line before looking around."""
        return 0.02 if self._results or not self._is_dry else 0.1

    def _fill(self) -> None:
        """Take messages for the room there is."""
        with transaction():
            now = clock.now()
            heads = taking.choose(Lane.BULK, now)
            routes = [(head, self._route(head)) for head in heads]
        release()
        self._is_dry = True
        for head, route in routes:
            if route is None:
                continue
            if not route.open and route.away is None:
                route.grow(1)
                self._is_dry = False
                continue
            self._fill_route(head, route)

    def _route(self, head: Head) -> Route | None:
        try:
            return self._lines.route(self._writer.route(head))
        except NoSender:
            log.warning("mailing %s: nobody has said yet who the mails come from", head.no)
            return None

    def _fill_route(self, head: Head, route: Route) -> None:
        size = min(taking.TAKE, route.room)
        if route.away is not None:
            self._put_off(head, route.away)
            return
        if not size:
            self._is_dry = False
            return
        taken, ready = self._take(head, size)
        self._has_sent = self._has_sent or bool(ready)
        if taken:
            self._is_dry = False
        if taken >= size:
            route.grow(CONNECTIONS)
        good_until = time.monotonic() + MAIL_WITHIN_SECONDS
        self._keep(self._lines.feed(route, [_mail(one, good_until) for one in ready]))

    def _take(self, head: Head, size: int) -> tuple[int, list[Ready]]:
        """Take, make and begin messages of one mailing: how many were taken, and those that have begun."""
        try:
            with transaction():
                now = clock.now()
                taken = taking.take(head, size, now, is_quiet=self._lines.is_idle)
                over = [(one.held, End(MessageState.SUPPRESSED, one.refusal)) for one in taken if one.refusal]
                ready: list[Ready] = []
                made = self._writer.write(head, [one.held for one in taken if not one.refusal], self._around)
                for held, found in made:
                    if isinstance(found, Letter):
                        ready.append(Ready(held, found))
                    elif isinstance(found, Skip):
                        over.append((held, End(MessageState.SUPPRESSED, found.reason)))
                    else:
                        over.append((held, ends.without_content(held, found)(now)))
                outbox.finish_all(over, was=MessageState.PENDING)
                _begin(ready, self._owner, now)
        except _Stopped:
            return 0, []
        finally:
            release()
        return len(taken), ready

    def _put_off(self, head: Head, why: Result) -> None:
        """The mail server is away: some of the messages say so, and wait."""
        with transaction():
            now = clock.now()
            held = [one.held for one in taking.take(head, 20, now) if not one.refusal]
            answers = ends.judge([(Ready(one, _NO_LETTER), why) for one in held])
            outbox.finish_all(
                [(ready.held, ends.end_of(ready, result, verdict, now)) for ready, result, verdict in answers],
                was=MessageState.PENDING,
            )
        release()

    # What is said on the way.

    def _around(self, held: Held, is_made: bool) -> None:
        """Who dies between these two notes was killed by this message's content, as far as can be told."""
        step = Step.RENDERED if is_made else Step.RENDERING
        with contextlib.suppress(OSError):
            self._journal.note(step, held.head.no, held.n, held.fence)

    def _before_body(self, mail: Mail) -> None:
        # Raises OSError when it cannot be written; then nothing of the body leaves.
        held: Held = mail.tag.held
        self._journal.note(Step.BODY, held.head.no, held.n, held.fence)
        self._bodies[mail] = Record(Step.BODY, held.head.no, held.n, held.fence)

    def _after_answer(self, mail: Mail, result: Result) -> None:
        """A record whose loss leaves more doubt and no double."""
        held: Held = mail.tag.held
        code = (result.code or 0) if result.verb is Verb.DOT else 0
        with contextlib.suppress(OSError):
            self._journal.note(Step.ANSWER, held.head.no, held.n, held.fence, code)

    def _keep(self, ended: Sequence[Ended]) -> None:
        """Remember what has come to an end until the next turn."""
        for mail, result in ended:
            self._bodies.pop(mail, None)
            if result is None:
                self._back.append(mail.tag.held)
            else:
                self._results.append((mail.tag, result))

    # What became of it.

    def _flush(self) -> None:
        """Write down what servers said; a mailbox that does not exist is never written to again."""
        results, self._results = self._results, []
        back, self._back = self._back, []
        answers = ends.judge(results)
        for ready, result, verdict in answers:
            if verdict.suppresses:
                ends.suppress(ready.held, ends.words_of(result))
        if answers or back:
            ends.persist(lambda: _write(answers, back))
            _tell(answers)
        self._is_dry = self._is_dry and not back
        self._journal.settle(self._bodies.values())
        self._flushed_at = time.monotonic()


class _Stopped(Exception):
    """The mailing does not run any more: nothing of it has begun."""


def _begin(ready: Sequence[Ready], owner: str, now: datetime) -> None:
    for domain, group in groupby(ready, key=lambda one: one.letter.domain):
        if not taking.begin([one.held for one in group], owner, domain, now):
            raise _Stopped


_NO_LETTER: Final = Letter(None, "", "", b"", "", b"", "", needs_smtputf8=False)  # type: ignore[arg-type]  # never sent


def _mail(ready: Ready, good_until: float) -> Mail:
    letter = ready.letter
    return Mail(
        letter.envelope_from,
        letter.to,
        letter.data,
        letter.needs_smtputf8,
        letter.is_sound,
        good_until,
        ready,
    )


def _write(answers: Sequence[Answer], back: Sequence[Held]) -> None:
    now = clock.now()
    mailing = attrgetter("head.no")
    for _, group in groupby(sorted(back, key=mailing), key=mailing):
        outbox.give_back(list(group))
    pairs = [(ready.held, ends.end_of(ready, result, verdict, now)) for ready, result, verdict in answers]
    pairs.sort(key=lambda pair: pair[0].head.no)
    for _, found in groupby(pairs, key=lambda pair: pair[0].head.no):
        ended = list(found)
        sent = [pair for pair in ended if pair[1].state is MessageState.SENT]
        if sent:
            outbox.sent_all(sent)
        outbox.finish_all([pair for pair in ended if pair[1].state is not MessageState.SENT])


def _tell(answers: Sequence[Answer]) -> None:
    """One line for all that went well, one for each that did not."""
    sent = 0
    for ready, result, verdict in answers:
        if verdict.outcome is Outcome.SENT:
            sent += 1
        else:
            log.info("message %s: %s at %s (%s)", ready.held.number, verdict.outcome, result.verb, result.code)
    if sent:
        log.info("%s messages of mailing %s and others were sent", sent, answers[0][0].held.head.no)
