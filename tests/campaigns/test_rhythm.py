"""When issues are due: dates, and the hour by the clocks of a zone, also when those are put on or back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.campaigns.rhythm import Every, Rhythm, rhythm_of
from app.kernel.errors import BadInput
from tests.support.properties import examples

BERLIN = "Europe/Berlin"


def of(every: str = "day", weekdays=(), month_day: int = 1, at: str = "10:00") -> Rhythm:
    return rhythm_of(every, list(weekdays), month_day, at)


def dates(rhythm: Rhythm, after: datetime, count: int = 3, zone: str = BERLIN) -> list[str]:
    return [day.isoformat() for day in rhythm.next_dates(zone, after, count)]


def test_each_day_each_week_each_month():
    thursday = datetime(2026, 11, 26, 8, tzinfo=UTC)  # 09:00 in Berlin
    assert dates(of(), thursday) == ["2026-11-26", "2026-11-27", "2026-11-28"]
    assert dates(of(), thursday + timedelta(hours=1)) == ["2026-11-27", "2026-11-28", "2026-11-29"]  # after it, never at it
    assert dates(of("week", [3, 0]), thursday) == ["2026-11-26", "2026-11-30", "2026-12-03"]
    assert dates(of("month", month_day=15), thursday) == ["2026-12-15", "2027-01-15", "2027-02-15"]
    assert dates(of("month", month_day=31), thursday, 4) == ["2026-11-30", "2026-12-31", "2027-01-31", "2027-02-28"]


def test_it_says_itself():
    assert of("week", [3, 0]).words == "Every week on Monday and Thursday at 10:00"
    assert of("month", month_day=7, at="06:30").words == "Every month on day 7 at 06:30"
    assert of("month", month_day=30).words == "Every month on day 30, or the last day there is, at 10:00"
    assert of().words == "Every day at 10:00"


def test_the_hour_stays_when_clocks_change():
    rhythm = of(at="10:00")
    assert rhythm.due_at(date(2027, 3, 27), BERLIN) == datetime(2027, 3, 27, 9, tzinfo=UTC)
    assert rhythm.due_at(date(2027, 3, 28), BERLIN) == datetime(2027, 3, 28, 8, tzinfo=UTC)
    assert rhythm.due_at(date(2026, 10, 25), BERLIN) == datetime(2026, 10, 25, 9, tzinfo=UTC)


def test_an_hour_that_is_left_out_comes_an_hour_later_and_one_that_comes_twice_counts_once():
    rhythm = of(at="02:30")
    spring = rhythm.due_at(date(2027, 3, 28), BERLIN)
    assert spring.astimezone(ZoneInfo(BERLIN)).strftime("%d %H:%M") == "28 03:30"
    autumn = rhythm.due_at(date(2026, 10, 25), BERLIN)
    assert autumn == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # the first of the two
    between = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)  # the clocks say 02:00 for the second time
    assert dates(rhythm, between, 1) == ["2026-10-26"]


def test_where_midnight_is_left_out_the_day_has_its_issue():
    cairo = "Africa/Cairo"  # clocks go from 00:00 to 01:00 there
    rhythm = of(at="00:00")
    day = date(2026, 4, 24)
    due = rhythm.due_at(day, cairo)
    assert due.astimezone(ZoneInfo(cairo)).strftime("%d %H:%M") == "24 01:00"
    assert rhythm.next_dates(cairo, due - timedelta(seconds=1), 1) == [day]
    assert rhythm.next_dates(cairo, due, 1) == [day + timedelta(days=1)]


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.builds(
        Rhythm, st.sampled_from(Every), st.sets(st.integers(0, 6), min_size=1).map(lambda found: tuple(sorted(found))),
        st.integers(1, 31), st.times().map(lambda found: found.replace(second=0, microsecond=0)),
    ),
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)).map(lambda found: found.replace(tzinfo=UTC)),
    st.sampled_from(["Europe/Berlin", "America/St_Johns", "Pacific/Apia", "UTC", "Australia/Lord_Howe"]),
)  # fmt: skip
def test_the_dates_to_come_are_all_of_them_in_order_and_none_is_over(rhythm, after, zone):
    found = rhythm.next_dates(zone, after, 5)
    assert found == sorted(set(found))
    assert all(rhythm.due_at(day, zone) > after for day in found)
    assert found == rhythm.dates_between(found[0], found[-1])
    before = rhythm.dates_between(found[0] - timedelta(days=40), found[0] - timedelta(days=1))
    assert all(rhythm.due_at(day, zone) <= after for day in before)


@pytest.mark.parametrize(
    ("chosen", "field"),
    [
        (("hour", [], 1, "10:00"), "every"), (("week", [], 1, "10:00"), "weekdays"), (("week", [9], 1, "10:00"), "weekdays"),
        (("month", [], 0, "10:00"), "month_day"), (("month", [], 32, "10:00"), "month_day"), (("day", [], 1, "25:00"), "time"),
        (("day", [], 1, "ten"), "time"), (("day", [], 1, "10:00+02:00"), "time"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told(chosen, field):
    with pytest.raises(BadInput) as told:
        rhythm_of(*chosen)
    assert list(told.value.fields) == [field]
