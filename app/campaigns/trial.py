"""Pure decisions of trials of variants: who is in which part, whether a difference counts, how many people it takes.

The test is the two-proportion z-test, two-sided with a pooled share (Fleiss, Levin, Paik: Statistical Methods for
Rates and Proportions, 2003, 3.1), corrected after Holm (1979) where the best is compared with more than one other.
Intervals are Wilson's (1927), as Newcombe (1998) recommends.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import NormalDist
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from app.kernel.times import instant

LABELS: Final = "ABCDE"
HELD_OUT: Final = "held out"
REST: Final = "rest"
WHOLE: Final = 1_000_000
"""People are dealt out into so many slots."""
COUNTS_BELOW: Final = 0.05
POWER: Final = 0.8
LEAST_EXPECTED: Final = 5.0
"""With fewer to be expected in a variant who act, the test's normal curve is not what happens."""
LATEST: Final = timedelta(hours=168)
LIFT_WITHIN: Final = timedelta(days=7)
"""So long after its last mailing is made are orders counted, of those who got a campaign and of those held out."""
_NORMAL: Final = NormalDist()


class Goal(StrEnum):
    """What readers do that decides which variant the rest gets; the value is the kind of signal."""

    CLICK = "click"
    ORDER = "order"
    REPLY = "reply"


@dataclass(frozen=True, slots=True)
class GoalWords:
    """A goal for people: whoever did it ("clicked by hand"), all of it ("clicks"), and in a sentence ("click").

    Attributes:
        usual_rate: of a letter that nobody has acted on yet.
    """

    did: str
    plural: str
    verb: str
    usual_rate: float


GOALS: Final[Mapping[Goal, GoalWords]] = {
    Goal.CLICK: GoalWords("clicked by hand", "clicks", "click", 0.05),
    Goal.ORDER: GoalWords("ordered", "orders", "order", 0.01),
    Goal.REPLY: GoalWords("replied", "replies", "reply", 0.01),
}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the audience: whoever's slot lies from ``start`` on and before ``stop``."""

    name: str
    start: int
    stop: int

    @property
    def share(self) -> float:
        """Of the whole audience."""
        return (self.stop - self.start) / WHOLE


def parts_of(shares: Sequence[int], sample: int, holdout: int) -> list[Part]:
    """The held-out, each variant and the rest: disjoint, and together everybody.

    Args:
        shares: how much of the sample each variant has, beside the others.
        sample: percent of those who are not held out.
        holdout: percent of everybody.
    """
    held = WHOLE * holdout // 100
    tried = (WHOLE - held) * sample // 100
    edges = [held + tried * sum(shares[: i + 1]) // sum(shares) for i in range(len(shares))]
    starts = [held, *edges[:-1]]
    variants = [Part(LABELS[i], starts[i], edges[i]) for i in range(len(shares))]
    return [Part(HELD_OUT, 0, held), *variants, Part(REST, held + tried, WHOLE)]


def slot_of(key: UUID, contact_id: UUID) -> int:
    """In which slot somebody is, for the trial with this key; ``delivery.narrowing`` says the same in SQL."""
    digest = hashlib.sha256(key.bytes + contact_id.bytes).digest()
    return int.from_bytes(digest[:4], "big") * WHOLE >> 32


@dataclass(frozen=True, slots=True)
class Counted:
    """What a variant has come to: mails accepted by receivers, and people who did what the trial is about."""

    label: str
    sent: int
    acted: int

    @property
    def rate(self) -> float:
        """Of those who got it."""
        return self.acted / self.sent if self.sent else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the rate."""
        return wilson(self.acted, self.sent)


@dataclass(frozen=True, slots=True)
class Compared:
    """The best beside another variant: the test's z and p, and p as corrected; ``is_enough`` False: too few acted."""

    other: str
    z: float
    p: float
    corrected: float
    is_enough: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the numbers say: ``winner`` is what the rest gets, ``best`` has the highest rate."""

    winner: str
    best: str
    is_difference: bool
    compared: tuple[Compared, ...]
    counts: tuple[Counted, ...]

    @property
    def is_enough(self) -> bool:
        """Whether enough acted for the test to say anything."""
        return all(one.is_enough for one in self.compared)

    def stored(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Verdict:
        """What ``stored`` gave."""
        return cls(
            stored["winner"], stored["best"], stored["is_difference"],
            tuple(Compared(**one) for one in stored["compared"]), tuple(Counted(**one) for one in stored["counts"]),
        )  # fmt: skip


def judge(counts: Sequence[Counted]) -> Verdict:
    """Which variant the rest gets: the best where it differs from every other, else the first.

    To be ahead of some is not enough: so no more than one in twenty trials of equal variants finds a winner, however
    many there are.

    Args:
        counts: at least two, in the order of their labels.
    """
    best = max(counts, key=lambda one: one.rate)
    others = [one for one in counts if one is not best]
    tested = [(one, *two_proportions(best, one), is_enough(best, one)) for one in others]
    corrected = holm([p for _, _, p, _ in tested])
    compared = tuple(
        Compared(one.label, z, p, after, enough) for (one, z, p, enough), after in zip(tested, corrected, strict=True)
    )
    differs = all(one.is_enough and one.corrected < COUNTS_BELOW for one in compared)
    return Verdict((best if differs else counts[0]).label, best.label, differs, compared, tuple(counts))


def two_proportions(one: Counted, other: Counted) -> tuple[float, float]:
    """Z and the two-sided p of two rates; (0, 1) where nothing can be told."""
    if not one.sent or not other.sent:
        return 0.0, 1.0
    pooled = (one.acted + other.acted) / (one.sent + other.sent)
    error = math.sqrt(pooled * (1 - pooled) * (1 / one.sent + 1 / other.sent))
    if not error:
        return 0.0, 1.0
    z = (one.rate - other.rate) / error
    return z, math.erfc(abs(z) / math.sqrt(2))


def is_enough(one: Counted, other: Counted) -> bool:
    """Whether the test holds: if both were alike, each would have five who act and five who do not."""
    if not one.sent or not other.sent:
        return False
    pooled = (one.acted + other.acted) / (one.sent + other.sent)
    return min(one.sent, other.sent) * min(pooled, 1 - pooled) >= LEAST_EXPECTED


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's correction, in the order of ``ps``."""
    corrected, highest = [0.0] * len(ps), 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[i]))
        corrected[i] = highest
    return corrected


def wilson(acted: int, sent: int) -> tuple[float, float]:
    """The 95 % interval of a rate; from 0 to 1 where nobody got it."""
    if not sent:
        return 0.0, 1.0
    z, rate = _NORMAL.inv_cdf(0.975), acted / sent
    middle = (rate + z * z / (2 * sent)) / (1 + z * z / sent)
    half = z * math.sqrt(rate * (1 - rate) / sent + z * z / (4 * sent * sent)) / (1 + z * z / sent)
    return max(0.0, middle - half), min(1.0, middle + half)


def people_needed(rate: float, other: float, comparisons: int = 1, power: float = POWER) -> int:
    """How many people each variant needs, so that the test sees this difference that often.

    Args:
        rate: of one variant, between 0 and 1.
        other: of the other one; another number.
        comparisons: how many others the best is compared with; the strictest step of the correction counts.
        power: in how many of all such trials it is seen.
    """
    mean = (rate + other) / 2
    alpha = _NORMAL.inv_cdf(1 - COUNTS_BELOW / comparisons / 2) * math.sqrt(2 * mean * (1 - mean))
    beta = _NORMAL.inv_cdf(power) * math.sqrt(rate * (1 - rate) + other * (1 - other))
    return math.ceil(((alpha + beta) / (other - rate)) ** 2)


def rate_seen(people: int, rate: float, comparisons: int = 1) -> float | None:
    """The lowest rate of another variant that so many people each would tell from ``rate``; None: not even all."""
    for thousandth in range(math.floor(rate * 1000) + 1, 1000):
        if people_needed(rate, thousandth / 1000, comparisons) <= people:
            return thousandth / 1000
    return None


def next_like(moment: datetime, zone: str, now: datetime, *, weekday: bool) -> datetime:
    """The next time after ``now`` at the same hour and minute of the zone; ``weekday``: on the same day of the week."""
    local, today = moment.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    for days in range(9):
        day = today.date() + timedelta(days=days)
        found = instant(datetime.combine(day, local.time()), ZoneInfo(zone))
        if found > now and (not weekday or day.weekday() == local.weekday()):
            return found
    raise AssertionError("A week has each of its days.")


@dataclass(frozen=True, slots=True)
class Lift:
    """Who a campaign was made for beside those held out of it: how many of each ordered, whatever became of the mail.

    Chance alone put each person on one side, so what differs is what the campaign brought.
    """

    got: Counted
    held: Counted

    @property
    def difference(self) -> float:
        """Of the rates; above 0: it brought orders."""
        return self.got.rate - self.held.rate

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the difference (Newcombe 1998, Interval estimation for the difference, method 10)."""
        (low, high), (held_low, held_high) = self.got.interval, self.held.interval
        down = math.hypot(self.got.rate - low, held_high - self.held.rate)
        up = math.hypot(high - self.got.rate, self.held.rate - held_low)
        return self.difference - down, self.difference + up


def lift_sentence(lift: Lift) -> str:
    """What a campaign brought beyond those held out, for people."""
    rates = f"{lift.got.rate:.1%} ordered who were to get it, {lift.held.rate:.1%} of those held out"
    low, high = (100 * edge for edge in lift.interval)
    z, p = two_proportions(lift.got, lift.held)
    numbers = f"95% interval {low:+.1f} to {high:+.1f} points; z {z:.2f}, p {f'{p:.4f}' if p >= 0.0001 else 'under 0.0001'}"
    if not is_enough(lift.got, lift.held):
        return f"Too few orders to tell what it brought: {rates} ({numbers})."
    if p >= COUNTS_BELOW:
        return f"No difference that counts: {rates} ({numbers})."
    more = "more" if lift.difference > 0 else "fewer"
    return f"It brought {abs(100 * lift.difference):.1f} points {more}: {rates} ({numbers})."


def sentence(verdict: Verdict, goal: Goal = Goal.CLICK) -> str:
    """What the numbers say, for people."""
    words = GOALS[goal]
    rates = {one.label: f"{one.rate:.1%}" for one in verdict.counts}
    named = ", ".join(f"{label} {rate}" for label, rate in rates.items())
    if not verdict.is_enough:
        return f"Too few {words.plural} to tell ({named}): alike, each variant would have to expect five {words.plural} or more."
    if not verdict.is_difference:
        return f"No difference that counts ({named}): chance alone often makes one like this."
    others = ", ".join(f"{rate} in {label}" for label, rate in rates.items() if label != verdict.best)
    return (
        f"{verdict.best} brings more {words.plural} than every other variant: {rates[verdict.best]} against {others}."
        " Chance alone makes such a difference in fewer than one trial of twenty."
    )


def needed_words(verdict: Verdict, goal: Goal = Goal.CLICK) -> str:
    """How many people it would take to be sure of a difference like the one that was seen; empty where there is none."""
    by_label = {one.label: one for one in verdict.counts}
    best = by_label[verdict.best]
    others = [by_label[one.other].rate for one in verdict.compared]
    next_best = max(others)
    if verdict.is_difference or next_best in {0.0, best.rate} or best.rate == 1:
        return ""
    people = people_needed(best.rate, next_best, len(others))
    return (
        f"To tell {best.rate:.1%} from {next_best:.1%} four times of five takes {people:,} people in each variant,"
        f" which is about {round(people * next_best):,} {GOALS[goal].plural}."
    )
