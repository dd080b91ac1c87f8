"""A mailing to many while what it stands on is killed: workers, Redis, PostgreSQL."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from app.delivery import service
from app.delivery.editions import RETURN_PATH
from app.delivery.identity import read_return_path
from app.delivery.pacing import slots
from app.kernel import redis, tokens
from app.kernel.db import db, session, transaction
from tests.support import mailing
from tests.support.mailing import Setting, crowd, states, sums
from tests.support.smtp_sink import Copy
from tests.support.workers import Process, bulk_worker, clock, until

KILLS = 7


@pytest.fixture
def place(live, smtp) -> Setting:
    return mailing.setting()


@contextmanager
def workers(live, smtp, count: int) -> Iterator[list[Process]]:
    """So many worker processes and a clock."""
    running = [bulk_worker(live, smtp) for _ in range(count)]
    try:
        with clock(live):
            yield running
    finally:
        for process in running:
            process.close()


def let_go() -> None:
    """Hold no connection of the test's own."""
    session().rollback()
    db.session.remove()
    db.engine.dispose()


def is_over(number: int) -> bool:
    try:
        return mailing.state(number) == "done"
    finally:
        session().rollback()


def copies(smtp) -> Counter[int]:
    """How often each message of a mailing reached the server, by its number."""
    return Counter(number_of(copy) for copy in smtp.copies)


def number_of(copy: Copy) -> int:
    """Of the message that a copy is of."""
    found = read_return_path(copy.mail_from, tokens.purpose_keys(RETURN_PATH))
    assert found is not None
    return found[1]


def check_books(number: int, smtp, *, audience: int, doubt: int, kills: int = 0) -> None:
    """Nobody lost, nobody twice, every doubt shown; the books and the server agree."""
    found = sums(number)
    assert found.audience == audience
    assert found.is_whole
    assert found.waiting == found.skipped == found.failed == 0, states(number)
    assert found.unknown <= doubt
    arrived = copies(smtp)
    assert max(arrived.values()) == 1, [n for n, count in arrived.items() if count > 1]
    session().rollback()
    rows = session().execute(text("SELECT n, state FROM messages WHERE mailing_no = :no"), {"no": number})
    by_state: dict[str, set[int]] = {"sent": set(), "unknown": set()}
    for n, state in rows:
        by_state[state].add(n)
    session().rollback()
    assert by_state["sent"] <= set(arrived), "sent means that the server has it"
    assert set(arrived) - by_state["sent"] <= by_state["unknown"], (
        "what the server has is never called unsent"
    )
    doubtful = Counter(copy.connection for copy in smtp.copies if number_of(copy) in by_state["unknown"])
    assert set(doubtful.values()) <= {1}, "doubt is one a connection"


@pytest.mark.slow
def test_killed_again_and_again_nobody_is_lost_and_doubt_is_one_a_connection(place, live, smtp):
    crowd(place, 700)
    chance = random.Random(20)
    smtp.delay_at("DOT", 0.012)
    with workers(live, smtp, 3) as running:
        until(lambda: all("looks for work" in found.log or found.is_alive for found in running), 60)
        number = place.launch()
        for kill in range(KILLS):
            wanted = 40 + kill * 90
            until(
                lambda wanted=wanted: len(smtp.copies) >= wanted or is_over(number),
                60,
                lambda: running[-1].log[-2000:],
            )
            assert not is_over(number), f"all sent before kill {kill}"
            time.sleep(chance.uniform(0, 0.05))
            victim = running.pop(0)
            victim.kill()
            victim.close()
            running.append(bulk_worker(live, smtp))
        until(lambda: is_over(number), 60, lambda: (sums(number), running[-1].log[-2000:]))
    check_books(number, smtp, audience=700, doubt=KILLS * slots.USUAL)
    doubt = sums(number).unknown
    if doubt:
        with transaction():
            assert service.send_unknown(place.id, number) == doubt


def test_with_redis_emptied_and_then_gone_nobody_is_lost_or_written_twice(place, live, smtp, servers):
    crowd(place, 500)
    smtp.delay_at("DOT", 0.01)
    with workers(live, smtp, 2):
        number = place.launch()
        until(lambda: len(smtp.copies) >= 20, 60)
        for _ in range(5):
            redis.client().flushall()
            time.sleep(0.2)
        before = len(smtp.copies)
        until(lambda: len(smtp.copies) > before + 20 or is_over(number), 15)
        servers.redis.stop()
        try:
            until(lambda: is_over(number), 60, lambda: sums(number))
        finally:
            servers.redis.start()
    check_books(number, smtp, audience=500, doubt=0)


def test_without_redis_from_the_beginning_a_mailing_goes_out(place, live, smtp, servers):
    crowd(place, 60)
    servers.redis.stop()
    try:
        with workers(live, smtp, 1):
            number = place.launch()
            until(lambda: is_over(number), 60, lambda: sums(number))
    finally:
        servers.redis.start()
    check_books(number, smtp, audience=60, doubt=0)


def test_postgresql_killed_twice_in_mid_mailing_it_carries_on_by_itself(place, live, smtp, servers):
    crowd(place, 400)
    smtp.delay_at("DOT", 0.01)
    with workers(live, smtp, 2) as running:
        number = place.launch()
        for wanted in (40, 160):
            until(
                lambda wanted=wanted: len(smtp.copies) >= wanted,
                60,
                lambda: (states(number), [found.log[-2500:] for found in running]),
            )
            let_go()
            servers.postgres.kill()
            time.sleep(0.5)
            servers.postgres.start()
        until(lambda: is_over(number), 60, lambda: (sums(number), running[0].log[-2000:]))
        assert all(found.is_alive for found in running)
    check_books(number, smtp, audience=400, doubt=0)


def test_paused_twenty_times_it_begins_little_more_and_ends_whole(place, live, smtp):
    crowd(place, 600)
    smtp.delay_at("DOT", 0.01)
    with workers(live, smtp, 1):
        number = place.launch()
        until(lambda: len(smtp.copies) >= 10, 60)
        for _ in range(5):
            with transaction():
                service.pause(place.id, number)
            paused_at = time.monotonic()
            time.sleep(1.3)
            begun_late = [copy for copy in smtp.copies if copy.mail_seen_at > paused_at + 1.0]
            assert begun_late == []
            assert sums(number).is_whole
            with transaction():
                service.resume(place.id, number)
            time.sleep(0.2)
        until(lambda: is_over(number), 60, lambda: sums(number))
    check_books(number, smtp, audience=600, doubt=0)


def test_asked_to_end_a_worker_leaves_nothing_in_doubt(place, live, smtp):
    crowd(place, 500)
    smtp.delay_at("DOT", 0.04)
    with workers(live, smtp, 1) as running:
        number = place.launch()
        until(lambda: len(smtp.copies) >= 15, 60)
        running[0].terminate()
        assert running[0].wait(25) == 0
        found = states(number)
        assert set(found) == {"sent", "pending"}, found
        assert found["sent"] == len(smtp.copies)
        running.append(bulk_worker(live, smtp))
        until(lambda: is_over(number), 60, lambda: sums(number))
    check_books(number, smtp, audience=500, doubt=0)
