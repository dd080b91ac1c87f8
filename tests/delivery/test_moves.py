"""Wishes for whole mailings: they hold at once, their rows follow in slices, and whoever dies between two is no loss."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.delivery import moves, queries, schedule, service
from app.delivery.events import MailingFinished
from app.delivery.rules import Sums
from app.kernel import clock, events
from app.kernel.db import session, transaction
from app.kernel.errors import Conflict
from tests.delivery.test_bulk import send
from tests.support import mailing
from tests.support.mailing import Setting, crowd, due, grow, running, states, sums
from tests.support.outbox import use_sink


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def place(live, smtp) -> Setting:
    use_sink(smtp)
    return mailing.setting()


@pytest.fixture
def small_slices(monkeypatch):
    monkeypatch.setattr(moves, "SLICE", 10)


@pytest.fixture
def looks(monkeypatch):
    """The sums as anybody else saw them after each slice of the job."""
    found: list[Sums] = []
    move = moves.move_next

    def looking(after: int):
        moved = move(after)
        session().commit()
        found.append(queries.sums(only_mailing()))
        session().rollback()
        return moved

    monkeypatch.setattr(moves, "move_next", looking)
    return found


def only_mailing() -> int:
    query = text("SELECT no FROM mailings WHERE kind = 'bulk'")
    return int(session().execute(query).scalar_one())


def dying_after(monkeypatch, slices: int) -> None:
    """The process that moves ends after so many slices, in the middle of the next one."""
    move, left = moves.move_next, [slices]

    def dying(after: int):
        moved = move(after)
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return moved

    monkeypatch.setattr(moves, "move_next", dying)


def end(number: int, state: str, *, upto: int = 10**6, seconds_ago: int = 60) -> None:
    """As if these messages had ended some time ago."""
    with transaction():
        session().execute(
            text("UPDATE messages SET state = :state, done_at = :at WHERE mailing_no = :no AND n <= :upto"),
            {"state": state, "no": number, "upto": upto, "at": clock.now() - timedelta(seconds=seconds_ago)},
        )  # fmt: skip


def cancel(place: Setting, number: int) -> None:
    with transaction():
        service.cancel(place.id, number)


def again(verb, place: Setting, number: int) -> int:
    with transaction():
        count: int = verb(place.id, number)
    return count


def test_a_cancelled_mailing_begins_nothing_and_its_rows_follow_in_slices(place, smtp, small_slices, looks):
    crowd(place, 45)
    number = running(place)
    looks.clear()
    cancel(place, number)
    assert (sums(number).waiting, sums(number).skipped) == (35, 10), "the first slice goes with the wish"
    send()
    assert smtp.copies == []
    assert mailing.state(number) == "cancelled"
    ended = []
    events.subscribe(MailingFinished, ended.append)
    due()
    events._handlers[MailingFinished].remove(ended.append)
    assert [(look.waiting, look.skipped) for look in looks] == [(25, 20), (15, 30), (5, 40), (0, 45), (0, 45), (0, 45)]
    assert all(look.is_whole for look in looks)
    assert [event.state for event in ended] == ["cancelled"]


@pytest.mark.parametrize("slices", [0, 2])
def test_whoever_dies_between_two_slices_leaves_nothing_to_put_right(
    place, smtp, small_slices, monkeypatch, slices
):
    crowd(place, 45)
    number = running(place)
    cancel(place, number)
    with monkeypatch.context() as patched:
        dying_after(patched, slices)
        with pytest.raises(Killed):
            due()
    session().rollback()
    found = sums(number)
    assert (found.skipped, found.is_whole) == (10 + 10 * slices, True)
    due()
    assert states(number) == {"cancelled": 45}
    assert smtp.copies == []
    assert again(service.send_rest, place, number) == 10
    with monkeypatch.context() as patched:
        dying_after(patched, slices)
        with pytest.raises(Killed):
            due()
    session().rollback()
    assert sums(number).waiting == 10 + 10 * slices
    due()
    send()
    due()
    assert states(number) == {"sent": 45}
    assert len({copy.rcpt_to for copy in smtp.copies}) == len(smtp.copies) == 45
    assert mailing.state(number) == "done"


def test_the_rest_waits_again_in_slices_and_the_mailing_does_not_end_before(
    place, smtp, small_slices, looks
):
    crowd(place, 45)
    number = running(place)
    end(number, "failed")
    end(number, "sent", upto=5)
    due()
    assert mailing.state(number) == "done"
    looks.clear()
    assert again(service.send_rest, place, number) == 10
    with pytest.raises(Conflict, match="still being done"), transaction():
        service.send_rest(place.id, number)
    send()
    schedule.end_finished()
    assert (mailing.state(number), sums(number).sent) == ("running", 15), "nothing waits, but more will"
    due()
    assert [look.waiting for look in looks] == [10, 20, 30, 30, 30]
    assert all(look.is_whole for look in looks)
    send()
    due()
    assert states(number) == {"sent": 45}
    assert mailing.state(number) == "done"


def test_doubt_that_comes_after_the_wish_is_not_sent_again(place, smtp, small_slices):
    crowd(place, 30)
    number = running(place)
    end(number, "unknown", upto=20)
    assert again(service.send_unknown, place, number) == 10
    with transaction():
        session().execute(
            text("UPDATE messages SET state = 'unknown', done_at = :now WHERE mailing_no = :no AND n > 25"),
            {"no": number, "now": clock.now()},
        )
    due()
    assert states(number) == {"pending": 25, "unknown": 5}
    send()
    due()
    assert states(number) == {"sent": 25, "unknown": 5}
    assert again(service.send_unknown, place, number) == 5


def test_each_wish_moves_only_those_it_means(place, small_slices):
    crowd(place, 40)
    number = running(place)
    for state, upto in (("failed", 40), ("unknown", 30), ("suppressed", 15), ("sent", 5)):
        end(number, state, upto=upto)
    due()
    again(service.send_unknown, place, number)
    due()
    assert states(number) == {"pending": 15, "failed": 10, "suppressed": 10, "sent": 5}
    again(service.send_rest, place, number)
    due()
    assert states(number) == {"pending": 25, "suppressed": 10, "sent": 5}


def test_a_cancel_takes_a_wish_back_and_doubt_waits_until_it_is_through(place, smtp, small_slices):
    crowd(place, 60)
    number = running(place)
    end(number, "unknown", upto=30)
    again(service.send_unknown, place, number)
    cancel(place, number)
    with pytest.raises(Conflict, match="still being done"), transaction():
        service.send_unknown(place.id, number)
    failed = session().execute(text("SELECT n FROM messages WHERE mailing_no = :no AND state = 'unknown' LIMIT 1"),
                               {"no": number}).scalar_one()  # fmt: skip
    session().rollback()
    with pytest.raises(Conflict, match="called off"), transaction():
        service.resend(number, failed)
    due()
    assert states(number) == {"unknown": 20, "cancelled": 40}
    again(service.send_unknown, place, number)
    due()
    send()
    due()
    assert states(number) == {"sent": 20, "cancelled": 40}, "the called off stay called off"


def test_who_joins_again_has_no_turns_saved_up(place):
    crowd(place, 4)
    old, young = running(place), running(place)
    end(old, "failed")
    due()
    with transaction():
        session().execute(text("UPDATE mailings SET vtime = 5000 WHERE no = :no"), {"no": young})
    again(service.send_rest, place, old)
    vtime = session().execute(text("SELECT vtime FROM mailings WHERE no = :no"), {"no": old}).scalar_one()
    session().rollback()
    assert vtime == 5000


@pytest.mark.slow
def test_thirty_thousand_rows_move_within_seconds_and_the_person_waits_for_none(place, count_statements):
    crowd(place, 1)
    number = running(place)
    grow(number, 30_000)
    begun = time.monotonic()
    with count_statements() as statements:
        cancel(place, number)
    assert time.monotonic() - begun < 1
    assert len(statements) <= 6, "\n".join(statements)
    begun = time.monotonic()
    with count_statements() as statements:
        due()
    assert sums(number).skipped == 30_000
    assert mailing.state(number) == "cancelled"
    assert time.monotonic() - begun < 15
    assert len(statements) <= 3 * 30_000 / moves.SLICE + 29, "\n".join(statements)
    begun = time.monotonic()
    again(service.send_rest, place, number)
    assert time.monotonic() - begun < 1
    due()
    assert sums(number).waiting == 30_000
    session().rollback()
    left = session().execute(text("SELECT again FROM mailings WHERE no = :no"), {"no": number}).scalar_one()
    assert left is None
