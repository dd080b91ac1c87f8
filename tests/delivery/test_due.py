"""Mails by the clock of whoever gets them, over a real database and a real mail server."""

from __future__ import annotations

import math
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from app.contacts import service as contacts
from app.contacts.rules import FieldKind
from app.delivery import due, pump, schedule, service, story, taking
from app.delivery.rules.hours import By, Past, Span, Timing, Window, timing_of
from app.kernel import clock
from app.kernel.db import session, transaction
from app.kernel.errors import BadInput
from app.kernel.ids import uuid7
from app.tracking.service import months
from tests.support import mailing
from tests.support.mailing import Setting, crowd, running, states
from tests.support.outbox import in_context, use_sink

PLACES = {"Asia/Tokyo": "Asia/Tokyo", "America/New_York": "America/New_York", "": "Europe/Berlin"}


@pytest.fixture
def place(live, smtp) -> Setting:
    use_sink(smtp)
    found = mailing.setting()
    with transaction():
        session().execute(text("UPDATE workspaces SET time_zone = 'Europe/Berlin' WHERE id = :id"), {"id": found.id})
        contacts.define_field(found.id, "Country", FieldKind.COUNTRY)
    return found


@pytest.fixture
def at():
    """Sets the clock of this process to a moment; real time goes on from there."""

    def to(moment: datetime) -> datetime:
        clock.set_shift(0)
        clock.set_shift(math.ceil((moment - clock.now()).total_seconds()))
        return moment

    yield to
    clock.set_shift(0)


def day(number: int, hour: int, minute: int = 0) -> datetime:
    """Of March 2027; the 1st is a Monday. Clocks in Berlin are an hour ahead."""
    return datetime(2027, 3, number, hour, minute, tzinfo=UTC)


def live_at(place: Setting, people, fields: str) -> None:
    with transaction():
        values = {"ids": list(people), "fields": fields}
        session().execute(text("UPDATE contacts SET fields = CAST(:fields AS jsonb) WHERE id = ANY(:ids)"), values)


def three_places(place: Setting, each: int = 2) -> dict[str, list]:
    people = crowd(place, 3 * each)
    parts = {zone: people[i * each : (i + 1) * each] for i, zone in enumerate(PLACES)}
    live_at(place, parts["Asia/Tokyo"], '{"time_zone": "Asia/Tokyo"}')
    live_at(place, parts["America/New_York"], '{"timezone": "america/new_york", "country": "DE"}')
    return parts


def dues(number: int) -> dict:
    found = session().execute(
        text("SELECT contact_id, due_at, closes_at FROM messages WHERE mailing_no = :no"), {"no": number}
    ).all()
    session().rollback()
    return {row.contact_id: (row.due_at, row.closes_at) for row in found}


def send(seconds: float = 10) -> None:
    pump.run_slice("bulk", deadline_seconds=seconds)


def test_everybody_gets_it_at_ten_by_their_own_clock(place, smtp, at):
    at(day(1, 12))
    parts = three_places(place)
    number = place.launch(send_at=day(3, 9), timing=Timing(By.LOCAL))
    begins, timing = session().execute(
        text("SELECT send_at, timing FROM mailings WHERE no = :no"), {"no": number}
    ).one()
    assert begins == day(3, 1), "ten in Tokyo"
    assert timing_of(timing) == Timing(By.LOCAL, at=day(3, 9))
    at(day(3, 1))
    schedule.run()
    found = dues(number)
    for zone, people in parts.items():
        local = {found[who][0].astimezone(ZoneInfo(PLACES[zone])) for who in people}
        assert {f"{moment:%d %H:%M}" for moment in local} == {"03 10:00"}, zone
    for moment, count in ((day(3, 1), 2), (day(3, 9), 4), (day(3, 14, 59), 4), (day(3, 15), 6)):
        at(moment)
        schedule.run()
        send()
        assert len(smtp.messages) == count, moment
    assert mailing.state(number) == "done"


@pytest.mark.parametrize(("past", "expected"), [(Past.NEXT_DAY, day(4, 1)), (Past.NOW, day(3, 8))])
def test_whose_time_is_over_gets_it_by_the_rule_that_was_chosen(place, at, past, expected):
    at(day(3, 8))
    parts = three_places(place, 1)
    number = running(place, send_at=day(3, 9), timing=Timing(By.LOCAL, past=past))
    found = dues(number)
    [tokyo], [berlin] = parts["Asia/Tokyo"], parts[""]
    assert abs(found[tokyo][0] - expected) < timedelta(seconds=30)
    assert found[berlin][0] == day(3, 9)


def test_a_country_with_one_clock_tells_the_zone_and_one_with_several_does_not(place, at):
    at(day(3, 8))
    japan, states_, nowhere = crowd(place, 3)
    live_at(place, [japan], '{"country": "JP"}')
    live_at(place, [states_], '{"country": "US"}')
    live_at(place, [nowhere], '{"time_zone": "Atlantis/Harbour"}')
    number = running(place, send_at=day(3, 9), timing=Timing(By.LOCAL))
    found = dues(number)
    assert found[japan][0] == day(4, 1)
    assert found[states_][0] == found[nowhere][0] == day(3, 9)


def test_whoever_is_asleep_waits_until_quiet_hours_are_over_and_so_does_what_is_late(place, smtp, at):
    at(day(3, 8))
    parts = three_places(place, 2)
    with transaction():
        service.set_contact_limits(place.id, quiet=Span(time(21), time(8)), weekly=None)
    number = running(place)
    found = dues(number)
    assert {found[who] for who in parts["America/New_York"]} == {(day(3, 13), day(4, 2))}, "eight, and until nine there"
    send()
    assert len(smtp.messages) == 4
    smtp.reply_at("DATA", "451 4.7.1 later")
    at(day(3, 13))
    send(2)
    smtp.clear()
    assert states(number) == {"sent": 4, "pending": 2}
    at(day(4, 2))
    send(2)
    assert not smtp.messages, "nobody is woken up because a server was slow"
    schedule.run()
    found = dues(number)
    assert {found[who] for who in parts["America/New_York"]} == {(day(4, 13), day(5, 2))}
    at(day(4, 13))
    send()
    assert states(number) == {"sent": 6}


def test_a_window_is_waited_for_and_moved_in_slices_by_several_at_once(place, live, at, monkeypatch):
    at(day(5, 17))
    crowd(place, 40)
    number = running(place, timing=Timing(window=Window(frozenset({1, 2, 3, 4, 5}), Span(time(9), time(17)))))
    assert set(dues(number).values()) == {(day(8, 8), day(8, 16))}, "Friday evening: Monday"
    at(day(8, 16))
    monkeypatch.setattr(due, "SLICE", 7)
    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(in_context, live, schedule.run) for _ in range(2)]:
            job.result()
    assert set(dues(number).values()) == {(day(9, 8), day(9, 16))}
    assert states(number) == {"pending": 40}


def test_hours_that_are_never_open_are_refused_and_where_quiet_hours_came_later_it_waits_for_a_person(place, at):
    at(day(3, 12))
    crowd(place, 2)
    night = Timing(window=Window(span=Span(time(22), time(23))))
    number = place.launch(timing=night, send_at=day(3, 13))
    with transaction():
        service.set_contact_limits(place.id, quiet=Span(time(21), time(8)), weekly=None)
    with pytest.raises(BadInput, match="no hour"):
        place.launch(timing=night)
    at(day(3, 13))
    schedule.run()
    assert mailing.state(number) == "paused"
    with transaction():
        service.set_contact_limits(place.id, quiet=None, weekly=None)
        service.resume(place.id, number)
    schedule.run()
    assert set(dues(number).values()) == {(day(3, 21), day(3, 22))}


def clicked(place: Setting, person, *moments: datetime, verdict: str = "human") -> None:
    with transaction():
        for moment in moments:
            months.make([moment])
            session().execute(
                text(
                    "INSERT INTO signals (event_id, at, workspace_id, contact_id, kind, verdict, reason, link)"
                    " VALUES (:id, :at, :ws, :who, 'click', :verdict, 'acted', -1)"
                ),
                {"id": uuid7(), "at": moment, "ws": place.id, "who": person, "verdict": verdict},
            )


def test_the_hour_of_a_habit_is_by_their_own_clock_and_of_human_clicks_only(place, at):
    at(day(3, 9))
    tokyo, berlin, machine, seldom = crowd(place, 4)
    live_at(place, [tokyo], '{"time_zone": "Asia/Tokyo"}')
    evening = [day(1, 11), day(1, 11, 30), day(2, 11), day(2, 3)]  # 20:00 in Tokyo
    clicked(place, tokyo, *evening)
    clicked(place, berlin, day(1, 6), day(1, 6, 5), day(2, 6))  # 07:00 in Berlin
    clicked(place, machine, *evening, verdict="machine")
    clicked(place, seldom, day(1, 6), day(2, 6))
    number = running(place, timing=Timing(By.HABIT))
    found = dues(number)
    assert found[tokyo][0] == day(3, 11)
    assert found[berlin][0] == day(4, 6)
    for who in (machine, seldom):
        assert abs(found[who][0] - day(3, 9)) < timedelta(seconds=30), "no habit is known: at the moment"


def test_where_no_habit_is_known_the_usual_hour_of_the_workspace_holds(place, at):
    at(day(3, 9))
    [somebody] = crowd(place, 1)
    with transaction():
        session().execute(
            text(
                "INSERT INTO signal_counts (mailing_no, hour, kind, link, verdict, workspace_id, count)"
                " VALUES (1, :a, 'click', 0, 'human', :ws, 15), (1, :b, 'click', 0, 'human', :ws, 10),"
                " (1, :c, 'click', 0, 'machine', :ws, 500)"
            ),
            {"a": day(1, 17), "b": day(2, 5), "c": day(2, 7), "ws": place.id},
        )
    number = running(place, timing=Timing(By.HABIT))
    assert dues(number)[somebody][0] == day(3, 17)


def test_another_time_keeps_the_clocks_and_now_means_now_within_the_hours(place, at):
    at(day(1, 12))
    parts = three_places(place, 1)
    [tokyo], [berlin] = parts["Asia/Tokyo"], parts[""]
    number = place.launch(send_at=day(3, 9), timing=Timing(By.LOCAL))
    with transaction():
        service.reschedule(place.id, number, day(4, 10))
    begins = session().execute(text("SELECT send_at FROM mailings WHERE no = :no"), {"no": number}).scalar_one()
    session().rollback()
    assert begins == day(4, 2), "eleven in Tokyo"
    with transaction():
        service.reschedule(place.id, number, None)
    schedule.run()
    found = dues(number)
    assert found[tokyo] == found[berlin]
    assert abs(found[tokyo][0] - day(1, 12)) < timedelta(seconds=30)


def test_who_waits_for_hours_saves_up_no_turns(place, at):
    at(day(3, 9))
    crowd(place, 30)
    waits = running(place, timing=Timing(window=Window(span=Span(time(20), time(21)))))
    goes = running(place)
    with transaction():
        session().execute(text("UPDATE mailings SET vtime = 9000 WHERE no = :no"), {"no": goes})
    schedule.run()
    times = dict(session().execute(text("SELECT no, vtime FROM mailings WHERE no IN (:a, :b)"), {"a": waits, "b": goes}).all())
    session().rollback()
    assert times == {waits: 9000, goes: 9000}


def test_nobody_gets_more_than_so_many_within_a_week_and_an_urgent_one_goes_all_the_same(place, smtp, at):
    at(day(3, 9))
    crowd(place, 5)
    with transaction():
        service.set_contact_limits(place.id, quiet=None, weekly=2)
    first, second, third = running(place), running(place), running(place)
    urgent = running(place, timing=Timing(is_urgent=True))
    send()
    ends = [states(number) for number in (first, second, third)]
    assert states(urgent) == {"sent": 5}
    assert sum(found["sent"] for found in ends) + 5 >= 10
    per_person = Counter(copy.rcpt_to[0] for copy in smtp.messages)
    assert set(per_person.values()) <= {2, 3}, "two, and the urgent one whatever they had"
    assert sum(found["suppressed"] for found in ends) == 15 - sum(found["sent"] for found in ends)
    words = session().execute(
        text("SELECT DISTINCT reply_text FROM messages WHERE state = 'suppressed'")
    ).scalars().all()
    assert words == [taking.HAD_ENOUGH]
    session().rollback()
    at(day(10, 9, 1))
    later = running(place)
    send()
    assert states(later) == {"sent": 5}, "a week later they may get mails again"


def test_what_failed_is_not_counted(place, smtp, at):
    at(day(3, 9))
    crowd(place, 3)
    with transaction():
        service.set_contact_limits(place.id, quiet=None, weekly=1)
    smtp.reply_at("DATA", "554 5.6.0 no")
    refused = running(place)
    send()
    assert states(refused) == {"failed": 3}
    smtp.clear()
    number = running(place)
    send()
    assert states(number) == {"sent": 3}


def test_what_stood_still_for_a_season_counts_once_it_goes_on(place, smtp, at):
    at(day(3, 9))
    crowd(place, 3)
    old = running(place)
    with transaction():
        service.pause(place.id, old)
    at(day(3, 9) + timedelta(days=90))
    with transaction():
        service.set_contact_limits(place.id, quiet=None, weekly=1)
        service.resume(place.id, old)
    send()
    assert states(old) == {"sent": 3}
    number = running(place)
    send()
    assert states(number) == {"suppressed": 3}, "they have had theirs of this week, whenever it was made"


def test_two_workers_with_two_mailings_never_go_over_the_number(place, live, smtp):
    people = crowd(place, 120)
    with transaction():
        service.set_contact_limits(place.id, quiet=None, weekly=1)
    numbers = [running(place), running(place)]
    ready = threading.Barrier(2)

    def work() -> None:
        ready.wait()
        send(30)

    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(in_context, live, work) for _ in numbers]:
            job.result()
    assert len(smtp.messages) == len({copy.rcpt_to[0] for copy in smtp.messages}) == len(people)
    assert sum(states(number)["suppressed"] for number in numbers) == len(people)


def test_its_story_says_for_which_hour_it_waits(place, at):
    at(day(3, 8))
    crowd(place, 1)
    number = running(place, timing=Timing(window=Window(span=Span(time(20), time(21)))))
    told = [words for _, words in story.tell(number, 1)]
    assert f"{day(3, 19):%Y-%m-%d %H:%M:%S} UTC: its reader’s hour" in told
    assert f"its hours close {day(3, 20):%Y-%m-%d %H:%M:%S} UTC; then it waits for the next ones" in told
