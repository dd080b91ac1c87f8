"""When a mail may leave, by the clock of whoever gets it: compared with somebody who looks at every minute."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.delivery.rules.hours import (
    PLAIN,
    By,
    Past,
    Slot,
    Span,
    Timing,
    Window,
    first_of,
    is_ever_open,
    next_slot,
    slot_of,
    timing_of,
    zone_of,
)
from tests.support.properties import examples

BERLIN, NEW_YORK, TOKYO, KATHMANDU = map(ZoneInfo, ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "Asia/Kathmandu"))
HALF_HOURS = st.integers(0, 47).map(lambda n: time(n // 2, 30 * (n % 2)))
SPANS = st.builds(Span, HALF_HOURS, HALF_HOURS)
WINDOWS = st.builds(Window, st.frozensets(st.integers(1, 7), min_size=1), st.none() | SPANS)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(
    lambda found: found.replace(second=0, microsecond=0, tzinfo=UTC)
)
ZONES = st.sampled_from([BERLIN, NEW_YORK, TOKYO, KATHMANDU, ZoneInfo("Australia/Lord_Howe")])


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def within(span: Span, at: time) -> bool:
    if span.since < span.until:
        return span.since <= at < span.until
    return at >= span.since or at < span.until


def may_leave(moment: datetime, zone: ZoneInfo, window: Window | None, quiet: Span | None) -> bool:
    """What a person would say who looks at the clock on the wall."""
    local = moment.astimezone(zone)
    if quiet is not None and within(quiet, local.time()):
        return False
    if window is None:
        return True
    return local.isoweekday() in window.days and (window.span is None or within(window.span, local.time()))


@settings(max_examples=examples(60))
@given(moment=MOMENTS, zone=ZONES, window=st.none() | WINDOWS, quiet=st.none() | SPANS)
def test_a_slot_is_the_first_open_minute_and_ends_before_a_closed_one(moment, zone, window, quiet):
    # A night in which clocks change shows times that no rule means: it has cases of its own below.
    offsets = {(moment + timedelta(hours=n)).astimezone(zone).utcoffset() for n in range(0, 230, 6)}
    assume(len(offsets) == 1)
    if not is_ever_open(window, quiet):
        with pytest.raises(ValueError, match="No hour"):
            next_slot(moment, zone, window, quiet)
        return
    slot = next_slot(moment, zone, window, quiet)
    step, minutes = timedelta(minutes=30), [moment]
    first = moment + (datetime.min.replace(tzinfo=UTC) - moment) % timedelta(minutes=15)
    minutes += [first + timedelta(minutes=15) * n for n in range(9 * 24 * 4)]
    assert slot.due == next(found for found in minutes if may_leave(found, zone, window, quiet))
    if slot.closes is not None:
        assert slot.due < slot.closes <= slot.due + timedelta(days=1)
        assert may_leave(slot.closes - timedelta(minutes=1), zone, window, quiet)
        inside = slot.due
        while inside < slot.closes:
            assert may_leave(inside, zone, window, quiet)
            inside += step


@given(
    timing=st.builds(
        Timing, st.sampled_from(By), st.none() | MOMENTS, st.just(Past.NEXT_DAY), st.none() | WINDOWS, st.booleans()
    )
)
def test_what_is_stored_is_read_back(timing):
    stored = timing.stored()
    if stored is None:
        assert timing.is_plain
        assert not timing.is_urgent
        assert timing_of(stored) == PLAIN
    else:
        assert timing_of(stored) == timing


def test_everybody_has_it_when_their_own_clock_shows_the_time():
    timing = Timing(By.LOCAL, at=utc(2026, 11, 26, 9))  # ten o'clock in Berlin
    start = first_of([BERLIN, NEW_YORK, TOKYO], utc(2026, 11, 26, 9), BERLIN)
    assert start == utc(2026, 11, 26, 1), "ten o'clock in Tokyo"
    due = {zone.key: slot_of(timing, zone, start=start, now=start, home=BERLIN).due for zone in (BERLIN, NEW_YORK, TOKYO)}
    assert {name: f"{moment.astimezone(ZoneInfo(name)):%d %H:%M}" for name, moment in due.items()} == dict.fromkeys(
        due, "26 10:00"
    )


@pytest.mark.parametrize(
    ("past", "expected"), [(Past.NEXT_DAY, utc(2026, 11, 27, 1)), (Past.NOW, utc(2026, 11, 26, 8))]
)
def test_whose_clock_has_shown_it_gets_it_the_next_day_or_now(past, expected):
    timing = Timing(By.LOCAL, at=utc(2026, 11, 26, 9), past=past)
    assert slot_of(timing, TOKYO, start=utc(2026, 11, 26, 8), now=utc(2026, 11, 26, 8), home=BERLIN) == Slot(expected)


def test_a_time_that_is_long_over_waits_for_the_next_day_that_has_it():
    timing = Timing(By.LOCAL, at=utc(2026, 11, 20, 9))
    assert slot_of(timing, TOKYO, start=utc(2026, 11, 26, 8), now=utc(2026, 11, 26, 8), home=BERLIN).due == utc(2026, 11, 27, 1)
    assert slot_of(timing, NEW_YORK, start=utc(2026, 11, 26, 8), now=utc(2026, 11, 26, 8), home=BERLIN).due == utc(2026, 11, 26, 15)


def test_an_hour_that_is_left_out_is_later_and_one_that_comes_twice_is_the_first():
    spring = Timing(By.LOCAL, at=utc(2026, 3, 28, 17, 30), past=Past.NOW)  # 02:30 on the 29th in Tokyo
    assert slot_of(spring, BERLIN, start=utc(2026, 3, 1), now=utc(2026, 3, 1), home=TOKYO).due == utc(2026, 3, 29, 1, 30), "03:30 there"
    autumn = Timing(By.LOCAL, at=utc(2026, 10, 24, 17, 30), past=Past.NOW)
    assert slot_of(autumn, BERLIN, start=utc(2026, 10, 1), now=utc(2026, 10, 1), home=TOKYO).due == utc(2026, 10, 25, 0, 30)


def test_quiet_hours_hold_over_midnight_and_in_the_night_when_clocks_change():
    quiet = Span(time(22), time(8))
    assert next_slot(utc(2026, 11, 26, 22), BERLIN, None, quiet) == Slot(utc(2026, 11, 27, 7), utc(2026, 11, 27, 21))
    assert next_slot(utc(2026, 10, 24, 21), BERLIN, None, quiet).due == utc(2026, 10, 25, 7), "an hour longer"
    assert next_slot(utc(2026, 3, 28, 22), BERLIN, None, quiet).due == utc(2026, 3, 29, 6), "an hour shorter"
    assert next_slot(utc(2026, 11, 26, 12), BERLIN, None, quiet).due == utc(2026, 11, 26, 12), "noon is noon"


def test_a_weekend_is_waited_for_and_so_is_the_end_of_quiet_hours_behind_it():
    window = Window(frozenset({1, 2, 3, 4, 5}), Span(time(7), time(18)))
    friday = utc(2026, 11, 27, 17, 30)
    assert next_slot(friday, BERLIN, window, Span(time(21), time(8))).due == utc(2026, 11, 30, 7)


def test_the_hour_of_a_habit_is_within_a_day_and_unknown_habits_go_at_the_moment():
    timing, start = Timing(By.HABIT, at=utc(2026, 11, 26, 9)), utc(2026, 11, 26, 9)
    for hour in range(24):
        due = slot_of(timing, NEW_YORK, start=start, now=start, home=BERLIN, hour=hour).due
        assert due.astimezone(NEW_YORK).hour == hour
        assert start <= due < start + timedelta(days=1)
    assert slot_of(timing, NEW_YORK, start=start, now=start, home=BERLIN).due == start


@pytest.mark.parametrize(
    ("zone", "country", "expected"),
    [
        ("Asia/Tokyo", "DE", "Asia/Tokyo"), (" asia/tokyo ", "", "Asia/Tokyo"), ("", "DE", "Europe/Berlin"),
        ("", "jp", "Asia/Tokyo"), ("", "US", "Asia/Kathmandu"), ("", "", "Asia/Kathmandu"),
        ("../../etc/passwd", "", "Asia/Kathmandu"), ("Mars/Base", "XX", "Asia/Kathmandu"), ("UTC", "DE", "UTC"),
        ("\0", "\0", "Asia/Kathmandu"),
    ],
)  # fmt: skip
def test_whose_zone_is_not_known_has_their_country_s_or_the_workspace_s(zone, country, expected):
    offset = zone_of(zone, country, KATHMANDU).utcoffset(datetime(2026, 7, 1))
    assert offset == ZoneInfo(expected).utcoffset(datetime(2026, 7, 1))
