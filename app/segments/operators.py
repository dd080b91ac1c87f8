"""The operators of each type of field: what they are called, what they take, and which of them turns which around."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.kernel.segment_fields import SegmentField, Type


@dataclass(frozen=True, slots=True)
class Operator:
    """One way to compare.

    Attributes:
        words: in a list and in a sentence.
        takes: which of ``value``, ``times`` and ``days`` have to be there.
        may_take: which of ``days`` and ``of`` may be there.
        turns: the operator that it is the exact opposite of.
        after: words behind what it takes.
    """

    name: str
    words: str
    takes: tuple[str, ...] = ("value",)
    may_take: tuple[str, ...] = ()
    turns: str = ""
    after: str = ""


def _known(words: str = "is known", otherwise: str = "is not known") -> tuple[Operator, Operator]:
    return Operator("is_known", words, ()), Operator("is_not_known", otherwise, (), turns="is_known")


_IS: Final = (Operator("is", "is"), Operator("is_not", "is not", turns="is"))
_CONTAINS: Final = (
    Operator("contains", "contains"),
    Operator("does_not_contain", "does not contain", turns="contains"),
)
_BOUNDS: Final = (Operator("at_least", "is at least"), Operator("at_most", "is at most"))
_ABSOLUTE: Final = (Operator("before", "before"), Operator("from", "on or after"))
_PAST: Final = (
    Operator("in_last", "in the last", ("days",), after="days"),
    Operator("more_than_ago", "more than", ("days",), after="days ago"),
)

OPERATORS: Final[Mapping[Type, tuple[Operator, ...]]] = {
    Type.TEXT: (*_IS, *_CONTAINS, Operator("begins_with", "begins with"), Operator("ends_with", "ends with"), *_known()),
    Type.NUMBER: (*_BOUNDS, *_IS, *_known()),
    Type.MONEY: (*_BOUNDS, *_known()),
    Type.DAY: (
        *_PAST, Operator("in_next", "in the next", ("days",), after="days"), Operator("is", "on"), *_ABSOLUTE, *_known(),
    ),
    Type.MOMENT: (*_PAST, *_ABSOLUTE, *_known("ever", "never")),
    Type.CHOICE: (*_IS, *_known()),
    Type.CHOICES: (*_CONTAINS, *_known()),
    Type.ACT: (
        Operator("did", "did", (), ("days", "of")),
        Operator("did_not", "did not", (), ("days", "of"), turns="did"),
        Operator("at_least", "at least", ("times",), ("days", "of"), after="times"),
    ),
    Type.MEMBER: (Operator("is", "is in"), Operator("is_not", "is not in", turns="is")),
}  # fmt: skip


def operators_of(field: SegmentField) -> tuple[Operator, ...]:
    """Those that a field offers, in their order."""
    known = OPERATORS[field.type]
    return tuple(found for found in known if not field.operators or found.name in field.operators)
