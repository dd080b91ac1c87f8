"""How what people are chosen by is compared, as SQL: an index answers a condition that is written exactly as it was.

Each takes the expression of a stored text and gives another one. All are immutable and none ends with an error,
whatever is stored.
"""

from __future__ import annotations

from typing import Final

from app.kernel.segment_fields import Type

BEGINNING: Final = 64
"""So many characters of a text stand in an index: a row of one has 2,700 octets at most, and a longer one is refused
to whoever writes the person."""


def folded(x: str) -> str:
    """ASCII in small letters: folding beyond it differs from server to server."""
    return f'lower({x} COLLATE "C")'


def beginning(x: str) -> str:
    """The first ``BEGINNING`` characters of it."""
    return f"left({folded(x)}, {BEGINNING})"


def day(x: str) -> str:
    """A day as ISO 8601, whose order is that of its octets."""
    return f'({x} COLLATE "C")'


def number(x: str) -> str:
    """A number; NULL for what is none."""
    return rf"(CASE WHEN {x} ~ '^-?[0-9]+(\.[0-9]+)?$' THEN CAST({x} AS numeric) END)"


def amount(x: str) -> str:
    """How much ``12.50 EUR`` is, without what; NULL for what is no money."""
    return rf"(CASE WHEN {x} ~ '^-?[0-9]+(\.[0-9]+)? [A-Z]+$' THEN CAST(split_part({x}, ' ', 1) AS numeric) END)"


def currency(x: str) -> str:
    """The currency of ``12.50 EUR``."""
    return f"split_part({x} COLLATE \"C\", ' ', 2)"


def columns(type_: Type, x: str) -> tuple[str, ...]:
    """Of what an index consists that answers conditions on a field of this type; none: there is none for it."""
    if type_ is Type.TEXT:
        return (beginning(x),)
    if type_ is Type.NUMBER:
        return (number(x),)
    if type_ is Type.DAY:
        return (day(x),)
    return (currency(x), amount(x)) if type_ is Type.MONEY else ()
