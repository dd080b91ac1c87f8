"""The journal: what a sender's death leaves, and how it is put right."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.delivery import aside, ends, journal, pump, taking
from app.delivery.journal import Journal, Step
from app.delivery.rules import Lane
from app.delivery.writing import Writer
from app.kernel import clock
from app.kernel.db import session, transaction
from tests.support import mailing
from tests.support.mailing import Setting, crowd, running, states
from tests.support.outbox import in_context, use_sink


@pytest.fixture
def place(live, smtp) -> Setting:
    use_sink(smtp)
    return mailing.setting()


@pytest.fixture(autouse=True)
def folder(live, tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "_folder", tmp_path / "journal")
    return tmp_path / "journal"


class Sender:
    """A sender that takes some, begins the first of them, and dies; what it noted is up to the test."""

    def __init__(self, count: int, begin: int = 0) -> None:
        self.journal = Journal("host:1:abc:7")
        self.journal.open()
        with transaction():
            head, _ = taking.choose(Lane.BULK, clock.now())[0]
            self.held = [one.held for one in taking.take(head, count, clock.now())]
            assert taking.begin(self.held[:begin], "host:1:abc:7", "ostkai.example", clock.now())

    def note(self, index: int, step: Step, code: int = 0, fence: int = 0) -> None:
        held = self.held[index]
        self.journal.note(step, held.mailing_no, held.n, fence or held.fence, code)

    def die(self) -> None:
        self.journal.close(is_settled=False)


def row(n: int):
    session().rollback()
    return session().execute(text("SELECT * FROM messages WHERE n = :n AND contact_id IS NOT NULL"
                                  " AND mailing_no = (SELECT max(no) FROM mailings)"), {"n": n}).one()  # fmt: skip


def test_each_message_comes_to_where_its_sender_left_it(place, folder):
    crowd(place, 8)
    number = running(place)
    dead = Sender(8, begin=5)
    dead.note(1, Step.BODY)
    dead.note(2, Step.BODY)
    dead.note(2, Step.ANSWER, 250)
    dead.note(3, Step.BODY)
    dead.note(3, Step.ANSWER, 554)
    dead.note(4, Step.BODY)
    dead.note(4, Step.ANSWER, 0)
    dead.note(6, Step.RENDERING)
    dead.note(6, Step.RENDERED)
    dead.note(5, Step.RENDERING)
    dead.die()
    pump.reap()
    assert [row(n).state for n in range(1, 9)] == [
        "pending", "unknown", "sent", "failed", "pending", "pending", "pending", "pending",
    ]  # fmt: skip
    assert [row(n).crash_count for n in range(1, 9)] == [0, 1, 0, 0, 0, 1, 0, 0]
    assert [row(n).attempts for n in range(1, 9)] == [0, 1, 1, 1, 0, 0, 0, 0]
    assert mailing.sums(number).is_whole
    assert list(folder.glob("*.journal")) == []


def test_a_living_senders_messages_are_its_own(place, smtp):
    crowd(place, 3)
    number = running(place)
    alive = Sender(3, begin=2)
    alive.note(0, Step.BODY)
    pump.reap()
    assert states(number) == {"attempting": 2, "pending": 1}
    alive.die()
    pump.reap()
    assert states(number) == {"unknown": 1, "pending": 2}


def test_after_the_machine_went_down_no_journal_is_believed(place, monkeypatch):
    crowd(place, 3)
    number = running(place)
    dead = Sender(3, begin=2)
    dead.note(0, Step.BODY)
    dead.note(0, Step.ANSWER, 250)
    dead.die()
    monkeypatch.setattr(journal, "_boot", lambda: b"another boot")
    pump.reap()
    assert states(number) == {"unknown": 2, "pending": 1}


def test_records_of_an_older_claim_say_nothing(place):
    crowd(place, 1)
    number = running(place)
    dead = Sender(1, begin=1)
    dead.note(0, Step.BODY, fence=99)
    dead.die()
    pump.reap()
    assert states(number) == {"pending": 1}


def test_an_answer_that_says_sent_wins_over_a_lease_that_ended(place):
    crowd(place, 2)
    number = running(place)
    dead = Sender(2, begin=2)
    dead.note(0, Step.BODY)
    dead.note(0, Step.ANSWER, 250)
    with transaction():
        session().execute(
            text("UPDATE messages SET lease_until = now() - interval '1 hour' WHERE lease_owner IS NOT NULL")
        )
    pump.reap()
    assert states(number) == {"unknown": 2}, "its sender lives, but nobody heard of it in time"
    dead.die()
    pump.reap()
    assert states(number) == {"sent": 1, "unknown": 1}


def test_half_a_record_at_the_end_is_left_alone(place, folder):
    crowd(place, 2)
    number = running(place)
    dead = Sender(2, begin=2)
    dead.note(0, Step.BODY)
    kept = dead.journal._map
    at = 32 + dead.journal._length * 16
    kept[at + 1 : at + 16] = b"\xff" * 15  # all of a record but its step, which is written last
    dead.die()
    pump.reap()
    assert states(number) == {"unknown": 1, "pending": 1}


def test_a_file_that_is_no_journal_hurts_nobody(place, folder):
    folder.mkdir(parents=True)
    (folder / "x.journal").write_bytes(os.urandom(1000))
    pump.reap()
    assert list(folder.glob("*.journal")) == []


def test_a_message_that_ends_three_workers_while_it_is_written_is_set_aside_alone(place, smtp):
    crowd(place, 5)
    number = running(place)
    for _ in range(3):
        dead = Sender(0)
        dead.journal.note(Step.RENDERING, number, 3, row(3).fence)
        dead.die()
        pump.reap()
    assert row(3).state == "poison"
    pump.run_slice("bulk", deadline_seconds=10)
    assert states(number) == {"sent": 4, "poison": 1}
    assert len(smtp.messages) == 4


class Killed(BaseException):
    """The process ends here."""


def test_who_dies_of_writing_a_letter_dies_of_that_letter_alone(place, smtp, monkeypatch):
    crowd(place, 25)
    number = running(place)
    write = Writer._one

    def deadly(self, edition, held, *more):
        if held.n == 7:
            raise Killed
        return write(self, edition, held, *more)

    monkeypatch.setattr(Writer, "_one", deadly)
    # Then it is made in a process of its own, which dies as well (tests/delivery/test_aside.py).
    monkeypatch.setattr(aside, "write", lambda _held, _route: aside.Deadly("that process was ended"))
    deaths = 0
    for _ in range(6):
        try:
            pump.run_slice("bulk", deadline_seconds=10)
        except Killed:
            deaths += 1
    assert deaths == 2
    assert states(number) == {"sent": 24, "poison": 1}
    assert row(7).state == "poison"
    assert len({copy.rcpt_to for copy in smtp.copies}) == len(smtp.copies) == 24


@pytest.mark.parametrize("is_noted", [False, True])
@pytest.mark.parametrize("step", list(Step))
def test_killed_at_any_step_the_doubt_is_one_message_and_nobody_gets_two(
    place, smtp, monkeypatch, step, is_noted
):
    crowd(place, 6)
    number = running(place)
    note = Journal.note
    left = [1 if step is Step.RENDERED else 3]

    def dying(self, at, *rest):
        if at is step:
            left[0] -= 1
            if not left[0]:
                if is_noted:
                    note(self, at, *rest)
                raise Killed
        note(self, at, *rest)

    monkeypatch.setattr(Journal, "note", dying)
    with pytest.raises(Killed):
        pump.run_slice("bulk", deadline_seconds=10)
    monkeypatch.setattr(Journal, "note", note)
    pump.run_slice("bulk", deadline_seconds=10)
    is_doubtful = (step, is_noted) in {(Step.BODY, True), (Step.ANSWER, False)}
    assert states(number)["unknown"] == is_doubtful
    assert states(number)["sent"] == 6 - is_doubtful
    assert len({copy.rcpt_to for copy in smtp.copies}) == len(smtp.copies)


def test_a_slice_leaves_no_journal_behind(place, smtp, folder):
    crowd(place, 25)
    running(place)
    pump.run_slice("bulk", deadline_seconds=10)
    assert len(smtp.messages) == 25
    assert list(folder.glob("*.journal")) == []


def test_the_journal_is_emptied_with_each_batch(place, smtp, folder):
    crowd(place, 60)
    running(place)
    sizes = []

    def look() -> bool:
        sizes.extend(len(journal._read(path).records) for path in folder.glob("*.journal"))
        return False

    while pump.run_slice("bulk", stop=look):
        pass
    assert max(sizes) < 60 * 4, "four records a message, if none were forgotten"
    assert any(later < earlier for earlier, later in pairwise(sizes)), "what the database knows is forgotten"
    assert len(smtp.messages) == 60


def test_without_a_place_to_note_it_no_body_leaves(place, smtp, monkeypatch):
    crowd(place, 2)
    number = running(place)
    note = Journal.note

    def full(self, step, *rest):
        if step is Step.BODY:
            raise OSError(28, "No space left on device")
        note(self, step, *rest)

    monkeypatch.setattr(Journal, "note", full)
    pump.run_slice("bulk", deadline_seconds=2)
    assert smtp.copies == []
    assert states(number) == {"pending": 2}
    monkeypatch.undo()
    clock.set_shift(60)
    pump.run_slice("bulk", deadline_seconds=5)
    assert states(number) == {"sent": 2}


def test_an_answer_is_kept_while_the_database_is_away_for_longer_than_its_sender_waits(
    place, smtp, servers, live, monkeypatch
):
    monkeypatch.setattr(ends, "PERSIST_SECONDS", 0.5)
    crowd(place, 3)
    number = running(place)
    rule = smtp.hold_at("DOT")
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(in_context, live, pump.run_slice, "bulk")
        assert rule.reached.wait(20)
        from app.kernel.db import db

        session().rollback()
        db.session.remove()
        db.engine.dispose()
        servers.postgres.kill()
        rule.release()
        try:
            with pytest.raises(OperationalError):
                done.result(60)
        finally:
            servers.postgres.start()
    pump.run_slice("bulk", deadline_seconds=10)
    assert states(number) == {"sent": 3}
    assert len({copy.rcpt_to for copy in smtp.copies}) == len(smtp.copies) == 3


def test_what_a_killed_process_has_written_is_there(tmp_path):
    ready, wait = os.pipe(), threading.Event()
    pid = os.fork()
    if not pid:
        kept = Journal("child:1")
        kept.open()
        for n in range(1000):
            kept.note(Step.BODY, 4_000_000_000, 2**39 + n, 2**31)
        os.write(ready[1], b"x")
        while True:
            wait.wait(60)
    os.read(ready[0], 1)
    with journal.left_behind() as dead:
        assert list(dead) == [], "it lives"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with journal.left_behind() as dead:
        (left,) = list(dead)
    assert (left.owner, left.is_believed, len(left.records)) == ("child:1", True, 1000)
    last = left.records[-1]
    assert (last.step, last.mailing_no, last.n, last.fence) == (Step.BODY, 4_000_000_000, 2**39 + 999, 2**31)
    for end in ready:
        os.close(end)


def test_a_note_costs_microseconds(tmp_path):
    kept = Journal("quick:1")
    kept.open()
    began = time.perf_counter()
    for n in range(5000):
        kept.note(Step.BODY, 1, n, 1)
    assert (time.perf_counter() - began) / 5000 < 0.0005
    kept.close(is_settled=True)
