"""A database that is older than what the installation has done does not send by itself."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text

from app.delivery import highwater, moves, queries, schedule, service
from app.delivery.rules import RESTORED_DOUBT, TOO_LATE, Word
from app.delivery.rules.hours import By, Timing
from app.kernel import clock, redis
from app.kernel.db import session, transaction
from app.kernel.errors import Conflict
from app.local import doctor
from tests.support import mailing
from tests.support.mailing import running, state, states


@pytest.fixture
def place(live, tmp_path, monkeypatch):
    monkeypatch.setattr(highwater, "_folder", tmp_path / "marks")
    monkeypatch.setattr(highwater, "NEWCOMER_SECONDS", 0.0)
    forget()
    made = mailing.setting()
    mailing.crowd(made, 30)
    session().rollback()
    yield made
    forget()


def forget(*, folder: bool = False, far: bool = False) -> None:
    """As a process that has just started; and what else is lost."""
    highwater._joined.clear()
    highwater._strangers.clear()
    if folder:
        for path in highwater._folder.glob("*"):
            path.unlink()
    if far:
        redis.client().flushdb()


def beat() -> int:
    session().rollback()
    return int(session().execute(text("SELECT beat FROM installation")).scalar_one())


def put_back(to: int) -> None:
    """What a restore does to the mark."""
    with transaction():
        session().execute(text("UPDATE installation SET beat = :to"), {"to": to})


def live_on(count: int = 3) -> None:
    assert highwater.may_send()
    for _ in range(count):
        highwater.beat()


def test_a_process_that_starts_anew_goes_on_whatever_of_the_two_outside_is_lost(place):
    number = running(place)
    live_on()
    for lost in ({}, {"folder": True}, {"far": True}):
        forget(**lost)
        live_on()
        assert state(number) == "running"
    assert queries.restore_words() == []


@pytest.mark.parametrize("lost", [{}, {"folder": True}, {"far": True}], ids=["both", "redis", "folder"])
def test_a_database_that_is_behind_pauses_everything_and_lists_who_may_have_it(place, lost):
    number, later = running(place), place.launch(send_at=clock.now() + timedelta(days=1))
    live_on()
    with transaction():
        # One in a worker's hands by the backup, one that was told to come back in an hour, one that had it.
        for n, change in (
            (1, "state = 'attempting', lease_owner = 'gone', lease_until = now() + interval '1 hour'"),
            (2, "due_at = now() + interval '1 hour'"),
            (3, "state = 'sent', done_at = now()"),
        ):
            values = {"no": number, "n": n}
            session().execute(text(f"UPDATE messages SET {change} WHERE mailing_no = :no AND n = :n"), values)
    known = beat()
    put_back(1)
    forget(**lost)
    assert highwater.may_send()
    assert (state(number), state(later)) == ("paused", "paused")
    assert states(number) == {"unknown": 28, "pending": 1, "sent": 1}
    assert beat() > known
    with transaction():
        reasons = queries.count_ends(place.id, [number])[number].reasons
        assert reasons[Word.UNKNOWN] == {RESTORED_DOUBT: 28}
        assert "restored from a backup" in queries.progress(number).pause_reason
        (words,) = queries.restore_words()
        assert "2 mailings were paused" in words
    forget()
    assert highwater.may_send()  # noticed once
    assert session().execute(text("SELECT count(*) FROM restores")).scalar_one() == 1


def test_going_on_sends_nobody_what_is_in_doubt_and_a_person_may_let_it_go(place):
    number = running(place)
    live_on()
    put_back(1)
    assert highwater.may_send()  # this very process remembers
    schedule.run()
    with transaction():
        service.resume(place.id, number)
    schedule.run()
    assert state(number) == "done"
    with transaction():
        assert service.send_unknown(place.id, number) == 30
    assert states(number) == {"pending": 30}


def test_a_large_mailing_does_not_go_on_before_all_of_it_is_listed(place, monkeypatch):
    monkeypatch.setattr(moves, "SLICE", 10)
    number = running(place)
    live_on()
    put_back(1)
    assert highwater.may_send()
    assert states(number) == {"unknown": 10, "pending": 20}
    with pytest.raises(Conflict, match="still being listed"), transaction():
        service.resume(place.id, number)
    schedule.run()
    assert states(number) == {"unknown": 30}
    with transaction():
        service.resume(place.id, number)


def test_a_database_that_nobody_outside_knows_is_a_copy_unless_others_live(place, monkeypatch):
    number = running(place)
    live_on()
    monkeypatch.setattr(highwater, "NEWCOMER_SECONDS", 60.0)
    forget(folder=True, far=True)
    assert not highwater.may_send()
    put_back(beat() + 1)  # somebody else lives
    assert highwater.may_send()
    assert state(number) == "running"
    monkeypatch.setattr(highwater, "NEWCOMER_SECONDS", 0.0)
    forget(folder=True, far=True)
    assert highwater.may_send()
    assert state(number) == "paused"
    assert "neither the data folder nor Redis" in queries.restore_words()[0]


def test_numbers_that_mails_out_there_bear_are_not_given_again(place, live):
    live_on()
    with transaction():
        highest = session().execute(text("SELECT max(no) FROM mailings")).scalar_one() or 0
    with psycopg.connect(live.config["NOD"].database_url, autocommit=True) as owner:
        lost = running(place)
        highwater.beat()
        session().rollback()
        for table, column in (("messages", "mailing_no"), ("mailings", "no")):
            owner.execute(f"DELETE FROM {table} WHERE {column} = %s", (lost,))
        owner.execute("SELECT setval(pg_get_serial_sequence('mailings', 'no'), %s)", (max(highest, 1),))
        put_back(1)
        assert highwater.may_send()
        assert owner.execute("SELECT nextval(pg_get_serial_sequence('mailings', 'no'))").fetchone()[0] > lost


def test_a_mark_that_is_no_mark_is_none(place):
    live_on()
    for raw in (b"", b"{", b'{"beat": 10}', b'{"beat": "x", "at": "now", "mailing_no": 1}', b"[]"):
        next(highwater._folder.glob("*.mark")).write_bytes(raw)
        forget()
        assert highwater.may_send()
    assert queries.restore_words() == []


def test_the_doctor_says_it(place, live):
    with psycopg.connect(live.config["NOD"].database_url, autocommit=True) as connection:
        assert doctor.check_restores(connection).is_good
        live_on()
        put_back(1)
        assert highwater.may_send()
        finding = doctor.check_restores(connection)
    assert "restored from a backup" in finding.text
    assert "0 mailings were paused" in finding.advice


def test_who_should_have_had_it_while_nobody_was_at_work_waits_for_a_person(place):
    plain, by_clocks = running(place), running(place, timing=Timing(By.LOCAL, at=clock.now()))
    live_on()
    with transaction():
        session().execute(text("UPDATE messages SET due_at = now() - interval '3 hours'"))
    highwater.beat()
    assert highwater.may_send()
    assert state(by_clocks) == "running", "slow is not late: somebody was at work"
    for wake in (highwater.may_send, highwater.beat):
        with transaction():
            session().execute(text("UPDATE installation SET beaten_at = now() - interval '3 hours'"))
        wake()
        assert (state(plain), state(by_clocks)) == ("running", "paused")
        with transaction():
            assert queries.progress(by_clocks).pause_reason == TOO_LATE
            service.resume(place.id, by_clocks)
        live_on(1)
        assert state(by_clocks) == "running"
