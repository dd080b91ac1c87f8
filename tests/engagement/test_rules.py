"""The score against the sum that it stands for."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engagement import rules
from app.engagement.rules import LANDMARK, Level

WEIGHTS = st.floats(0.01, 1000)
# From years before the landmark to decades after it: late signals, and a service that runs for long.
MOMENTS = st.floats(-1000, 10_000).map(lambda days: LANDMARK + timedelta(days=days))
SIGNALS = st.lists(st.tuples(WEIGHTS, MOMENTS), min_size=1, max_size=60)
HALF_LIVES = st.integers(1, 365)
POINTS = st.floats(0.01, 10_000)


def plain(signals, now, half_life):
    """The sum as the words say it."""
    return math.fsum(weight * 2.0 ** (-((now - at) / timedelta(days=half_life))) for weight, at in signals)


def kept(signals, half_life):
    return rules.total(rules.term(weight, at, half_life) for weight, at in signals)


def close(one, other):
    return math.isclose(one, other, rel_tol=1e-9)


@given(SIGNALS, HALF_LIVES, st.floats(0, 400))
def test_the_score_is_the_plain_sum(signals, half_life, later):
    now = max(at for _, at in signals) + timedelta(days=later)
    assert close(rules.points(kept(signals, half_life), now, half_life), plain(signals, now, half_life))


@given(SIGNALS, HALF_LIVES, st.randoms())
def test_late_signals_give_the_same_score(signals, half_life, random):
    shuffled = list(signals)
    random.shuffle(shuffled)
    one, other = kept(signals, half_life), kept(shuffled, half_life)
    assert math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-9)


@given(SIGNALS, SIGNALS, HALF_LIVES)
def test_a_batch_adds_as_its_signals_do(first, second, half_life):
    apart = rules.add(kept(first, half_life), kept(second, half_life))
    assert math.isclose(apart, kept(first + second, half_life), rel_tol=1e-12, abs_tol=1e-9)


@given(WEIGHTS, MOMENTS, HALF_LIVES, st.integers(1, 50))
def test_repeated_signals_count_each_time(weight, at, half_life, times):
    assert close(rules.points(kept([(weight, at)] * times, half_life), at, half_life), times * weight)


@given(st.tuples(WEIGHTS, MOMENTS), HALF_LIVES)
def test_a_signal_halves_with_each_half_life(signal, half_life):
    s = kept([signal], half_life)
    now = rules.points(s, signal[1], half_life)
    later = rules.points(s, signal[1] + timedelta(days=half_life), half_life)
    assert close(now, signal[0])
    assert close(later, now / 2)


@given(SIGNALS, SIGNALS, HALF_LIVES, st.floats(0, 1000))
def test_the_order_of_people_holds_as_time_passes(first, second, half_life, later):
    one, other = kept(first, half_life), kept(second, half_life)
    now = max(at for _, at in first + second)
    before = rules.points(one, now, half_life) > rules.points(other, now, half_life) * (1 + 1e-9)
    then = now + timedelta(days=later)
    if before and rules.points(other, then, half_life) > 1e-290:
        assert rules.points(one, then, half_life) > rules.points(other, then, half_life)
    if before:
        assert one > other


@given(SIGNALS, HALF_LIVES, POINTS, st.floats(0, 400))
def test_the_threshold_is_where_the_points_are(signals, half_life, at_least, later):
    now = max(at for _, at in signals) + timedelta(days=later)
    worth = plain(signals, now, half_life)
    if math.isclose(worth, at_least, rel_tol=1e-9):
        return
    assert (kept(signals, half_life) >= rules.threshold(at_least, now, half_life)) == (worth >= at_least)


def test_nothing_overflows():
    far = LANDMARK + timedelta(days=200_000)
    s = kept([(1.0, far)] * 3 + [(5.0, LANDMARK)], 1)
    assert close(rules.points(s, far, 1), 3)
    assert rules.points(s, far + timedelta(days=500_000), 1) == 0.0
    assert rules.points(s, LANDMARK, 1) > 1e300
    assert rules.value(rules.points(s, LANDMARK, 1)) == 100


def test_the_empty_sum_is_nothing():
    assert rules.total([]) == -math.inf
    assert rules.points(rules.total([]), LANDMARK, 30) == 0
    assert rules.add(-math.inf, 3.0) == 3.0


@given(POINTS, POINTS)
def test_the_value_grows_with_the_points_and_stays_within_100(one, other):
    low, high = sorted((one, other))
    assert 0 <= rules.value(low) <= rules.value(high) <= 100


@pytest.mark.parametrize(
    ("worth", "days_known", "value", "level"),
    [
        (0, 3, 0, Level.NEW),
        (0, 400, 0, Level.COLD),
        (1.9, 29, 12, Level.NEW),
        (1.9, 30, 12, Level.COLD),
        (2, 3, 13, Level.WARM),
        (9.9, 400, 50, Level.WARM),
        (10, 400, 50, Level.HOT),
        (20, 400, 75, Level.HOT),
        (30, 1, 88, Level.HOT),
        (200, 400, 100, Level.HOT),
    ],
)
def test_value_and_level_in_words(worth, days_known, value, level):
    now = LANDMARK + timedelta(days=500)
    assert rules.value(worth) == value
    assert rules.level(worth, now - timedelta(days=days_known), now) == level
