"""Times, months and sums, without a database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.campaigns import rules
from app.campaigns.rules import Progress, State, state_of
from app.delivery.rules import MailingState
from app.kernel.errors import BadInput

NOW = datetime(2026, 11, 22, 9, 16, tzinfo=UTC)
VERDICTS = ("human", "machine", "unknown")


@pytest.mark.parametrize(
    ("day", "clock", "zone", "expected"),
    [
        ("2026-11-24", "10:00", "Europe/Berlin", "2026-11-24T09:00:00+00:00"),
        ("2026-11-24", "10:00", "Asia/Tokyo", "2026-11-24T01:00:00+00:00"),
        ("2027-10-31", "02:30", "Europe/Berlin", "2027-10-31T00:30:00+00:00"),
        ("2026-11-24", "10:00:59", "UTC", "2026-11-24T10:00:00+00:00"),
    ],
)
def test_a_time_of_the_zone_becomes_an_instant(day, clock, zone, expected):
    assert rules.due_at(day, clock, zone, NOW).isoformat() == expected


@pytest.mark.parametrize(
    ("day", "clock", "field"),
    [
        ("2027-03-28", "02:30", "time"),  # clocks go from 2 to 3
        ("2026-11-22", "10:15", "day"),  # a minute ago in Berlin
        ("2028-01-01", "10:00", "day"),
        ("24.11.", "10:00", "day"),
        ("2026-11-24", "ten", "time"),
        ("2026-11-24", "10:00+05:00", "time"),
        ("", "", "day"),
    ],
)
def test_a_time_that_does_not_fit_names_its_field(day, clock, field):
    with pytest.raises(BadInput) as caught:
        rules.due_at(day, clock, "Europe/Berlin", NOW)
    assert set(caught.value.fields) == {field}


def test_every_state_of_a_mailing_has_a_word():
    words = {state: state_of(state.value) for state in MailingState}
    assert {state for state, word in words.items() if word is State.DRAFT} == {MailingState.DRAFT}
    assert set(words.values()) == set(State) - {State.TRYING}, "a trial has no mailing of its own"
    assert state_of(None) is State.DRAFT
    assert set(rules.WORDS) == set(State)


@given(st.tuples(*6 * [st.integers(0, 10_000)]))
def test_the_bar_sums_to_the_audience(numbers):
    progress = Progress(*numbers)
    assert sum(count for _, count, _ in progress.parts) == progress.audience
    assert 0 <= progress.percent <= 100
    assert (progress.percent == 100) == (progress.waiting == 0)


def test_the_expected_end_follows_the_rate():
    assert Progress(300, 0, 0, 0, 0, 60).ends_in_seconds == 300
    assert Progress(300, 0, 0, 0, 0, 0).ends_in_seconds is None
    assert Progress(0, 9, 0, 0, 0, 60).ends_in_seconds is None


@given(st.dates(date(2001, 1, 1), date(2099, 12, 31)))
def test_a_month_is_whole_weeks_that_hold_each_of_its_days(day):
    month = day.replace(day=1)
    days = [one for week in rules.weeks_of(month) for one in week]
    assert days[0].weekday() == 0
    assert len(days) % 7 == 0
    assert days == [days[0] + timedelta(days=i) for i in range(len(days))]
    assert day in days
    assert rules.month_before(rules.next_month(month)) == month


# Three octets for each signal, two of them for the hour: drawn at once, in half the time of a list.
@given(st.integers(0, 12), st.binary(min_size=36, max_size=36))
def test_the_chart_over_time_loses_no_signal(signals, octets):
    start = datetime(2026, 3, 20, tzinfo=UTC)  # clocks change within
    counts = [
        (start + timedelta(hours=(octets[at] << 8 | octets[at + 1]) % 5001), VERDICTS[octets[at + 2] % 3], octets[at + 2] // 3 % 9 + 1)
        for at in range(0, 3 * signals, 3)
    ]
    slots = rules.slots(counts, "Europe/Berlin", start, start + timedelta(hours=6000))
    for word in VERDICTS:
        assert sum(getattr(slot, word) for slot in slots) == sum(
            n for _, verdict, n in counts if verdict == word
        )
    assert len(slots) <= rules.HOURS_IN_CHART


def test_a_length_of_time_in_words():
    assert [rules.in_words(n) for n in (0, 1, 59, 60, 540, 3600, 7200, 86_400, 200_000)] == [
        "0 seconds", "1 second", "59 seconds", "1 minute", "9 minutes", "1 hour", "2 hours", "1 day", "2 days",
    ]  # fmt: skip
