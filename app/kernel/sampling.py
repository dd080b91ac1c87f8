"""One person in sixteen, always the same ones: who is looked at where looking at everybody would take too long."""

from __future__ import annotations

from typing import Final

ONE_IN: Final = 16


def is_sampled(person: str) -> str:
    """The condition in SQL; ``person``: an expression of their id. Indexes of samples have it, word for word."""
    return f"(uuid_hash({person}) & {ONE_IN - 1}) = 0"
