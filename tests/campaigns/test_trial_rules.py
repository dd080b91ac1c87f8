"""The test of a trial against published examples, and that equal variants seldom have a winner."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from app.campaigns import trial
from app.campaigns.trial import Counted, Lift, holm, judge, parts_of, people_needed, two_proportions, wilson


@pytest.mark.parametrize(
    ("one", "other", "z", "p"),
    [
        # Penn State STAT 415, 9.4: smokers and a tax. OpenStax Introductory Statistics, 10.8: hives after medication.
        ((605, 351), (195, 41), 8.99, 0.0),
        ((200, 20), (200, 12), 1.47, 0.1404),
    ],
)
def test_z_and_p_of_published_examples(one, other, z, p):
    found = two_proportions(Counted("A", *one), Counted("B", *other))
    assert found == (pytest.approx(z, abs=0.006), pytest.approx(p, abs=0.0005))


def test_holm_as_in_its_published_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]


@pytest.mark.parametrize(
    ("clicked", "sent", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_as_newcombe_gives_them(clicked, sent, low, high):
    assert wilson(clicked, sent) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [((70, 56), (80, 48), 0.0524, 0.3339), ((10, 9), (10, 3), 0.1705, 0.8090), ((7, 6), (7, 2), 0.0582, 0.8062)],
)
def test_the_interval_of_a_lift_as_newcombe_gives_it(one, other, low, high):
    lift = Lift(Counted("got it", *one), Counted("held out", *other))
    assert lift.interval == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@pytest.mark.parametrize(
    ("got", "held", "says"),
    [
        ((9000, 540), (1000, 30), "It brought 3.0 points more: 6.0% ordered who were to get it, 3.0% of those held out"),
        ((9000, 270), (1000, 60), "It brought 3.0 points fewer: "),
        ((9000, 540), (1000, 55), "No difference that counts: "),
        ((90, 5), (10, 0), "Too few orders to tell what it brought: "),
        ((90, 0), (0, 0), "Too few orders to tell what it brought: "),
    ],
)
def test_a_lift_in_words_names_its_numbers(got, held, says):
    words = trial.lift_sentence(Lift(Counted("got it", *got), Counted("held out", *held)))
    assert words.startswith(says)
    assert re.search(r"95% interval [+-]\d+\.\d to [+-]\d+\.\d points; z -?\d+\.\d\d, p (0\.\d{4}|1\.0000|under 0\.0001)\)", words)


def test_people_needed_as_r_says():
    # R's power.prop.test: (p1=.5, p2=.75, power=.9) n = 76.7; (p1=.1, p2=.2, power=.8) n = 198.96
    assert people_needed(0.5, 0.75, power=0.9) == 77
    assert people_needed(0.1, 0.2) == 199
    assert people_needed(0.1, 0.2, comparisons=4) > 199
    assert trial.rate_seen(199, 0.1) == pytest.approx(0.2)
    assert trial.rate_seen(2, 0.05) is None


def clicks(chance: random.Random, people: int, rate: float) -> int:
    # The normal curve stands for the binomial one: 1,000 people of 5 to 10 % are enough for it.
    return max(0, round(chance.gauss(people * rate, (people * rate * (1 - rate)) ** 0.5)))


def found_of(rates: list[float], trials: int = 3000, people: int = 1000) -> float:
    chance = random.Random(7)
    found = 0
    for _ in range(trials):
        counts = [Counted(label, people, clicks(chance, people, rate)) for label, rate in zip("ABCDE", rates, strict=False)]
        found += judge(counts).is_difference
    return found / trials


@pytest.mark.parametrize("rates", [[0.1] * 2, [0.1] * 3, [0.1] * 5, [0.1, 0.1, 0.03, 0.02, 0.01]])
def test_equal_variants_have_a_winner_in_at_most_one_trial_of_twenty(rates):
    # 3,000 trials: 0.05 and three standard errors.
    assert found_of(rates) <= 0.05 + 3 * (0.05 * 0.95 / 3000) ** 0.5


def test_a_difference_of_the_size_said_is_seen_four_times_of_five():
    people = people_needed(0.1, 0.13)
    assert found_of([0.1, 0.13], people=people) == pytest.approx(0.8, abs=0.03)


def test_without_a_difference_the_first_goes_to_the_rest():
    verdict = judge([Counted("A", 500, 20), Counted("B", 500, 24)])
    assert (verdict.winner, verdict.best, verdict.is_difference) == ("A", "B", False)
    verdict = judge([Counted("A", 500, 20), Counted("B", 500, 60), Counted("C", 500, 22)])
    assert (verdict.winner, verdict.is_difference) == ("B", True)
    # Ahead of one of them only.
    verdict = judge([Counted("A", 500, 20), Counted("B", 500, 60), Counted("C", 500, 59)])
    assert (verdict.winner, verdict.best, verdict.is_difference) == ("A", "B", False)
    assert trial.Verdict.of(verdict.stored()) == verdict


@pytest.mark.parametrize("counts", [((4, 4), (4, 0)), ((0, 0), (500, 40)), ((500, 0), (500, 0)), ((9, 9), (9, 9))])
def test_a_handful_says_nothing(counts):
    verdict = judge([Counted(label, *one) for label, one in zip("AB", counts, strict=True)])
    assert (verdict.winner, verdict.is_difference, verdict.is_enough) == ("A", False, False)


@pytest.mark.parametrize(
    ("shares", "sample", "holdout"), [((1, 1), 20, 0), ((1, 1, 1), 33, 7), ((1, 9), 100, 20), ((1, 2, 3, 4, 5), 10, 1)]
)
def test_parts_lie_side_by_side_and_are_everybody(shares, sample, holdout):
    parts = parts_of(shares, sample, holdout)
    assert [parts[0].start, parts[-1].stop] == [0, trial.WHOLE]
    assert all(before.stop == after.start for before, after in pairwise(parts))
    assert [part.name for part in parts] == ["held out", *"ABCDE"[: len(shares)], "rest"]
    assert parts[0].share == holdout / 100
    assert sum(part.share for part in parts[1:-1]) == pytest.approx((1 - holdout / 100) * sample / 100, abs=1e-5)


def test_the_rest_goes_at_the_same_hour():
    moment = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # a Tuesday, 10:00 in Berlin
    now = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
    assert trial.next_like(moment, "Europe/Berlin", now, weekday=False) == datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
    assert trial.next_like(moment, "Europe/Berlin", now, weekday=True) == datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
