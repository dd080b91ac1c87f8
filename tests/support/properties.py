"""How much tests try: what a usual run can afford, and the whole of it by ``make test-thorough``; and any text."""

from __future__ import annotations

import os
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")

ANY = st.characters(exclude_categories=["Cs"])
"""Every character that can be written. ``st.text()`` alone asks a million of them how they are, in each worker."""
TIMES = int(os.environ.get("NOD_TESTS_TIMES", "1"))


def examples(few: int) -> int:
    """For ``settings(max_examples=...)``: what a usual run tries, as often as a thorough one asks for."""
    return few * TIMES


def whole(usual: T, thorough: T) -> T:
    """How many times, of what size, which: as in a usual run, or as in a thorough one; for tests marked ``thorough``."""
    return thorough if TIMES > 1 else usual
