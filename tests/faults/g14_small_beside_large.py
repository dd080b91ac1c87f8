"""G14: a small mailing starts beside a large one, and somebody signs up meanwhile; neither waits for it."""

from __future__ import annotations

import math
import time

from app.delivery import service
from app.kernel.db import transaction
from tests.faults.checker import Outcome, check, number_in
from tests.faults.script import Rule
from tests.faults.site import Site
from tests.support.outbox import wish
from tests.support.workers import until

NAME = "G14"
SHORT = {"large": 1_900, "small": 40, "questions": 8, "rate": 120}
LONG = {"large": 200_000, "small": 500, "questions": 60, "rate": 0}
QUESTION_SECONDS = 5.0
PAUSE_SECONDS = 0.1
"""Between one who signs up and the next."""


def run(site: Site, large: int, small: int, questions: int, rate: float) -> Outcome:
    """The small one alone first, then one like it in mid-course of the large one."""
    site.start_all()
    site.mail.behave(*([Rule("DOT", rate=rate)] if rate else []))
    alone, first = _seconds(site, site.place(small))
    crowd, other = site.place(large), site.place(small)
    with transaction():
        service.set_sender(other.id, "Ostkai", "hello@ostkai.example")
    number = crowd.launch()
    until(lambda: site.state(number) == "running", 300, site.logs)
    known = len(site.seen.copies)
    until(lambda: len(site.seen.copies) >= known + 20, 60, site.logs)
    asked = [_ask(other) for _ in range(questions)]
    beside, second = _seconds(site, other)
    until(lambda: {key for key, _ in asked} <= set(_arrivals(site)), 60, site.logs)
    running = site.state(number) == "running"
    if running:
        with transaction():
            service.cancel(crowd.id, number)
    site.until_ended(number, seconds=60)
    outcome = check(site, [number, first, second])
    arrived = _arrivals(site)
    waits = sorted(arrived[key] - began for key, began in asked)
    slowest = waits[min(len(waits) - 1, math.ceil(len(waits) * 0.99) - 1)]
    outcome.with_figure("small_alone_seconds", alone)
    outcome.with_figure("small_beside_seconds", beside)
    outcome.with_figure("question_p99_seconds", slowest)
    outcome.demand(running, "the large one was over before the small one")
    outcome.demand(beside <= 2 * alone + 5, f"the small one took {beside:.1f} s instead of {alone:.1f} s")
    outcome.demand(slowest <= QUESTION_SECONDS, f"a question waited for {slowest:.1f} s")
    return outcome


def _seconds(site: Site, place) -> tuple[float, int]:
    began = time.monotonic()
    number = place.launch()
    site.until_ended(number, seconds=120)
    return time.monotonic() - began, number


def _ask(place) -> tuple[tuple[int, int], float]:
    """A question on its way: its message and when it was wished for, by the wall clock."""
    wished, began = wish(place.where), time.time()
    row = wished.row()
    time.sleep(PAUSE_SECONDS)
    return (row.mailing_no, row.n), began


def _arrivals(site: Site) -> dict[tuple[int, int] | None, float]:
    """When the server had each message, by the wall clock."""
    return {number_in(copy.message_id): copy.wall for copy in site.seen.copies}
