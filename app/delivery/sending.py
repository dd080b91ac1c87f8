"""The sending itself: one loop that keeps many lines to mail servers busy and asks the database a few times a second.

A turn writes down what servers answered and takes new messages for the room there is on the lines, mailing by mailing
in the order of their shares and as far as pacing lets them. Between turns only lines are served.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from sqlalchemy.exc import InterfaceError, OperationalError

from app.delivery import aside, ends, outbox, queries, schedule, taking
from app.delivery.compose import Letter
from app.delivery.editions import NoSender
from app.delivery.ends import Answer, Ready
from app.delivery.journal import Journal, Record, Step
from app.delivery.lines import Lines
from app.delivery.outbox import End, Head, Held
from app.delivery.pacing import slots, tallies
from app.delivery.pacing.buckets import Limits
from app.delivery.pacing.pacer import Pacer
from app.delivery.pacing.rules import WHOLE, Said
from app.delivery.pacing.watch import Watch
from app.delivery.retries import classify
from app.delivery.routes import Route
from app.delivery.rules import CRASHES_UNTIL_ASIDE, Kind, Lane, MessageState, Skip
from app.delivery.service.mailings import pause
from app.delivery.shares import Reserve, Shares
from app.delivery.taking import Taken
from app.delivery.transports.base import Outcome, Result, Verb
from app.delivery.transports.exchange import Ended, Mail
from app.delivery.writing import Made, Spoilt, Writer
from app.kernel import clock, jobs
from app.kernel.db import release, transaction
from app.kernel.errors import Conflict, Problem

log = logging.getLogger(__name__)

MAIL_WITHIN_SECONDS: Final = 1.0
"""A MAIL FROM follows its begin by no more than this; what is later goes back."""
FLUSH_SECONDS: Final = 0.5
"""Results wait for each other no longer than this."""
FLUSH_AT: Final = 1000
LOOK_AGAIN_SECONDS: Final = 0.5
"""While nothing more may begin, the database is asked so often whether that has changed."""
REST_SECONDS: Final = 0.02
"""Between two turns, so that the rows of a turn are many."""
UNABLE_PAUSE: Final = timedelta(minutes=1)
"""Until what a person has to mend is looked at again."""
LONGEST_SECONDS: Final = 900.0
"""A slice that only a slow receiver keeps goes on for so long with everybody else."""
LINGER_SECONDS: Final = 2.0
"""Who only waits for a turn that pacing will give keeps the lines open for so long."""


def run(lane: Lane, owner: str, until: float, stop: Callable[[], bool]) -> bool:
    """One slice of a lane: send until nothing is due, ``until`` (monotonic), or ``stop`` says so.

    Returns:
        Whether something may be left that is due.

    Raises:
        sqlalchemy.exc.OperationalError: the database is away.
        OSError: the folder of journals cannot be written; nothing is begun then.
    """
    work = _Slice(lane, owner)
    try:
        is_dry = work.run(until, stop)
    finally:
        work.close()
        release()
    if is_dry:
        return False
    with transaction():
        return lane in queries.lanes_due()


class _Slice:
    """One owner of leases, one journal, many lines."""

    def __init__(self, lane: Lane, owner: str) -> None:
        self._lane = lane
        self._owner = owner
        self._journal = Journal(owner)
        self._lines = Lines(self._before_body, self._after_answer)
        self._shares: Shares | Reserve = Shares(owner) if lane is Lane.BULK else Reserve()
        self._writer = Writer()
        self._pacer = Pacer(lane)
        self._watch = Watch()
        self._results: list[tuple[Ready, Result]] = []
        """Known, and not yet committed."""
        self._back: list[Ready] = []
        """Begun, and not handed over."""
        self._bodies: dict[Mail, Held] = {}
        """Whose octets have begun to leave, and who have no end yet."""
        self._flushed_at = self._looked_at = time.monotonic()
        self._linger_until = 0.0
        self._is_dry = False
        """Nothing could be taken at the last look."""
        self._is_limited = True
        """Whether pacing limits anything, as far as known."""
        self._sent_count = 0
        self._has_sent = False
        self._has_called = False
        """Others were told that there is more than one worker can take."""
        self._is_settled = True
        self._is_late = False
        """Its time is up, and only slow receivers keep it."""

    def run(self, until: float, stop: Callable[[], bool]) -> bool:
        """Send; whether it ended because nothing was due."""
        self._journal.open()
        self._is_settled = False
        away: Exception | None = None
        while True:
            may_take = away is None and not stop() and self._has_time(until)
            if not may_take:
                self._keep(self._lines.return_waiting())
            try:
                self._turn(may_take=may_take)
            except (OperationalError, InterfaceError) as fault:
                # The database is away. What is on its way is brought to its end all the same, or it would be in doubt.
                if away is not None:
                    raise
                away = fault
            if away is None:
                self._end_finished()
            if self._is_over(may_take=may_take and away is None):
                break
            self._keep(self._lines.serve(self._patience()))
        self._flush()
        self._is_settled = True
        if away is not None:
            raise away
        self._count_sent()
        # Who was told to end, or has no time left, may have waited for no more than a receiver's window.
        return self._is_dry and may_take

    def _has_time(self, until: float) -> bool:
        now = time.monotonic()
        self._is_late = now >= until
        return not self._is_late or (self._lines.is_held and now < until + LONGEST_SECONDS)

    def close(self) -> None:
        """End the slice; a journal that the database does not know yet stays for whoever comes next."""
        self._lines.close()
        self._journal.close(is_settled=self._is_settled)
        if self._is_settled:
            self._shares.release()

    # Turns.

    def _turn(self, *, may_take: bool) -> None:
        now = time.monotonic()
        if may_take and self._has_room(now):
            self._fill()
        elif (self._results or self._back) and (
            now - self._flushed_at > FLUSH_SECONDS or len(self._results) >= FLUSH_AT or self._lines.is_idle
        ):
            self._flush()

    def _is_over(self, *, may_take: bool) -> bool:
        if not self._lines.is_idle or self._lines.is_opening:
            return False
        return not may_take or (self._is_dry and time.monotonic() >= self._linger_until)

    def _end_finished(self) -> None:
        """Say of a mailing that it has ended as soon as its last message has; who lingers does so for others."""
        is_through = self._is_dry and self._lines.is_idle and not (self._results or self._back)
        if self._lane is Lane.BULK and self._has_sent and is_through:
            schedule.end_finished()
            self._has_sent = False

    def _has_room(self, now: float) -> bool:
        """Whether to ask for more: nothing is out, or enough has ended since the last time."""
        since = now - self._looked_at
        if since > LOOK_AGAIN_SECONDS:
            return True
        if self._is_dry:
            # An answer opens its receiver's window.
            return since > REST_SECONDS and bool(self._results)
        if not self._lines.count:
            return not self._lines.is_opening
        return since > REST_SECONDS and self._lines.has_room

    def _patience(self) -> float:
        """How long to wait for a line before looking around."""
        return 0.02 if self._results or not self._is_dry else 0.1

    def _fill(self) -> None:
        """Write down what is known and take messages for the room there is.

        Where all went well and nothing is limited, both are one transaction; else each route has its own, so that
        locks are always taken in one order.
        """
        self._shares.renew(self._lines.counts())
        known = self._known()
        if not known.is_calm or self._is_limited:
            self._settle(known)
            known = _Known()
        self._looked_at = time.monotonic()
        first: _Turn | None = None
        try:
            with transaction():
                self._write(known)
                limits = self._pacer.look()
                heads = taking.choose(self._lane, clock.now(), limits.shut_routes())
                turns = [turn for head, route in heads if (turn := self._plan(head, route, limits)) is not None]
                if turns:
                    first = turns.pop(0)
                    self._take(first, limits)
        except Exception as fault:
            # Nobody can say whether a commit that failed came through: what may have begun goes back.
            self._settle(_Known(known.answers, [*known.back, *(first.ready if first else ())]))
            if isinstance(fault, Spoilt):
                self._without(fault)
            elif not isinstance(fault, _Stopped):
                raise
            return
        finally:
            release()
        self._is_limited = bool(limits.paces)
        self._after_writing(known)
        self._is_dry = not known.back
        self._hand_on(first, turns, limits)
        self._prepare(heads, limits)

    def _hand_on(self, first: _Turn | None, others: Sequence[_Turn], limits: Limits) -> None:
        """Give the lines what has begun, and take from the mailings behind the first."""
        if first is not None:
            self._feed(first)
        for turn in others:
            # The first one may have taken the room that this one was planned with.
            turn.size = min(turn.size, turn.route.room)
            if turn.size:
                try:
                    self._take_alone(turn, limits)
                except Spoilt as fault:
                    self._without(fault)
                except _Stopped:
                    continue

    def _plan(self, head: Head, name: str, limits: Limits) -> _Turn | None:
        """What may be taken of a mailing now; None: nothing."""
        try:
            route = self._lines.route(name, self._writer.server(name))
            self._writer.prepare(head)
        except (NoSender, Problem) as fault:
            _hold_up(head, fault)
            return None
        size = 0 if route.away else limits.most(name, min(taking.TAKE[self._lane], route.room))
        return _Turn(head, route, size) if size else None

    def _without(self, spoilt: Spoilt) -> None:
        """What has no mail is ended by itself, in a transaction that it has not spoilt."""
        held = spoilt.held
        self._journal.hint(Step.RENDERED, held.head.no, 0, 0)
        decide = ends.without_content(held, spoilt.fault)
        ends.persist(lambda: outbox.finish(held, decide(clock.now()), was=MessageState.PENDING))
        self._is_dry = False

    def _prepare(self, heads: Sequence[tuple[Head, str]], limits: Limits) -> None:
        """Routes with something due: open the first line, tell that nobody is there, wait for a bucket."""
        for name in dict.fromkeys(name for _, name in heads):
            if not self._lines.knows(name):
                continue
            route = self._lines.named(name)
            if route.away is not None:
                self._tell_away(route)
                continue
            cap = self._shares.of(name, route.count)
            route.keep_to(cap)
            if not cap:
                # All lines are others' for now. Whoever stays in line gets its part at their next asking.
                self._linger_until = time.monotonic() + LINGER_SECONDS
                continue
            if not route.room:
                if not self._may_open(route, [head for head, of in heads if of == name], limits):
                    continue
                route.grow(cap, is_waiting=self._lines.is_waiting)
            if not route.open or not route.room:
                self._is_dry = False

    def _may_open(self, route: Route, heads: Sequence[Head], limits: Limits) -> bool:
        """Whether to connect. For receivers that cool down, once a second over all workers, and not before their turn."""
        cooling = limits.cooling(route.name)
        if not cooling:
            return True
        with transaction():
            for head in heads:
                self._pacer.postpone(route.name, head.no)
            now = clock.now()
            is_open = WHOLE not in cooling and any(taking.is_due(head, now, but=cooling) for head in heads)
            is_due = is_open or any(taking.is_due(head, now) for head in heads)
            may_open = is_open or (is_due and slots.turn(route.name))
        release()
        if is_due and not may_open:
            self._linger_until = time.monotonic() + LINGER_SECONDS
        return may_open

    def _take_alone(self, turn: _Turn, limits: Limits) -> None:
        try:
            with transaction():
                self._take(turn, limits)
        except (OperationalError, InterfaceError):
            self._back += turn.ready
            raise
        finally:
            release()
        self._feed(turn)

    def _take(self, turn: _Turn, limits: Limits) -> None:
        """Take, make and begin messages of one mailing.

        Raises:
            _Stopped: it does not run any more.
        """
        head, route, now = turn.head, turn.route, clock.now()
        self._pacer.postpone(route.name, head.no)
        resting = {*limits.shut_groups(route.name), *route.windows.full()}
        if self._is_late:
            resting.update(route.windows.slow())
        taken = taking.take(head, turn.size, now, resting, is_quiet=self._lines.is_idle)
        chosen = self._granted(head, route, [one for one in taken if not one.refusal], limits)
        made = self._make(head, chosen, route)
        self._journal.hint(Step.RENDERED, head.no, 0, 0)
        turn.ready = self._begin(route.name, taken, made, now)
        turn.found = len(taken)
        if turn.found >= turn.size and not self._has_called:
            jobs.ring_lane(self._lane)
            self._has_called = True
        # Before the commit: whatever stops this process afterwards, a no that comes next is not overtaken.
        turn.good_until = time.monotonic() + MAIL_WITHIN_SECONDS

    def _feed(self, turn: _Turn) -> None:
        """Give the lines what has begun."""
        route = turn.route
        if turn.ready:
            self._is_dry = False
            self._has_sent = True
        elif turn.found:
            # Tokens come soon, or a window opens.
            self._linger_until = time.monotonic() + LINGER_SECONDS
        if turn.found >= turn.size:
            route.grow(self._shares.of(route.name, route.count), is_waiting=self._lines.is_waiting)
        self._keep(self._lines.feed(route, [_mail(one, turn.good_until) for one in turn.ready]))

    def _granted(self, head: Head, route: Route, allowed: Sequence[Taken], limits: Limits) -> list[Held]:
        """Those whose groups have room and tokens; the others stay as they are."""
        wanted: Counter[str] = Counter()
        chosen: list[Held] = []
        rooms: dict[str, int] = {}
        for one in allowed:
            group = one.held.domain_group
            if wanted[group] < rooms.setdefault(group, route.windows.room(group)):
                wanted[group] += 1
                chosen.append(one.held)
        if not limits.touches(route.name, wanted):
            return chosen
        taking.hold(head)
        granted = Counter(self._pacer.grant(route.name, wanted))
        within: list[Held] = []
        for held in chosen:
            if granted[held.domain_group] > 0:
                granted[held.domain_group] -= 1
                within.append(held)
        return within

    def _make(self, head: Head, chosen: Sequence[Held], route: Route) -> list[tuple[Held, Made]]:
        if chosen and chosen[0].crash_count >= CRASHES_UNTIL_ASIDE:
            # It was taken alone.
            return [(held, aside.write(held, route.settings)) for held in chosen]
        return self._writer.write(head, chosen, self._before_content)

    def _begin(
        self, route: str, taken: Sequence[Taken], made: Sequence[tuple[Held, Made]], now: datetime
    ) -> list[Ready]:
        over = [(one.held, End(MessageState.SUPPRESSED, one.refusal)) for one in taken if one.refusal]
        ready: list[Ready] = []
        for held, found in made:
            if isinstance(found, Letter):
                ready.append(Ready(held, found, route))
            elif isinstance(found, Skip):
                over.append((held, End(MessageState.SUPPRESSED, found.reason)))
            else:
                over.append((held, ends.without_content(held, found)(now)))
        outbox.finish_all(over, was=MessageState.PENDING)
        if len(ready) < len(made):
            begun = {one.held.n for one in ready}
            self._pacer.give_back(route, Counter(held.domain_group for held, _ in made if held.n not in begun))
        for domain, group in groupby(ready, key=lambda one: one.letter.domain):
            if not taking.begin([one.held for one in group], self._owner, domain, now):
                raise _Stopped
        return ready

    def _tell_away(self, route: Route) -> None:
        """Nobody could open a line: the route rests, no message pays for it."""
        result = route.away
        assert result is not None
        verdict = classify(result.code, result.enhanced, result.text, result.verb)
        said = Said("", verdict, result.verb, result.code, result.enhanced, ends.words_of(result))
        log.warning("the mail server of route %s: %s", route.name, said.words)
        ends.persist(lambda: self._pacer.learn(route.name, [said]))
        route.away = None

    # What is said on the way.

    def _before_content(self, held: Held) -> None:
        """Who dies before the next note was killed by this message's content, as far as can be told."""
        self._journal.hint(Step.RENDERING, held.head.no, held.n, held.fence)

    def _before_body(self, mail: Mail) -> None:
        # Raises OSError when it cannot be written; then nothing of the body leaves.
        held: Held = mail.tag.held
        self._journal.note(Step.BODY, held.head.no, held.n, held.fence)
        self._bodies[mail] = held

    def _after_answer(self, mail: Mail, result: Result) -> None:
        """A record whose loss leaves more doubt and no double."""
        held: Held = mail.tag.held
        code = (result.code or 0) if result.verb is Verb.DOT else 0
        self._journal.hint(Step.ANSWER, held.head.no, held.n, held.fence, code)

    def _keep(self, ended: Sequence[Ended]) -> None:
        """Remember what has come to an end until the next turn."""
        for mail, result in ended:
            ready: Ready = mail.tag
            if self._lane is Lane.BULK:
                ready.letter.data = b""  # not needed any more, and hundreds wait for the database
            self._bodies.pop(mail, None)
            if result is None:
                self._back.append(ready)
            else:
                self._results.append((ready, result))

    # What became of it.

    def _known(self) -> _Known:
        """What was heard since the last time; a mailbox that does not exist is never written to again."""
        answers = ends.judge(self._results)
        for ready, result, verdict in answers:
            if verdict.suppresses:
                ends.suppress(ready.held, ready.letter.to, ends.words_of(result))
        known = _Known(answers, self._back)
        self._results, self._back = [], []
        return known

    def _flush(self) -> None:
        self._settle(self._known())

    def _settle(self, known: _Known) -> None:
        """Write down what is known, each route by itself, however long the database takes to come back."""
        left = known.routes
        try:
            while left:
                one = known.of(left[0])
                ends.persist(lambda one=one: self._write(one))  # type: ignore[misc]  # bound now
                left.pop(0)
        except BaseException:
            # Still in hand, so that nobody takes the journal for settled.
            for route in left:
                one = known.of(route)
                self._results += [(ready, result) for ready, result, _ in one.answers]
                self._back += one.back
            raise
        self._is_dry = self._is_dry and not known.back
        self._after_writing(known)

    def _after_writing(self, known: _Known) -> None:
        _tell(known.answers)
        self._sent_count += sum(verdict.outcome is Outcome.SENT for _, _, verdict in known.answers)
        self._journal.settle(Record(Step.BODY, held.head.no, held.n, held.fence) for held in self._bodies.values())
        self._flushed_at = time.monotonic()

    def _write(self, known: _Known) -> None:
        """Results and what goes back of one route; inside a transaction."""
        _give_back([ready.held for ready in known.back], self._owner)
        said: list[Said] = []
        for no, found in groupby(sorted(known.answers, key=_mailing_of), key=_mailing_of):
            group = list(found)
            _end(group)
            heard = [ends.said_of(answer) for answer in group]
            first = group[0][0]
            if self._lane is Lane.BULK:
                self._watch.note(first.held.workspace_id, no, first.letter.from_domain, heard)
            said += heard
        for route in known.routes:
            if known.back:
                self._pacer.give_back(route, Counter(ready.held.domain_group for ready in known.back))
            self._pacer.learn(route, said)

    def _count_sent(self) -> None:
        count, self._sent_count = self._sent_count, 0
        if count:
            ends.persist(lambda: tallies.add_sent(self._lane, count))


@dataclass(slots=True)
class _Turn:
    """What is taken of a mailing in one turn."""

    head: Head
    route: Route
    size: int
    found: int = 0
    good_until: float = 0.0
    ready: list[Ready] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Known:
    """What was heard and is not yet written."""

    answers: Sequence[Answer] = ()
    back: Sequence[Ready] = ()

    @property
    def routes(self) -> list[str]:
        """The ways out that it is about."""
        return sorted({ready.route for ready, _, _ in self.answers} | {ready.route for ready in self.back})

    @property
    def is_calm(self) -> bool:
        """Whether it says nothing but that all went well, over one route."""
        return (
            not self.back
            and all(verdict.outcome is Outcome.SENT for _, _, verdict in self.answers)
            and len(self.routes) <= 1
        )

    def of(self, route: str) -> _Known:
        """The part of one route."""
        return _Known(
            [answer for answer in self.answers if answer[0].route == route],
            [ready for ready in self.back if ready.route == route],
        )


class _Stopped(Exception):
    """The mailing does not run any more: nothing of it has begun."""


def _hold_up(head: Head, fault: NoSender | Problem) -> None:
    """A mailing that cannot go: one to many waits for a person, and answers to somebody's act try again by themselves.

    One workspace's lost password keeps nobody else waiting.
    """
    words = "nobody has said yet who the mails come from" if isinstance(fault, NoSender) else fault.detail
    log.error("mailing %s cannot go: %s", head.no, words)
    if head.kind is Kind.SYSTEM:
        outbox.put_off(head, clock.now() + UNABLE_PAUSE, words)
    elif isinstance(fault, Problem):
        with contextlib.suppress(Conflict):
            pause(head.workspace_id, head.no, words)


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


def _mailing_of(answer: Answer) -> int:
    return answer[0].held.head.no


def _give_back(back: Sequence[Held], owner: str) -> None:
    for _, group in groupby(sorted(back, key=lambda held: held.head.no), key=lambda held: held.head.no):
        outbox.give_back(list(group), owner)


def _end(answers: Sequence[Answer]) -> None:
    """Write the ends of one mailing's messages."""
    now = clock.now()
    pairs = [(ready.held, ends.end_of(ready, result, verdict, now)) for ready, result, verdict in answers]
    sent = [pair for pair in pairs if pair[1].state is MessageState.SENT]
    if sent:
        outbox.sent_all(sent)
    outbox.finish_all([pair for pair in pairs if pair[1].state is not MessageState.SENT])


def _tell(answers: Sequence[Answer]) -> None:
    """One line for all that went well, one for each that did not."""
    sent = Counter(ready.held.head.no for ready, _, verdict in answers if verdict.outcome is Outcome.SENT)
    for no, count in sent.items():
        log.info("mailing %s: %s messages were sent", no, count)
    for ready, result, verdict in answers:
        if verdict.outcome is not Outcome.SENT:
            log.info("message %s: %s at %s (%s)", ready.held.number, verdict.outcome, result.verb, result.code)
