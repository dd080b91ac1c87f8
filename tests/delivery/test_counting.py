"""What reports count is kept as it happens, put together, and counted anew where messages were moved."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.consent import service as consent
from app.consent.rules import By, Proof, Reason
from app.delivery import counting, outbox, queries, taking
from app.delivery.outbox import End
from app.delivery.rules import Leaving, MessageState, Refusal, Word, refusal_of
from app.kernel import clock
from app.kernel.db import session as current
from app.kernel.db import transaction
from tests.support import mailing, make
from tests.support.mailing import counted_as_kept, counted_over_messages

STATUSES = (None, "5.1.1", "5.1.10", "5.2.1", "5.2.2", "4.2.2", "4.4.1", "5.7.1", "5.6.7", "5.3.4", "5.0.0", "2.0.0")


@pytest.fixture
def place(session):
    return mailing.setting()


@pytest.fixture
def number(place):
    mailing.crowd(place, 12)
    return mailing.running(place)


def begin(number, size):
    """So many messages in a worker's hand."""
    with transaction():
        now = clock.now()
        (head,) = [found for found, _ in taking.choose("bulk", now) if found.no == number]
        batch = [taken.held for taken in taking.take(head, size, now)]
        assert taking.begin(batch, "worker", "ostkai.example", now)
    return batch


def end(batch, state, **more):
    with transaction():
        outbox.finish_all([(held, End(state, **more)) for held in batch])


def same(place, number):
    kept, found = counted_as_kept(place.id, number), counted_over_messages(place.id, number)
    assert not mailing.is_in_doubt(number)
    assert (kept.words, kept.reasons, kept.refusals) == (found.words, found.reasons, found.refusals)
    return kept


def rows(number):
    query = text("SELECT count(*) FROM mailing_counts WHERE mailing_no = :no")
    return current().execute(query, {"no": number}).scalar_one()


def test_each_end_counts_at_once_with_its_reason(place, number):
    with transaction():
        outbox.sent_all([(held, End(MessageState.SENT, "250 Ok", 250)) for held in begin(number, 3)])
    end(begin(number, 2), MessageState.FAILED, code=550, status="5.1.1", reply="550 5.1.1 who is that")
    end(begin(number, 1), MessageState.FAILED, code=554, status="5.7.1", reply="554 5.7.1 blocked")
    end(begin(number, 1), MessageState.UNKNOWN)
    end(begin(number, 1), MessageState.PENDING, due_at=clock.now())
    kept = same(place, number)
    assert kept.words == {Word.WAITING: 5, Word.SENT: 3, Word.SKIPPED: 0, Word.FAILED: 3, Word.UNKNOWN: 1}
    assert kept.refusals == {Refusal.HARD: 2, Refusal.BLOCKED: 1}
    assert kept.reasons[Word.FAILED] == {"unknown address": 2, "refused": 1}
    assert kept.lately == 7


def test_a_late_result_is_counted_anew(place, number):
    batch = begin(number, 2)
    with transaction():
        current().execute(text("UPDATE messages SET lease_until = now() - interval '1 hour' WHERE state = 'attempting'"))
        outbox.reap()
    counting.run()
    assert same(place, number).words[Word.UNKNOWN] == 2
    end(batch, MessageState.SENT, code=250)
    assert mailing.is_in_doubt(number)
    assert counted_as_kept(place.id, number).words[Word.SENT] == 2, "the messages themselves say so until then"
    counting.run()
    assert same(place, number).words[Word.SENT] == 2


def test_many_rows_become_few_and_say_the_same(place, number, monkeypatch):
    monkeypatch.setattr(counting, "PUT_TOGETHER_FROM", 3)
    for _ in range(6):
        end(begin(number, 1), MessageState.SENT, code=250)
    counting.run()
    assert rows(number) == 6, "what has just ended tells how fast it goes"
    with transaction():
        current().execute(text("UPDATE mailing_counts SET at = at - interval '1 hour' WHERE id % 2 = 0"))
    counting.run()
    assert rows(number) <= 4
    kept = same(place, number)
    assert kept.words[Word.SENT] == 6
    assert kept.lately == 3


def test_two_who_count_at_once_count_once(live):
    place = mailing.setting()
    mailing.crowd(place, 4)
    number = mailing.running(place)
    end(begin(number, 2), MessageState.SENT, code=250)
    with live.extensions["sqlalchemy"].engine.begin() as other:
        other.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": counting.LOCK})
        assert not counting.recount(number)
        assert not counting.put_together(number)
    assert counting.recount(number)
    assert same(place, number).words[Word.SENT] == 2


@pytest.mark.parametrize("state", [MessageState.FAILED, MessageState.EXPIRED, MessageState.POISON, MessageState.UNKNOWN])
def test_the_people_of_a_class_are_those_that_it_counts(place, number, state):
    with transaction():
        for n, status in enumerate(STATUSES, 1):
            current().execute(
                text("UPDATE messages SET state = :state, reply_status = :status, reply_code = :code WHERE mailing_no = :no AND n = :n"),
                {"state": state, "status": status, "code": 550 if status else None, "no": number, "n": n},
            )
    expected = {}
    for n, status in enumerate(STATUSES, 1):
        expected.setdefault(refusal_of(state, 550 if status else None, status), []).append(n)
    for refusal in Refusal:
        page = queries.list_refused(place.id, number, refusal)
        assert [one.n for one in page.rows] == expected.get(refusal, [])
    counted = counted_over_messages(place.id, number).refusals
    assert counted == {refusal: len(found) for refusal, found in expected.items() if refusal}


def test_who_leaves_or_complains_within_a_week_counts_and_who_left_before_does_not(place):
    people = [make.person(place.id, f"reader{i}@example.org") for i in range(4)]
    for who in people:
        make.confirmed(place.where, who)
    number = mailing.running(place)
    leave(place, people[3])
    batch = begin(number, 4)
    end(batch, MessageState.SENT, code=250)
    leave(place, people[0])
    leave(place, people[0], interest=1)
    with transaction():
        consent.suppress(place.id, people[1].id, Reason.COMPLAINT, by=By("system"))
        current().execute(text("UPDATE messages SET began_at = began_at - interval '8 days' WHERE contact_id = :id"), {"id": people[2].id})
    leave(place, people[2])
    assert queries.count_leavings(place.id, number) == {Leaving.LEFT: 1, Leaving.COMPLAINED: 1}
    assert queries.count_leavings(make.place().id, number) == {Leaving.LEFT: 0, Leaving.COMPLAINED: 0}
    assert [one.contact_id for one in queries.list_leavings(place.id, number, Leaving.LEFT).rows] == [people[0].id]
    assert [one.contact_id for one in queries.list_leavings(place.id, number, Leaving.COMPLAINED).rows] == [people[1].id]


def test_a_permission_that_runs_out_is_nobodys_leaving(place):
    who = make.person(place.id)
    make.confirmed(place.where, who)
    number = mailing.running(place)
    end(begin(number, 1), MessageState.SENT, code=250)
    with transaction():
        until = clock.now() - timedelta(seconds=1)
        current().execute(text("UPDATE permissions SET valid_until = :until WHERE contact_id = :id"), {"until": until, "id": who.id})
    with transaction():
        assert consent.lapse() == 2
    assert queries.count_leavings(place.id, number)[Leaving.LEFT] == 0


def leave(place, who, interest=0):
    with transaction():
        consent.withdraw(place.id, who.id, [place.where.interests[interest].id], by=By(), proof=Proof(http_method="POST"))
