"""How many examples property tests try: few in each run, ten times as many by ``make test-thorough``."""

from __future__ import annotations

import os

TIMES = int(os.environ.get("NOD_TESTS_TIMES", "1"))


def examples(few: int) -> int:
    """For ``settings(max_examples=...)``: what a usual run tries, as often as a thorough one asks for."""
    return few * TIMES
