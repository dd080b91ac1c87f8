"""Transactions: returning commits, raising rolls back, bells ring after the commit and only then."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from flask import current_app
from sqlalchemy import event, text

from app.kernel import clock, events, jobs, presence, schedule
from app.kernel.db import db, once, session, transaction
from app.kernel.health import beat, seconds_since_beat
from tests.support.workers import until


class Listener:
    def __init__(self):
        self.heard = []

    def ring(self, queue, actor, argument):
        self.heard.append((queue, actor, argument))


@pytest.fixture
def bell(live):
    listener = Listener()
    jobs.install_bell(listener)
    yield listener
    jobs.install_bell(jobs.SilentBell())


def test_a_bell_rings_after_the_commit_once(bell):
    with transaction():
        jobs.ring_lane("system")
        jobs.ring_lane("system")
        assert bell.heard == []
    assert bell.heard == [("system", "send_slice", "system")]


def test_what_is_rolled_back_rings_nobody(bell):
    with pytest.raises(ValueError, match="no"), transaction():
        jobs.ring_job("consent.seal")
        raise ValueError("no")
    with transaction():
        pass
    assert bell.heard == []


def test_an_inner_transaction_joins_the_outer_one(live):
    with pytest.raises(ValueError, match="late"), transaction():
        with transaction():
            beat("worker", "one")
        raise ValueError("late")
    assert seconds_since_beat("worker") is None


def test_the_clock_is_the_databases_and_stands_still_within_a_transaction(live):
    with transaction() as current:
        first = clock.now()
        current.execute(text("SELECT pg_sleep(0.02)"))
        assert clock.now() == first
    with transaction():
        assert clock.now() > first
    clock.set_shift(3600)
    with transaction():
        assert (clock.now() - first).total_seconds() >= 3600


def test_a_busy_act_goes_on_from_what_the_database_told_a_moment_ago(live, monkeypatch):
    asked = []
    heard = lambda *args: asked.append(args[2])  # noqa: E731
    event.listen(db.engine, "before_cursor_execute", heard)
    try:
        with transaction():
            first = clock.now()
        with transaction():
            clock.use_recent()
            second = clock.now()
            assert clock.now() == second
        assert len(asked) == 1
        with transaction():
            assert first < second < clock.now(), "it goes on, and is never ahead of the database"
        monkeypatch.setattr(clock, "RECENT_SECONDS", 0.0)
        with transaction():
            clock.use_recent()
            clock.now()
        assert len(asked) == 3, "what was told long ago is asked anew"
    finally:
        event.remove(db.engine, "before_cursor_execute", heard)


def test_a_connection_that_the_server_has_ended_is_replaced_without_asking(live):
    asked = []
    heard = lambda *args: asked.append(args[2])  # noqa: E731
    with transaction() as current:
        number = current.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with psycopg.connect(current_app.config["NOD"].database_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [number])
    event.listen(db.engine, "before_cursor_execute", heard)
    try:
        with transaction() as current:
            assert current.execute(text("SELECT 42")).scalar_one() == 42
    finally:
        event.remove(db.engine, "before_cursor_execute", heard)
    assert asked == ["SELECT 42"]


def test_a_failing_handler_fails_the_act(live):
    class Happened:
        pass

    def broken(_):
        raise ValueError("handler")

    events.subscribe(Happened, broken)
    with pytest.raises(ValueError, match="handler"), transaction():
        beat("worker", "two")
        events.publish(Happened())
    assert seconds_since_beat("worker") is None


def test_a_job_runs_once_per_interval_however_many_ask(live):
    ran = []
    jobs.register(jobs.Job("tests.tick", lambda: ran.append(1), every_seconds=3600))
    try:
        assert "tests.tick" in schedule.due()
        assert schedule.run("tests.tick")
        assert not schedule.run("tests.tick")
        assert "tests.tick" not in schedule.due()
        assert schedule.run("tests.tick", forced=True)
    finally:
        jobs._jobs.pop("tests.tick")
    assert len(ran) == 2


def test_what_people_ring_for_waits_for_no_interval_and_rings_meanwhile_are_one_run_more(live):
    ran, at_work, may_end = [], threading.Event(), threading.Event()

    def work() -> None:
        ran.append(time.monotonic())
        at_work.set()
        may_end.wait(10)

    jobs.register(jobs.Job("tests.rung", work, every_seconds=3600, is_rung=True))
    app = current_app._get_current_object()

    def ring() -> bool:
        with app.app_context():
            return schedule.run("tests.rung")

    try:
        with ThreadPoolExecutor() as threads:
            first = threads.submit(ring)
            assert at_work.wait(10)
            # What these rang for may have come a moment too late for the run that is under way.
            assert [ring() for _ in range(5)] == [False] * 5, "it is at work"
            may_end.set()
            assert first.result(10)
        assert len(ran) == 2
        assert ran[1] - ran[0] >= schedule.RUNG_SECONDS * 0.9
        assert ring(), "it is free again"
    finally:
        jobs._jobs.pop("tests.rung")
    assert len(ran) == 3


def test_a_job_that_is_rung_without_end_gives_its_thread_back_and_rings_for_itself(bell, monkeypatch):
    monkeypatch.setattr(schedule, "AT_ONCE_SECONDS", 0.0)
    jobs.register(jobs.Job("tests.rung", lambda: None, is_rung=True))
    try:
        assert schedule.run("tests.rung")
    finally:
        jobs._jobs.pop("tests.rung")
    assert bell.heard == [("jobs", "run_job", "tests.rung")]


@pytest.mark.parametrize("is_rung", [True, False])
def test_a_job_is_taken_over_when_whoever_was_at_it_is_gone_and_no_sooner(live, monkeypatch, is_rung):
    monkeypatch.setattr(schedule, "GONE_SECONDS", 0)
    ran, may_end = [], threading.Event()

    def work() -> None:
        ran.append(1)
        if len(ran) == 1:
            may_end.wait(20)

    jobs.register(jobs.Job("tests.slow", work, every_seconds=3600, is_rung=is_rung))
    app = current_app._get_current_object()

    def ask() -> bool:
        with app.app_context():
            return schedule.run("tests.slow")

    try:
        with ThreadPoolExecutor() as threads:
            first = threads.submit(ask)
            until(lambda: ran)
            assert not ask(), "it is at work, however long it takes"
            # What PostgreSQL sees of a process that is killed: its connection ends.
            with psycopg.connect(live.config["NOD"].database_url, autocommit=True) as other:
                holders = other.execute("SELECT pid FROM pg_locks WHERE classid = %s", [presence.CLASS]).fetchall()
                assert len(holders) == 1
                other.execute("SELECT pg_terminate_backend(%s, 5000)", holders[0])
            assert len(ran) == 1
            assert ask(), "nobody is at it any more"
            assert len(ran) == 2
            may_end.set()
            first.result(10)
    finally:
        jobs._jobs.pop("tests.slow")
    with psycopg.connect(live.config["NOD"].database_url) as other:
        assert not other.execute("SELECT 1 FROM pg_locks WHERE classid = %s", [presence.CLASS]).fetchall()


def test_a_job_that_ended_its_process_is_given_some_seconds(live):
    jobs.register(jobs.Job("tests.poison", lambda: None, every_seconds=1))
    began = "INSERT INTO job_runs (name, started_at) VALUES ('tests.poison', now() - make_interval(secs => :ago))"
    try:
        with transaction() as current:
            current.execute(text(began), {"ago": 4})
        assert not schedule.run("tests.poison")
        with transaction() as current:
            current.execute(text("UPDATE job_runs SET started_at = started_at - interval '11 seconds'"))
        assert schedule.run("tests.poison")
    finally:
        jobs._jobs.pop("tests.poison")


def explained(statement: str, values: dict[str, object]) -> str:
    return "\n".join(session().execute(text(f"EXPLAIN (ANALYZE) {statement}"), values).scalars())


@pytest.mark.parametrize("is_rung", [True, False])
def test_where_nothing_is_wrong_nobody_looks_for_who_is_at_a_job(live, count_statements, is_rung):
    jobs.register(jobs.Job("tests.often", lambda: None, every_seconds=3600, is_rung=is_rung))
    claim = (schedule._CLAIM_OR_RING if is_rung else schedule._CLAIM).text
    values = {"name": "tests.often", "every": 0, "pause": 0, "stuck": 120, "gone": 10}
    try:
        assert schedule.run("tests.often")
        with count_statements() as statements:
            assert schedule.run("tests.often", forced=True)
        assert len(statements) == 3, "claimed, finished, left"
        with transaction() as current:
            plan = explained(claim, values)
            assert "pg_lock_status" in plan
            assert "never executed" in plan
            assert "never executed" in explained(claim, values), "it is at work since now"
            current.execute(text("UPDATE job_runs SET started_at = now() - interval '1 minute'"))
            assert "never executed" not in explained(claim, values)
    finally:
        jobs._jobs.pop("tests.often")


def test_a_job_is_not_run_before_its_time_because_it_ran_long_ago(live):
    ran = []
    jobs.register(jobs.Job("tests.hourly", lambda: ran.append(1), every_seconds=3600))
    try:
        assert schedule.run("tests.hourly")
        with transaction() as current:
            current.execute(text("UPDATE job_runs SET started_at = started_at - interval '10 minutes'"))
        assert not schedule.run("tests.hourly"), "a ring that lay in the queue"
    finally:
        jobs._jobs.pop("tests.hourly")
    assert ran == [1]


def test_a_failing_job_is_written_down_and_runs_again(live):
    def fail():
        raise ValueError("full disk")

    jobs.register(jobs.Job("tests.fail", fail, every_seconds=1))
    try:
        assert not schedule.run("tests.fail")
    finally:
        jobs._jobs.pop("tests.fail")
    row = session().execute(text("SELECT error, finished_at FROM job_runs WHERE name = 'tests.fail'")).one()
    assert "full disk" in row.error
    assert row.finished_at is not None


def test_the_application_runs_as_a_role_of_its_own(live):
    with db.engine.connect() as connection:
        assert connection.execute(text("SELECT current_user")).scalar_one() == "nod_app"


def test_what_a_batch_asks_for_again_is_made_once_a_transaction(live):
    made: list[int] = []

    def make() -> int:
        made.append(1)
        return len(made)

    with transaction():
        assert [once("brand", make), once("brand", make), once("topics", make)] == [1, 1, 2]
    with transaction():
        assert once("brand", make) == 3, "the next transaction asks anew"
    assert [once("brand", make), once("brand", make)] == [4, 5], "nothing would end it"
