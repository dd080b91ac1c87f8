"""Worker processes as they run in earnest: rung, polled, drained, killed."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from app.kernel import redis
from app.kernel.db import db, session
from tests.conftest import environment_of
from tests.support.outbox import Wish, place_with_sender, wish
from tests.support.workers import BULK_WORKER, WORKER, Process, clock, until, worker

BULK_NICE = 10
pytestmark = pytest.mark.usefixtures("live")
LATER = {"NOD_CLOCK_SHIFT_SECONDS": str(16 * 60)}


@pytest.fixture
def where(live):
    return place_with_sender()


def no_ring() -> None:
    """Lose every ring, as a lost Redis would."""
    redis.client().flushdb()


def let_go() -> None:
    """Hold no connection of the test's own."""
    session().commit()
    db.session.remove()
    db.engine.dispose()


def test_a_wish_is_sent_within_seconds_of_its_commit(live, smtp, where):
    with worker(live, smtp):
        wished = wish(where)
        smtp.wait_for(1, seconds=4)
        until(lambda: wished.state == "sent", 5)
        until(
            lambda: (
                session().execute(text("SELECT count(*) FROM heartbeats WHERE kind = 'worker'")).scalar_one()
            )
        )


def test_who_sends_nothing_but_mailings_gives_way_to_who_answers_people(live):
    only_bulk = (*BULK_WORKER[:-5], "bulk", *BULK_WORKER[-3:])
    for command, wanted in ((only_bulk, {0, BULK_NICE}), (WORKER, {0})):
        process = Process(command, environment_of(live.config["NOD"], NOD_LOG_LEVEL="INFO"))
        try:
            process.wait_for("looks for work")
            assert process.niceness == wanted, "the parent only waits"
        finally:
            process.close()


@pytest.mark.slow
def test_two_processes_send_sixty_mails_once_each(live, smtp, where):
    with worker(live, smtp), worker(live, smtp):
        for _ in range(60):
            wish(where)
        smtp.wait_for(60, seconds=60)
        until(
            lambda: (
                not session()
                .execute(text("SELECT count(*) FROM messages WHERE state <> 'sent'"))
                .scalar_one()
            )
        )
    recipients = [copy.rcpt_to for copy in smtp.copies]
    assert len(recipients) == len(set(recipients)) == 60


@pytest.mark.slow
def test_a_worker_killed_after_begin_leaves_doubt_that_is_tried_once_more(live, smtp, where):
    rule = smtp.hold_at("DOT")
    with worker(live, smtp) as victim:
        wished = wish(where)
        assert rule.reached.wait(20)
        assert wished.state == "attempting"
        victim.kill()
    rule.release()
    until(lambda: len(smtp.copies) == 1)
    soon = {"NOD_CLOCK_SHIFT_SECONDS": str(13 * 60)}
    with worker(live, smtp, **soon), clock(live, **soon):
        until(lambda: wished.state == "unknown", 20)
        assert len(smtp.copies) == 1
    with worker(live, smtp, **LATER), clock(live, **LATER):
        until(lambda: wished.state == "sent", 20)
    first, second = smtp.copies
    assert first.message_id == second.message_id
    assert first.raw == second.raw
    assert (wished.row().crash_count, wished.row().doubts) == (1, 1)


def test_a_worker_killed_while_it_opens_a_line_loses_nothing(live, smtp, where):
    rule = smtp.hold_at("EHLO")
    with worker(live, smtp) as victim:
        wished = wish(where)
        assert rule.reached.wait(20)
        assert wished.state == "pending"
        victim.kill()
    rule.release()
    with worker(live, smtp), clock(live):
        until(lambda: wished.state == "sent", 20)
    assert len(smtp.copies) == 1


def test_asked_to_end_a_worker_brings_what_is_in_hand_to_its_end_and_takes_nothing_new(live, smtp, where):
    rule = smtp.hold_at("DOT", times=None)
    with worker(live, smtp) as leaving:
        wishes = [wish(where) for _ in range(6)]
        assert rule.reached.wait(20)
        leaving.terminate()
        leaving.wait_for("Shutting down")
        rule.release()
        assert leaving.wait(25) == 0
    states = [found.state for found in wishes]
    # Two slices, and at first two are in flight to a receiver that has not answered yet.
    assert 1 <= states.count("sent") == len(smtp.copies) <= 4
    assert states.count("pending") == 6 - len(smtp.copies)


def test_a_ring_in_hand_while_redis_goes_away_keeps_nobody_waiting(live, smtp, where, servers):
    rule = smtp.hold_at("DOT")
    with worker(live, smtp) as leaving:
        wished = wish(where)
        assert rule.reached.wait(20)
        servers.redis.stop()
        try:
            rule.release()
            until(lambda: wished.state == "sent", 10)
            leaving.terminate()
            assert leaving.wait(10) == 0
        finally:
            servers.redis.start()


def test_with_redis_away_a_worker_looks_for_itself(live, smtp, where, servers):
    with worker(live, smtp) as working:
        servers.redis.stop()
        try:
            wished = wish(where)
            smtp.wait_for(1, seconds=15)
            until(lambda: wished.state == "sent", 5)
            until(lambda: session().execute(text("SELECT count(*) FROM job_runs")).scalar_one() > 0, 15)
            working.terminate()
            assert working.wait(25) == 0, "with Redis away a worker ends all the same"
        finally:
            servers.redis.start()


def test_when_redis_comes_back_rings_are_heard_again(live, smtp, where, servers):
    with worker(live, smtp):
        servers.redis.stop()
        first = wish(where)
        until(lambda: first.state == "sent", 20)
        servers.redis.start()
        until(lambda: redis.attempt(lambda client: client.ping()) is not None, 15)
        until(lambda: redis.client().zcard("nod:__heartbeats__"), 15)
        second = wish(where)
        until(lambda: second.state == "sent", 15)
    assert len(smtp.copies) == 2


def test_a_lost_ring_costs_seconds_and_loses_nothing(live, smtp, where):
    wished = wish(where)
    no_ring()
    with worker(live, smtp):
        until(lambda: wished.state == "sent", 20)


def test_after_a_restart_of_postgresql_a_worker_carries_on(live, smtp, where, servers):
    with worker(live, smtp) as working:
        wished = wish(where)
        until(lambda: wished.state == "sent", 15)
        let_go()
        servers.postgres.kill()
        servers.postgres.start()
        wished = wish(where)
        until(lambda: wished.state == "sent", 15)
        assert working.is_alive
    assert len(smtp.copies) == 2


def test_an_answer_that_came_while_postgresql_was_away_is_not_lost(live, smtp, where, servers):
    rule = smtp.hold_at("DOT")
    with worker(live, smtp):
        wished = wish(where)
        assert rule.reached.wait(20)
        let_go()
        servers.postgres.kill()
        rule.release()
        threading.Event().wait(1)
        servers.postgres.start()
        until(lambda: wished.state == "sent", 20)
    assert len(smtp.copies) == 1


def job_runs() -> int:
    session().commit()
    return session().execute(text("SELECT count(*) FROM job_runs WHERE finished_at IS NOT NULL")).scalar_one()


def test_the_clock_rings_for_due_messages_and_jobs(live, smtp, where):
    wished: Wish = wish(where)
    no_ring()
    with clock(live) as scheduler:
        until(lambda: redis.client().llen("nod:system"), 20, lambda: scheduler.log)
        with worker(live, smtp):
            until(lambda: wished.state == "sent", 15)
            until(lambda: job_runs() >= 3, 15, lambda: scheduler.log)
        scheduler.terminate()
        assert scheduler.wait(5) == 0
        assert "the clock has stopped" in scheduler.log
        assert "Traceback" not in scheduler.log


def leaders() -> int:
    session().commit()
    query = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = "
                 "(SELECT oid FROM pg_database WHERE datname = current_database())")  # fmt: skip
    return session().execute(query).scalar_one()


def test_of_two_clocks_one_leads_and_the_other_takes_over(live):
    with clock(live) as first:
        first.wait_for("this clock leads")
        with clock(live) as second:
            until(
                lambda: (
                    session()
                    .execute(text("SELECT count(*) FROM heartbeats WHERE kind = 'clock'"))
                    .scalar_one()
                    == 2
                )
            )
            assert leaders() == 1
            assert "leads" not in second.log
            first.kill()
            second.wait_for("this clock leads", 10)
            assert leaders() == 1


def test_the_clock_waits_for_servers_that_are_away_and_says_so_once(live, servers):
    with clock(live) as scheduler:
        scheduler.wait_for("this clock leads")
        let_go()
        servers.postgres.kill()
        scheduler.wait_for("the database is away")
        servers.redis.stop()
        try:
            servers.postgres.start()
            scheduler.wait_for("the database is back")
            scheduler.wait_for("Redis is away", 15)
        finally:
            servers.redis.start()
        scheduler.wait_for("Redis is back", 15)
        assert scheduler.log.count("the database is away") == 1
        assert "Traceback" not in scheduler.log
        assert leaders() == 1
