"""Lines and their shares: opened while servers are waited for, and no more than one worker uses."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from app.delivery.lines import Lines
from app.delivery.outlets import route_of
from app.delivery.pacing.buckets import route_key
from app.delivery.pacing.slots import USUAL
from app.delivery.routes import PER_LINE
from app.delivery.shares import FIRST, Shares
from app.delivery.transports.exchange import Mail
from app.delivery.windows import FIRST as FIRST_MAILS
from app.delivery.windows import PART, Windows
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
    route.grow(4, is_waiting=lines.is_waiting)
    opened(lines, 1)
    route.open[0].has_ended = True
    lines.is_waiting = False
    route.grow(4, is_waiting=lines.is_waiting)
    assert route.count == 1
    lines.is_waiting = True
    route.grow(4, is_waiting=lines.is_waiting)
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


def test_an_unknown_receiver_gets_two_and_twice_as_many_with_each_answer_that_comes_soon():
    windows = Windows()
    windows.begun(["new.example"] * FIRST_MAILS)
    assert windows.full() == ["new.example"]
    windows.answered("new.example", 0.1)
    windows.answered("new.example", 0.1)
    assert windows.room("new.example") == 4 * FIRST_MAILS
    assert windows.full() == []


def test_a_slow_receiver_beside_quick_ones_holds_a_part_of_the_lines_and_alone_as_many_as_it_can_take():
    windows = Windows()
    windows.lines = 16
    for _ in range(20):
        windows.begun(["late.example"])
        windows.answered("late.example", 30.0)
    assert windows.room("late.example") == FIRST_MAILS + 20
    windows.begun(["good.example", "good.example"])
    windows.answered("good.example", 0.1)
    assert windows.room("late.example") == 16 // PART
    windows.over("good.example")
    assert windows.room("good.example") == 2 * FIRST_MAILS, "what was taken back says nothing"
    windows.waits_for("good.example")
    assert windows.room("late.example") == FIRST_MAILS + 20, "now it is the mail server that is slow"


def mail_to(group: str, seconds: float = 20) -> Mail:
    tag = SimpleNamespace(held=SimpleNamespace(domain_group=group))
    return Mail("a@ostkai.example", f"someone@{group}", b"hi\r\n", True, True, time.monotonic() + seconds, tag)


def test_nothing_waits_behind_a_slow_receiver_and_a_held_line_keeps_no_other_from_opening(live, smtp, lines):
    use_sink(smtp)
    late = smtp.hold_at("RCPT")
    route = lines.route(route_key(None), route_of(None))
    route.grow(4, is_waiting=True)
    opened(lines, 1)
    lines.feed(route, [mail_to("late.example")])
    assert late.reached.wait(10)
    ended = lines.feed(route, [mail_to("good.example") for _ in range(3)])
    route.grow(4, is_waiting=True)
    assert route.count == 1, "its pace is not known yet"
    until = time.monotonic() + 10
    while not lines.is_held and time.monotonic() < until:
        ended += lines.serve(0.05)
    assert (ended, route.room, lines.has_room) == ([], 0, False)
    route.grow(4, is_waiting=False)
    assert route.count == 2
    while len(ended) < 3 and time.monotonic() < until:
        ended += lines.serve(0.05)
    assert [mail.rcpt for mail, result in ended if result] == ["someone@good.example"] * 3
    late.release()
    while not lines.is_idle and time.monotonic() < until:
        ended += lines.serve(0.05)
    assert len(ended) == 4


def test_what_follows_others_to_a_receiver_that_has_become_slow_goes_back(live, smtp, lines):
    use_sink(smtp)
    route = lines.route(route_key(None), route_of(None))
    route.windows.begun(["good.example"])
    route.windows.answered("good.example", 0.1)
    late = smtp.hold_at("RCPT")
    route.grow(4, is_waiting=True)
    opened(lines, 1)
    ended = lines.feed(route, [mail_to("late.example"), mail_to("late.example")])
    assert late.reached.wait(10)
    until = time.monotonic() + 10
    while not ended and time.monotonic() < until:
        ended += lines.serve(0.05)
    assert [result for _, result in ended] == [None]
    assert route.windows.slow() == ["late.example"]
    assert not lines.is_idle, "the first is still in hand"
    late.release()


def test_a_slow_server_gets_few_at_a_time(live, smtp, lines):
    use_sink(smtp)
    smtp.delay_at("DOT", 0.2, times=4)
    route = lines.route(route_key(None), route_of(None))
    route.grow(1, is_waiting=True)
    opened(lines, 1)
    assert route.room == PER_LINE
    ended = lines.feed(route, [mail_to("good.example") for _ in range(4)])
    until = time.monotonic() + 10
    while len(ended) < 4 and time.monotonic() < until:
        ended += lines.serve(0.05)
    assert 1 <= route.room <= 6


@pytest.mark.parametrize(("seconds", "begun"), [(20, 2), (1, 1)])
def test_an_envelope_that_the_server_would_read_too_late_does_not_leave_with_the_dot_before_it(
    live, smtp, lines, seconds, begun
):
    use_sink(smtp)
    first = smtp.hold_at("DOT")
    route = lines.route(route_key(None), route_of(None))
    route.grow(1, is_waiting=True)
    opened(lines, 1)
    route.open[0].pace_seconds = 0.6
    lines.feed(route, [mail_to("good.example", seconds), mail_to("good.example", seconds)])
    until = time.monotonic() + 10
    while not first.reached.is_set() and time.monotonic() < until:
        lines.serve(0.01)
    assert route.open[0].exchange.begun == begun
    first.release()
