"""One person in sixteen, always the same ones: who is looked at where looking at everybody would take too long.

About how many people that means: while somebody looks, at once is worth more than exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log10, sqrt
from typing import Final

ONE_IN: Final = 16
FROM_PEOPLE: Final = 50_000
"""Fewer are counted: it takes no longer than anybody waits."""
_FEW: Final = 10
_MANY: Final = 2_500
"""From so many hits on the third digit says something: they are off by 2 % in two of three cases."""


def is_sampled(person: str) -> str:
    """The condition in SQL; ``person``: an expression of their id. Indexes of samples have it, word for word."""
    return f"(uuid_hash({person}) & {ONE_IN - 1}) = 0"


@dataclass(frozen=True, slots=True)
class Guess:
    """What a sample says of everybody; ``hits``: people in it."""

    hits: int

    @property
    def people(self) -> int:
        """The likeliest number."""
        return self.hits * ONE_IN

    @property
    def words(self) -> str:
        """The number with as many digits as it deserves; of a few hits only what it is below."""
        if self.hits < _FEW:
            # Three deviations, and of no hit at all as many as would be missed once in four hundred times.
            most = ONE_IN * (self.hits + 3 * sqrt(self.hits) + 6)
            return f"fewer than {_up(most):,}"
        return f"about {_rounded(self.people, 3 if self.hits >= _MANY else 2):,}"


def _rounded(number: int, digits: int) -> int:
    return round(number, digits - 1 - int(log10(number)))


def _up(number: float) -> int:
    step: int = 10 ** int(log10(number))
    return ceil(number / step) * step
