"""The score: a sum of points that halve with time, kept as one number that needs no refreshing.

A signal of weight w at time t is worth w · 2^(−(now − t)/h) points now, h being the half-life. Instead of that sum,
which changes every second, we keep s = log2 Σ w · 2^((t − L)/h) with a fixed landmark L: it changes only when a
signal comes, any order of arrival gives the same s, and whoever has more points now has the greater s for ever.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from app.kernel.sampling import Guess

LANDMARK: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""L. Never changed: it stands in every stored score."""
HALF_LIFE_DAYS: Final = 30
MIN_HALF_LIFE_DAYS: Final = 1
MAX_HALF_LIFE_DAYS: Final = 3650
MIN_WEIGHT: Final = 0.01
MAX_WEIGHT: Final = 1000.0
FAR: Final = 60.0
"""Beyond a difference of 2^60 the smaller part is less than a double can tell."""
_DAY: Final = timedelta(days=1)

HALF_WAY_POINTS: Final = 10.0
"""So many points show as 50; as many again halve what is left to 100."""
HOT_POINTS: Final = 10.0
WARM_POINTS: Final = 2.0
NEW_FOR: Final = timedelta(days=30)
MOVED_WITHIN: Final = (7, 30)
"""Days after which it is looked who has another level."""


class Level(StrEnum):
    """The score in a word."""

    NEW = "new"
    COLD = "cold"
    WARM = "warm"
    HOT = "hot"


@dataclass(frozen=True, slots=True)
class Score:
    """What a score says now: points, 0 to 100, and a level."""

    points: float
    value: int
    level: Level


@dataclass(frozen=True, slots=True)
class Rules:
    """What a workspace counts by.

    Attributes:
        no: grows with each change; scores say by which rules they were made.
        weights: points of each kind of signal; 0: it does not count.
    """

    no: int
    half_life_days: int
    weights: Mapping[str, float]

    def counts(self, kind: str) -> bool:
        """Whether signals of this kind add anything."""
        return self.weights.get(kind, 0.0) > 0


def age(at: datetime, half_life_days: int) -> float:
    """(at − L)/h: half-lives since the landmark."""
    return (at - LANDMARK) / _DAY / half_life_days


def term(weight: float, at: datetime, half_life_days: int) -> float:
    """log2 of what one signal adds; ``weight`` above 0."""
    return math.log2(weight) + age(at, half_life_days)


def add(s: float, x: float) -> float:
    """log2(2^s + 2^x), which overflows nowhere; −inf is the empty sum."""
    low, high = sorted((s, x))
    if low == -math.inf:
        return high
    return high + math.log1p(math.exp2(-min(high - low, FAR))) / math.log(2)


def total(terms: Iterable[float]) -> float:
    """log2 of the whole sum; −inf when there is none."""
    s = -math.inf
    for x in terms:
        s = add(s, x)
    return s


def points(s: float, now: datetime, half_life_days: int) -> float:
    """What a stored score is worth now."""
    exponent = s - age(now, half_life_days)
    return math.exp2(min(exponent, 1000.0)) if exponent > -1000 else 0.0


def threshold(at_least: float, now: datetime, half_life_days: int) -> float:
    """The s from which on somebody has ``at_least`` points now (above 0): a bound for an index."""
    return math.log2(at_least) + age(now, half_life_days)


def value(worth: float) -> int:
    """Points as 0 to 100: each HALF_WAY_POINTS halve the distance to 100."""
    return round(100 * (1 - math.exp2(-worth / HALF_WAY_POINTS)))


def level(worth: float, known_since: datetime, now: datetime) -> Level:
    """Hot, warm, or: new as long as we have not known them for a month, else cold."""
    if worth >= HOT_POINTS:
        return Level.HOT
    if worth >= WARM_POINTS:
        return Level.WARM
    return Level.NEW if now - known_since < NEW_FOR else Level.COLD


def score(s: float, known_since: datetime, now: datetime, half_life_days: int) -> Score:
    """What a stored score says now."""
    return score_of(points(s, now, half_life_days), known_since, now)


def score_of(worth: float, known_since: datetime, now: datetime) -> Score:
    """What so many points say."""
    return Score(worth, value(worth), level(worth, known_since, now))


RANKS: Final[Mapping[Level, int]] = {Level.NEW: 0, Level.COLD: 0, Level.WARM: 1, Level.HOT: 2}
"""Who was new and is cold now has gone neither up nor down."""


@dataclass(frozen=True, slots=True)
class Moves:
    """How many people are at a level now who were at another one, or the same, some days ago.

    Attributes:
        counts: by (level then, level now); then None: they were not here yet.
        is_sampled: they are of one person in ``sampling.ONE_IN`` only.
    """

    counts: Mapping[tuple[Level | None, Level], int]
    is_sampled: bool = False

    def words(self, count: int) -> str:
        """One of these numbers, or a sum of them, as it is told: of a sample with as many digits as it deserves."""
        return Guess(count).words if self.is_sampled else f"{count:,}"

    @property
    def people(self) -> int:
        """Everybody who is measured."""
        return sum(self.counts.values())

    @property
    def joined(self) -> int:
        """Who was not here yet."""
        return sum(count for (was, _), count in self.counts.items() if was is None)

    def moved(self, sign: int) -> int:
        """Who went up (1) or down (-1)."""
        return sum(
            count
            for (was, level), count in self.counts.items()
            if was is not None and (RANKS[level] - RANKS[was]) * sign > 0
        )

    def came(self, to: Level) -> int:
        """Who is at this level and was at another one, or not here yet."""
        return sum(count for (was, level), count in self.counts.items() if level is to and was is not to)

    def left(self, level: Level) -> int:
        """Who was at this level and is at another one."""
        return sum(count for (was, is_now), count in self.counts.items() if was is level and is_now is not level)
