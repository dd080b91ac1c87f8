"""Geometry of charts: what is drawn stays inside the frame and says the numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.charts import BELOW, TOP, Series, bar_chart, line_chart, scale, share_bar, sparkline

numbers = st.lists(st.integers(min_value=0, max_value=1_000_000), min_size=2, max_size=60)


@pytest.mark.parametrize(
    ("highest", "steps"),
    [
        (0, (0, 1)),
        (1, (0, 1)),
        (2, (0, 1, 2)),
        (3, (0, 2, 4)),
        (88, (0, 50, 100)),
        (200, (0, 100, 200)),
        (9214, (0, 5000, 10000)),
    ],
)
def test_axis_has_round_numbers(highest, steps):
    assert scale(highest) == steps


@given(st.integers(min_value=0, max_value=10**9))
def test_axis_covers_the_highest_value_and_wastes_at_most_two_thirds(highest):
    steps = scale(highest)

    assert len(steps) in {2, 3}
    assert steps[-1] >= highest
    assert all(step == int(step) for step in steps)
    assert steps[-1] <= max(3 * highest, 1)


def test_line_runs_from_the_left_to_the_right_end():
    chart = line_chart([Series([0, 50, 100], "yes", filled=True)], ["May", "June", "July"])

    assert chart.plot == chart.height - TOP - BELOW
    assert chart.lines[0].path == "M0 100 L50 50 L100 0"
    assert chart.lines[0].area == "M0 100 L50 50 L100 0 L100 100 L0 100Z"
    assert chart.lines[0].dot == "M100 0h.001"
    assert [(mark.x, mark.anchor) for mark in chart.labels] == [(9, "start"), (54.5, "middle"), (100, "end")]


def test_ticks_stand_where_their_value_is():
    chart = line_chart([Series([0, 100], "yes")], ["a", "b"], height=180)

    assert [(tick.y, tick.text) for tick in chart.ticks] == [(156, "0"), (82, "50"), (8, "100")]


def test_two_lines_share_one_axis():
    chart = line_chart([Series([10, 10], "ask"), Series([100, 100], "yes", dash=True)], ["a", "b"])

    assert chart.lines[0].path == "M0 90 L100 90"
    assert chart.lines[1].dash


def test_empty_numbers_draw_a_flat_line():
    assert line_chart([Series([0, 0, 0], "yes")], ["a", "b"]).lines[0].path == "M0 100 L50 100 L100 100"


@given(numbers, numbers)
def test_bars_stay_inside_the_frame(first, second):
    length = min(len(first), len(second))
    series = [Series(first[:length], "yes"), Series(second[:length], "no")]
    for stacked in (False, True):
        chart = bar_chart(series, ["x"] * length, stacked=stacked)
        assert all(chart.gutter <= bar.x and bar.x + bar.width <= 100.05 for bar in chart.bars)
        assert all(
            bar.y >= TOP - 0.01 and bar.y + bar.height <= chart.height - BELOW + 0.51 for bar in chart.bars
        )


def test_stack_grows_from_the_bottom_with_a_pixel_between():
    chart = bar_chart([Series([50], "yes"), Series([50], "no")], ["May"], stacked=True)
    lower, upper = chart.bars

    assert lower.y + lower.height == chart.height - BELOW - 1
    assert upper.y + upper.height == lower.y - 1


def test_labels_left_empty_draw_nothing():
    assert [mark.text for mark in bar_chart([Series([1, 2, 3], "yes")], ["Mon", "", "Wed"]).labels] == [
        "Mon",
        "Wed",
    ]


def test_sparkline_starts_left_and_counts_from_zero():
    assert sparkline([0, 5, 10]) == "M0 21 L40 12 L80 3"
    assert sparkline([0, 0]) == "M0 21 L80 21"
    assert sparkline([4]) == ""


def test_a_few_of_many_can_still_be_seen():
    parts = share_bar([(8_940, "yes"), (6, "ask"), (0, "stop")])

    assert [part.tone for part in parts] == ["yes", "ask"]
    assert parts[1].width >= 0.39
    assert parts[0].width + parts[1].width == pytest.approx(100, abs=0.02)


def test_nothing_gives_no_parts():
    assert share_bar([(0, "yes")]) == ()
