"""What property tests try: few examples in each run, ten times as many by ``make test-thorough``; and any text."""

from __future__ import annotations

import os

from hypothesis import strategies as st

ANY = st.characters(exclude_categories=["Cs"])
"""Every character that can be written. ``st.text()`` alone asks a million of them how they are, in each worker."""
TIMES = int(os.environ.get("NOD_TESTS_TIMES", "1"))


def examples(few: int) -> int:
    """For ``settings(max_examples=...)``: what a usual run tries, as often as a thorough one asks for."""
    return few * TIMES
