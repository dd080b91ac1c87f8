"""Lines and their shares: opened while servers are waited for, and no more than one worker uses."""

from __future__ import annotations

import time

import pytest

from app.delivery.lines import Lines
from app.delivery.outlets import route_of
from app.delivery.pacing.buckets import route_key
from app.delivery.pacing.slots import USUAL
from app.delivery.shares import FIRST, Shares
from tests.support.outbox import use_sink

ROUTE = "default"


@pytest.fixture
def lines():
    made = Lines(lambda _: None, lambda *_: None)
    yield made
    made.close()


def opened(lines: Lines, wanted: int) -> None:
    until = time.monotonic() + 10
    while lines.count < wanted and time.monotonic() < until:
        lines.serve(0.05)
    assert lines.count == wanted


def test_who_never_waits_for_a_server_opens_no_further_line(live, smtp, lines):
    use_sink(smtp)
    route = lines.route(route_key(None), route_of(None))
    route.grow(4)
    opened(lines, 1)
    route.open[0].has_ended = True
    lines.is_waiting = False
    route.grow(4)
    assert route.count == 1
    lines.is_waiting = True
    route.grow(4)
    assert route.count == 2
    opened(lines, 2)


def test_the_second_worker_has_lines_at_once_and_the_first_gets_more_when_it_uses_its_own(live):
    first, second = Shares("one"), Shares("two")
    assert first.of(ROUTE, 0) == FIRST
    assert second.of(ROUTE, 0) == FIRST
    assert first.of(ROUTE, FIRST - 1) == FIRST, "what is not open yet is enough"
    first._asked_at[ROUTE] -= 1
    assert first.of(ROUTE, FIRST) == 2 * FIRST
    second.release()
    first._asked_at[ROUTE] -= 1
    assert first.of(ROUTE, 2 * FIRST) == min(USUAL, 4 * FIRST)
