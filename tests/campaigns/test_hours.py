"""Times by people's own clocks, hours, frequency, and the calendar in which campaigns are moved; through the pages."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from app.campaigns import queries, service, timing, trials
from app.campaigns.rules import State
from app.campaigns.trials import Wanted
from app.delivery import schedule
from app.delivery import service as delivery
from app.delivery.rules.hours import By, Past, Span, Timing, Window
from app.kernel import clock
from app.kernel.db import session, transaction
from app.kernel.ids import uuid7
from tests.campaigns.conftest import draft, launched
from tests.support import make
from tests.support.mailing import Setting, crowd
from tests.support.outbox import place_with_sender

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def zoned(made):
    with transaction():
        session().execute(text("UPDATE workspaces SET time_zone = 'Europe/Berlin' WHERE id = :id"), {"id": made.where.id})
    return made


def coming(days: int, hour: int = 10) -> datetime:
    day = datetime.now(BERLIN).date() + timedelta(days=days)
    return datetime.combine(day, time(hour), BERLIN)


def sent(staff, made, **more):
    at = coming(3)
    values = {"when": "at", "day": f"{at:%Y-%m-%d}", "time": "10:00", "delay": "60", "revision": made.revision, **more}
    return staff.post(f"{made.path}/send", **values)


def timing_of(made) -> Timing:
    session().expire_all()
    return queries.get_standing(made.where.id, made.campaign.id).timing


def test_a_campaign_is_launched_by_peoples_own_clocks_and_its_page_says_so(staff, zoned):
    answer = sent(
        staff, zoned, by="local", past="now", days=["1", "2", "3", "4", "5"], since="08:00", until="18:00", is_urgent="1"
    )
    assert answer.status_code == 303, answer.text
    found = timing_of(zoned)
    window = Window(frozenset({1, 2, 3, 4, 5}), Span(time(8), time(18)))
    assert found == Timing(By.LOCAL, coming(3).astimezone(UTC), Past.NOW, window, is_urgent=True)
    page = staff.get(f"{zoned.path}/sending").text
    assert "Each gets it at 10:00 by their own clock; whose clock has shown that already, at once." in page
    assert "Only Mon to Fri, 08:00 to 18:00, by the reader’s clock." in page
    assert "Urgent" in page


@pytest.mark.parametrize(
    ("posted", "field", "words"),
    [
        ({"when": "now", "by": "local"}, "by", "Choose a time first"),
        ({"since": "08:00"}, "until", "Write both times"),
        ({"since": "08:00", "until": "08:00"}, "until", "end at another time"),
        ({"since": "eight", "until": "18:00"}, "since", "Write a time like 10:00."),
        ({"since": "08:00Z", "until": "18:00"}, "since", "Write a time like 10:00."),
        ({"by": "moon"}, "by", "Choose from the list."),
        ({"days": ["8"]}, "days", "Choose from the list."),
    ],
)
def test_what_does_not_fit_is_said_and_what_was_typed_stays(staff, zoned, posted, field, words):
    answer = sent(staff, zoned, **{"past": "now", **posted})
    assert answer.status_code == 422
    assert words in answer.text
    if "since" in posted and field != "days":
        assert f'value="{posted["since"]}"' in answer.text
    assert timing_of(zoned) == Timing()


def test_hours_that_quiet_hours_leave_nothing_of_are_refused(staff, zoned):
    with transaction():
        delivery.set_contact_limits(zoned.where.id, quiet=Span(time(21), time(8)), weekly=3)
    page = staff.get(f"{zoned.path}/review").text
    assert "Nobody gets it from 21:00 until 08:00 by their own clock." in page
    assert "Nobody gets more than 3 in seven days." in page
    answer = sent(staff, zoned, since="22:00", until="23:00")
    assert answer.status_code == 422
    assert "leave no hour of the week" in answer.text
    crowd(Setting(zoned.where, uuid7()), 30)  # so that neither variant can be without people, which would be said first
    with transaction():
        trials.keep(
            zoned.where.id, zoned.campaign.id, sample=100, wait_hours=1, holdout=0, wanted=[Wanted(), Wanted(subject="Other words")]
        )
    page = staff.get(f"{zoned.path}/review").text
    seen = re.search(r'name="variants" value="(\w+)"', page)[1]
    answer = sent(staff, zoned, since="22:00", until="23:00", variants=seen)
    assert answer.status_code == 422, answer.text
    assert "leave no hour of the week" in answer.text
    session().expire_all()
    assert queries.get_standing(zoned.where.id, zoned.campaign.id).state is State.DRAFT
    assert queries.list_parts(zoned.where.id, zoned.campaign.id) == []


def test_who_waits_for_an_hour_is_drawn_while_it_leaves(staff, zoned):
    with transaction():
        number = delivery_of(zoned, Timing(window=Window(span=night())))
    schedule.run()
    page = staff.get(f"{zoned.path}/sending").text
    assert "Hours to come" in page
    assert "for the hour at which they may get it" in page
    assert number


def night() -> Span:
    """An hour of the day that is not now, in any zone of these tests."""
    later = datetime.now(BERLIN) + timedelta(hours=5)
    return Span(time(later.hour), time((later.hour + 1) % 24))


def delivery_of(made, wanted: Timing) -> int:
    return service.launch(
        made.where.id, made.campaign.id, revision=made.revision, send_at=None, delay_seconds=0, by=made.where.owner_id,
        timing=wanted,
    )  # fmt: skip


def test_a_week_and_a_month_show_what_is_scheduled_and_it_is_moved_with_its_time_of_day(staff, zoned):
    at = coming(3)
    launched(zoned, send_at=at.astimezone(UTC))
    week = staff.get(f"/campaigns/calendar?week={at:%Y-%m-%d}").text
    assert zoned.campaign.name in week
    assert f'data-move="{zoned.path}/move"' in week
    day = at.date() + timedelta(days=1)
    moved = staff.post(f"{zoned.path}/move", day=day.isoformat(), back=f"{at:%Y-%m}")
    assert (moved.status_code, moved.location) == (303, f"/campaigns/calendar?month={at:%Y-%m}#c-{zoned.campaign.id}")
    session().expire_all()
    assert queries.get_standing(zoned.where.id, zoned.campaign.id).at == datetime.combine(day, time(10), BERLIN)
    at_noon = staff.post(f"{zoned.path}/move", day=day.isoformat(), time="12:00")
    assert at_noon.location.endswith("/sending")
    session().expire_all()
    assert queries.get_standing(zoned.where.id, zoned.campaign.id).at == datetime.combine(day, time(12), BERLIN)


def test_yesterday_and_what_has_begun_are_refused_with_words(staff, zoned):
    launched(zoned, send_at=coming(3).astimezone(UTC))
    gone = staff.post(f"{zoned.path}/move", day="2020-01-01", back="2026-11")
    assert gone.status_code == 409
    assert "This time is over." in gone.text
    with transaction():
        session().execute(text("UPDATE mailings SET send_at = :now WHERE kind = 'bulk'"), {"now": clock.now()})
    schedule.run()
    begun = staff.post(f"{zoned.path}/move", day=f"{coming(4):%Y-%m-%d}")
    assert begun.status_code in {303, 409}
    begins = session().execute(text("SELECT send_at FROM mailings WHERE kind = 'bulk'")).scalar_one()
    assert begins < coming(2)


def test_by_peoples_own_clocks_the_calendar_shows_the_chosen_time_and_moving_keeps_the_clocks(staff, zoned):
    sent(staff, zoned, by="local")
    at, day = coming(3), coming(5).date()
    page = staff.get(f"/campaigns/calendar?month={at:%Y-%m}").text
    assert re.search(rf'<time datetime="{at.astimezone(UTC):%Y-%m-%dT%H:%M}[^"]*">10:00</time> {zoned.campaign.name}', page)
    staff.post(f"{zoned.path}/move", day=day.isoformat())
    assert timing_of(zoned).by is By.LOCAL
    assert timing_of(zoned).at == datetime.combine(day, time(10), BERLIN)


def test_another_workspaces_campaign_is_not_moved(staff, made):
    elsewhere = place_with_sender()
    make.confirmed(elsewhere, make.person(elsewhere.id), interests=1)
    theirs = draft(elsewhere)
    launched(theirs, send_at=coming(3).astimezone(UTC))
    assert staff.post(f"{theirs.path}/move", day=f"{coming(4):%Y-%m-%d}").status_code == 404


def test_days_in_words():
    assert timing.window_words(Window(frozenset({1, 2, 3, 4, 5}), Span(time(8), time(18)))) == "Mon to Fri, 08:00 to 18:00"
    assert timing.window_words(Window(frozenset({6, 7}))) == "Sat and Sun"
    assert timing.window_words(Window(frozenset({1, 3, 5}))) == "Mon, Wed and Fri"
    assert timing.window_words(Window(span=Span(time(8), time(9)))) == "every day, 08:00 to 09:00"
