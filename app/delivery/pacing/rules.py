"""How fast a receiver may be written to, learnt from what it says: pure, on the clock that it is given.

A limit belongs to a route (a way out) and a group of domains, or to the route as a whole, whose group is empty.
What a server says about a recipient (from RCPT on) belongs to the recipient's group; what it says before that
belongs to the route, because it is said by our own mail server.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.delivery.retries import Blame, Verdict, cool_down
from app.delivery.rules import host_pause
from app.delivery.transports.base import Outcome, Verb

WHOLE: Final = ""
"""The group of a limit that holds for a route as a whole."""
BROKEN_LINES: Final = 3
"""So many lines that end without a word, one after the other, are a server that is away."""
CIRCUIT: Final = 20
"""So many faults of a group's host in a row, or messages put off by it, and nothing of it is tried but one probe."""
HALVING: Final = 0.5
GAIN: Final = 1.1
"""What is left grows so much a minute. By a share of what is left and not of the former speed: whoever can take only
a hundredth of that would otherwise have to ask every few seconds."""
LEAST_RATE: Final = 1 / 6
"""Messages a second: ten a minute are left whatever a receiver says."""
SLOW_START: Final = 1.0
"""Messages a second after a receiver has closed the door (421) and opened it again."""
DOUBLING_SECONDS: Final = 10.0
LONGEST_SECONDS: Final = 36_000.0
"""Ten hours bring back three hundred times the rate for each halving that there can be."""
SAME_EVENT: Final = timedelta(seconds=30)
"""What is said within this time of a halving is said about messages from before it."""
FIRST_PATIENCE: Final = timedelta(seconds=30)
LONGEST_REST: Final = timedelta(minutes=30)
PROBE: Final = timedelta(minutes=2)
"""For so long the one message that tries again keeps others waiting."""
BURST_SECONDS: Final = 0.25
"""What a bucket holds at most, in seconds of its rate, beside one message."""
_CLOSING: Final = 421
_NOT_ACCEPTING: Final = "4.3.2"
_CODES: Final = re.compile(r"[2-5]\d\d(?: [245]\.\d{1,3}\.\d{1,3})?\b")
_BY_ROUTE: Final = frozenset(
    {Verb.DNS, Verb.CONNECT, Verb.BANNER, Verb.EHLO, Verb.STARTTLS, Verb.AUTH, Verb.MAIL}
)


class Rest(StrEnum):
    """Why nothing goes out for a while."""

    PATIENCE = "patience"
    """The receiver asked for it; afterwards it begins slowly."""
    AWAY = "away"
    """Nobody answers; afterwards one message tries."""
    REFUSED = "refused"
    """Our own mail server does not let us send; afterwards one message tries."""


@dataclass(slots=True)
class Said:
    """What a server said to one attempt.

    Attributes:
        group: of the recipient's domain; empty where unknown.
        verdict: what it means.
        verb: what it answered.
        code: of the reply, or None where none came.
        enhanced: its enhanced status, or empty.
        words: the reply for people, with addresses masked.
    """

    group: str
    verdict: Verdict
    verb: Verb
    code: int | None = None
    enhanced: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Signs:
    """What a batch of answers says about a group or a route.

    Attributes:
        sent: messages that were taken.
        answers: replies that show somebody is there.
        away: faults of the host.
        doubts: lines that ended behind the final dot, so that nobody knows what became of the mail.
        is_unopened: one of them came before there was a line for mails.
        patience: the words that asked to slow down, or empty.
        is_closing: they also closed the door for the moment.
        refused: the words that refuse us altogether, or empty.
        fault: the words of the last fault of the host.
    """

    sent: int = 0
    answers: int = 0
    away: int = 0
    doubts: int = 0
    is_unopened: bool = False
    patience: str = ""
    is_closing: bool = False
    refused: str = ""
    fault: str = ""

    @property
    def is_bad(self) -> bool:
        """Whether anything must slow down."""
        return bool(self.away or self.patience or self.refused)

    def as_away(self, faults: int) -> Signs:
        """The same of somebody who has put off so many in a row and takes nothing."""
        return replace(self, answers=0, away=faults)


@dataclass(frozen=True, slots=True)
class Pace:
    """What is known about a limit. Rates are messages a second.

    Attributes:
        own_rate: what the owner allows, or None.
        rate: what was left at ``rated_at`` when the receiver asked for patience, or None.
        goal: the speed before that; the limit is gone when it is reached again.
        start: where a slow start began at ``rated_at``, or None.
        rated_at: from when on ``rate`` grows; while it rests in the future.
        rest: why nothing goes, until ``rest_until``.
        rests: rests of this kind in a row.
        faults: faults of the host in a row.
        probe_until: until then one message is trying.
        says: the server's words that led to this.
    """

    own_rate: float | None = None
    rate: float | None = None
    goal: float | None = None
    start: float | None = None
    rated_at: datetime | None = None
    rest: Rest | None = None
    rest_until: datetime | None = None
    rests: int = 0
    faults: int = 0
    probe_until: datetime | None = None
    says: str = ""

    def rests_at(self, now: datetime) -> bool:
        """Whether nothing may go out."""
        return self.rest_until is not None and self.rest_until > now

    def is_half_open(self, now: datetime) -> bool:
        """Whether one message may try, and no more."""
        return self.rest in {Rest.AWAY, Rest.REFUSED} and not self.rests_at(now)

    def learnt(self, now: datetime) -> float | None:
        """What the receiver's wish leaves at this moment; None: no longer anything."""
        if self.rate is None or self.goal is None or self.rated_at is None:
            return None
        seconds = max(0.0, (now - self.rated_at).total_seconds())
        grown: float = self.rate * GAIN ** (min(seconds, LONGEST_SECONDS) / 60)
        if grown >= self.goal:
            return None
        slow: float = self.start * 2.0 ** (min(seconds, 600.0) / DOUBLING_SECONDS) if self.start else grown
        return min(slow, grown)

    def allows(self, now: datetime) -> float | None:
        """Messages a second at this moment, rests aside; None: as fast as it goes."""
        rates = [rate for rate in (self.own_rate, self.learnt(now)) if rate is not None]
        return min(rates) if rates else None

    def free_at(self) -> datetime | None:
        """When the receiver's wish is forgotten, if nothing else is said; None: there is none."""
        if self.rate is None or self.goal is None or self.rated_at is None:
            return None
        return self.rated_at + timedelta(minutes=math.log(self.goal / self.rate, GAIN))

    def is_idle(self, now: datetime) -> bool:
        """Whether it limits nothing and remembers nothing."""
        is_awake = self.rest is None or (self.rest is Rest.PATIENCE and not self.rests_at(now))
        return self.own_rate is None and self.learnt(now) is None and is_awake and not self.faults


def read_signs(said: Iterable[Said]) -> dict[str, Signs]:
    """What a batch of answers says about each group, and under the empty name about the route as a whole.

    Where a connection ends with messages for several groups in flight and nothing was answered at all, it is the
    route that is away and not each of those groups.
    """
    found: dict[str, Signs] = {}
    for answer in said:
        if answer.group:
            found[answer.group] = _with(found.get(answer.group), answer, is_route=False)
        found[WHOLE] = _with(found.get(WHOLE), answer, is_route=True)
    lost = [group for group, signs in found.items() if group and signs.away and not signs.answers]
    whole = found.get(WHOLE, Signs())
    if not whole.answers and (whole.away or len(lost) > 1):
        fault = whole.fault or found[lost[0]].fault
        found[WHOLE] = replace(whole, away=max(whole.away, 1), fault=fault)
        for group in lost:
            found[group] = replace(found[group], away=0)
    return found


def is_put_off(answer: Said) -> bool:
    """Whether a receiver does not take a message for now, for no reason that is the message's or its first contact."""
    return (
        answer.verdict.blame is Blame.MESSAGE
        and answer.verdict.outcome is Outcome.TRANSIENT
        and answer.verb not in _BY_ROUTE
    )


def _with(signs: Signs | None, answer: Said, *, is_route: bool) -> Signs:
    known = signs or Signs()
    blame, verb = answer.verdict.blame, answer.verb
    is_mine = is_route == (verb in _BY_ROUTE or blame is Blame.TRANSPORT)
    if blame is Blame.HOST:
        is_unopened = known.is_unopened or verb not in {Verb.MAIL, Verb.RSET}
        return (
            replace(known, away=known.away + 1, is_unopened=is_unopened, fault=answer.words) if is_mine else known
        )
    if blame is Blame.TRANSPORT:
        return replace(known, refused=answer.words or "refused") if is_mine else known
    if blame is Blame.DOUBT:
        return replace(known, doubts=known.doubts + 1, fault=known.fault or answer.words)
    if verb is Verb.LOCAL:
        return known
    # A route has done its part once MAIL is answered, whatever is said; a group once anything is said about it.
    is_answer = verb not in _BY_ROUTE or (is_route and verb is Verb.MAIL)
    is_sent = answer.verdict.outcome is Outcome.SENT
    fault = answer.words if is_put_off(answer) else known.fault
    known = replace(known, sent=known.sent + is_sent, answers=known.answers + is_answer, fault=fault)
    if blame is Blame.DOMAIN and is_mine:
        is_closing = answer.code == _CLOSING or answer.enhanced == _NOT_ACCEPTING
        words = answer.words or "slow down"
        return replace(known, patience=words, is_closing=known.is_closing or is_closing)
    return known


def learn(pace: Pace, signs: Signs, now: datetime, *, is_route: bool, measured: float = 0.0) -> Pace:
    """What is known after a batch of answers.

    Args:
        pace: what was known.
        signs: of the batch.
        now: the database's clock.
        is_route: it is about a route as a whole.
        measured: messages a second that went there lately, where no rate is known.
    """
    if signs.answers:
        pace = _relieved(pace, signs, now)
    if signs.refused and not signs.answers:
        return _resting(pace, Rest.REFUSED, signs.refused, now)
    if (signs.away or signs.doubts) and not signs.answers and pace.is_half_open(now):
        # The one that tried has failed, at whatever point.
        return _resting(pace, Rest.AWAY, signs.fault, now, is_short=is_route)
    if signs.away and not signs.answers:
        pace = replace(pace, faults=min(pace.faults + signs.away, 10_000))
        # A line that ends between two mails is made new; a route rests when that does not help.
        if (is_route and (signs.is_unopened or pace.faults >= BROKEN_LINES)) or pace.faults >= CIRCUIT:
            return _resting(pace, Rest.AWAY, signs.fault, now, is_short=is_route)
    if signs.patience:
        return _slowed(pace, signs, now, measured)
    # One that says nothing either way has ended all the same: the next may try.
    return replace(pace, probe_until=None) if pace.is_half_open(now) else pace


def _relieved(pace: Pace, signs: Signs, now: datetime) -> Pace:
    """Somebody answers again."""
    pace = replace(pace, faults=0)
    if pace.rest in {Rest.AWAY, Rest.REFUSED}:
        return replace(pace, rest=None, rest_until=None, rests=0, probe_until=None)
    if pace.rest is Rest.PATIENCE and signs.sent and not signs.patience and not pace.rests_at(now):
        return replace(pace, rest=None, rest_until=None, rests=0)
    return pace


def _resting(pace: Pace, rest: Rest, says: str, now: datetime, *, is_short: bool = False) -> Pace:
    if pace.rest is rest and pace.rests_at(now):
        # Said about messages that were on their way before it began.
        return pace
    rests = pace.rests + 1 if pace.rest is rest else 1
    until = now + (host_pause(rests) if is_short else cool_down(rests))
    return replace(pace, rest=rest, rests=rests, rest_until=until, probe_until=None, says=says)


def _slowed(pace: Pace, signs: Signs, now: datetime, measured: float) -> Pace:
    is_same = pace.rated_at is not None and pace.start is None and now < pace.rated_at + SAME_EVENT
    if pace.rests_at(now) or (is_same and not signs.is_closing):
        return pace
    before = pace.allows(now) or measured
    left = max(LEAST_RATE, before * HALVING)
    goal = max(before, left / HALVING, (pace.goal or 0.0) if pace.learnt(now) is not None else 0.0)
    slowed = replace(pace, rate=left, goal=goal, start=None, rated_at=now, says=signs.patience)
    if not signs.is_closing:
        return slowed
    rests = pace.rests + 1 if pace.rest is Rest.PATIENCE else 1
    until = now + min(FIRST_PATIENCE * 2 ** min(rests - 1, 10), LONGEST_REST)
    return replace(
        slowed, rest=Rest.PATIENCE, rests=rests, rest_until=until, rated_at=until, start=min(SLOW_START, left)
    )


def words(pace: Pace, group: str, now: datetime) -> str:
    """What a limit means, for people; empty where it limits nothing. The empty group is the route as a whole."""
    if pace.rests_at(now) or pace.is_half_open(now):
        return _rest_words(pace, group, now)
    learnt, free_at = pace.learnt(now), pace.free_at()
    if learnt is not None and free_at is not None:
        back = f"back to full speed in {_span(free_at, now)}"
        return f"{_who(group)} asked us to slow down{_quoted(pace.says)} {per_minute(learnt)} now; {back}."
    if pace.own_rate is not None:
        return f"{f'{group}: at' if group else 'At'} most {per_minute(pace.own_rate)}, as you have set it."
    return ""


def _rest_words(pace: Pace, group: str, now: datetime) -> str:
    said = _quoted(pace.says)
    when = f"in {_span(pace.rest_until, now)}" if pace.rest_until and pace.rests_at(now) else "now"
    if pace.rest is Rest.PATIENCE:
        return f"{_who(group)} asked us to wait{said} We go on {when}, slowly at first."
    if pace.rest is Rest.REFUSED:
        return (
            f"{_who(group)} does not let us send{said} Nothing is lost: one mail tries again {when},"
            " and at once when you change its settings."
        )
    if group:
        return f"{group} takes no mail, {pace.faults} times in a row{said} One mail tries again {when}."
    return f"{_who(group)} is away{said} Nothing is lost: one mail tries again {when}."


def codes_of(says: str) -> str:
    """Of a server's words the reply code and status in front; empty where there is none."""
    found = _CODES.match(says)
    return found.group() if found else ""


def per_minute(rate: float) -> str:
    """A rate in words: whole messages a minute, a second where they are many."""
    if rate >= 10:
        return f"{rate:,.0f} a second"
    return f"{max(1, round(rate * 60)):,} a minute"


def _who(group: str) -> str:
    return group or "The mail server"


def _quoted(says: str) -> str:
    return f": {says.rstrip('.')}." if says else "."


def _span(until: datetime, now: datetime) -> str:
    seconds = (until - now).total_seconds()
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds" if seconds >= 1.5 else "a second"
    minutes = round(seconds / 60)
    return f"about {minutes} minutes" if minutes < 120 else f"about {round(minutes / 60)} hours"
