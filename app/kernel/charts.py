"""Geometry of the charts that the server draws as SVG.

Horizontal positions are percentages of the drawing, vertical ones are pixels, so that text stays 12 px at any
width. The frame: 8 px above, 24 px below, a gutter on the left for the numbers of the axis. Pure functions: they
return coordinates, ``templates/ui.html`` draws them. Colours are names of classes: yes, no, ask, stop, info, wait.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

TOP = 8
BELOW = 24
GUTTER = 9.0
BAR_SHARE = 0.62
STACK_SHARE = 0.68
LEAST_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across the plot and the number beside it; ``y`` in pixels."""

    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A word under the plot: ``x`` in percent, ``anchor`` start, middle or end."""

    x: float
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers to draw; ``filled`` tints the area below, ``dash`` is for what is compared with."""

    values: Sequence[float]
    tone: str
    filled: bool = False
    dash: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """Paths within a box of 100 by 100."""

    path: str
    area: str
    dot: str
    tone: str
    dash: bool


@dataclass(frozen=True, slots=True)
class LineChart:
    """A line chart, ready to draw."""

    height: int
    gutter: float
    top: int
    plot: int
    ticks: tuple[Tick, ...]
    labels: tuple[Mark, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """One rectangle: ``x`` and ``width`` in percent, ``y`` and ``height`` in pixels."""

    x: float
    y: float
    width: float
    height: float
    tone: str


@dataclass(frozen=True, slots=True)
class BarChart:
    """A bar chart, ready to draw."""

    height: int
    gutter: float
    ticks: tuple[Tick, ...]
    labels: tuple[Mark, ...]
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a horizontal bar, in percent."""

    x: float
    width: float
    tone: str


def scale(highest: float) -> tuple[float, ...]:
    """Two to three round numbers from zero that cover the highest value.

    >>> scale(88)
    (0.0, 50.0, 100.0)
    """
    half = max(highest, 1) / 2
    power = 10.0 ** math.floor(math.log10(half)) if half >= 1 else 1.0
    step = next(
        power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= half and _whole(power * factor)
    )
    return (0.0, step, 2 * step) if highest > step else (0.0, step)


def line_chart(
    series: Sequence[Series], labels: Sequence[str], *, height: int = 180, gutter: float = GUTTER
) -> LineChart:
    """Lines over the same points in time.

    Args:
        series: at least one, all of the same length of two or more.
        labels: a few words spread evenly under the plot, first and last at its ends.
        height: of the drawing, in pixels.
        gutter: room for the numbers, in percent.
    """
    plot = height - TOP - BELOW
    steps = scale(max((max(one.values, default=0) for one in series), default=0))
    return LineChart(
        height,
        gutter,
        TOP,
        plot,
        _ticks(steps, plot),
        _spread(labels, gutter),
        tuple(_line(one, steps[-1]) for one in series),
    )


def bar_chart(
    series: Sequence[Series],
    labels: Sequence[str],
    *,
    height: int = 180,
    gutter: float = GUTTER,
    stacked: bool = False,
) -> BarChart:
    """Bars in one slot per label: side by side, or stacked from the bottom.

    Args:
        series: at least one; value i belongs to label i.
        labels: one per slot; an empty string draws nothing.
        height: of the drawing, in pixels.
        gutter: room for the numbers, in percent.
        stacked: on top of each other with 1 px between.
    """
    plot = height - TOP - BELOW
    columns = [[one.values[i] for one in series] for i in range(len(labels))]
    steps = scale(max((sum(column) if stacked else max(column) for column in columns), default=0))
    slot = (100 - gutter) / max(len(labels), 1)
    tones = [one.tone for one in series]
    bars: list[Bar] = []
    for i, column in enumerate(columns):
        left = gutter + i * slot
        fill = _stack if stacked else _beside
        bars += fill(column, tones, left, slot, plot, steps[-1])
    marks = tuple(
        Mark(_trim(gutter + (i + 0.5) * slot), text, "middle") for i, text in enumerate(labels) if text
    )
    return BarChart(height, gutter, _ticks(steps, plot), marks, tuple(bars))


def sparkline(values: Sequence[float]) -> str:
    """A path in a box of 80 by 24, counted from zero; empty for fewer than two values."""
    if len(values) < 2:
        return ""
    most = max(*values, 0) or 1
    points = [(80 * i / (len(values) - 1), 21 - 18 * value / most) for i, value in enumerate(values)]
    return _path(points)


def share_bar(parts: Sequence[tuple[float, str]]) -> tuple[Part, ...]:
    """Parts of a whole side by side; a part that is not zero stays wide enough to be seen.

    Args:
        parts: (amount, tone) from left to right.
    """
    total = sum(amount for amount, _ in parts)
    if total <= 0:
        return ()
    shares = [(max(100 * amount / total, LEAST_SHARE), tone) for amount, tone in parts if amount > 0]
    factor = 100 / sum(share for share, _ in shares)
    drawn: list[Part] = []
    x = 0.0
    for share, tone in shares:
        drawn.append(Part(_trim(x), _trim(share * factor), tone))
        x += share * factor
    return tuple(drawn)


def _whole(value: float) -> bool:
    return value == int(value)


def _ticks(steps: Sequence[float], plot: int) -> tuple[Tick, ...]:
    return tuple(Tick(_trim(TOP + plot * (1 - step / steps[-1])), f"{step:,.0f}") for step in steps)


def _spread(labels: Sequence[str], gutter: float) -> tuple[Mark, ...]:
    last = len(labels) - 1
    return tuple(
        Mark(
            _trim(gutter + (100 - gutter) * i / max(last, 1)),
            text,
            "start" if i == 0 else "end" if i == last else "middle",
        )
        for i, text in enumerate(labels)
    )


def _line(series: Series, highest: float) -> Line:
    last = max(len(series.values) - 1, 1)
    points = [(100 * i / last, 100 * (1 - value / highest)) for i, value in enumerate(series.values)]
    path = _path(points)
    area = f"{path} L{_trim(points[-1][0]):g} 100 L0 100Z" if series.filled and points else ""
    dot = f"M{_trim(points[-1][0]):g} {_trim(points[-1][1]):g}h.001" if points else ""
    return Line(path, area, dot, series.tone, series.dash)


def _beside(
    column: Sequence[float], tones: Sequence[str], left: float, slot: float, plot: int, highest: float
) -> list[Bar]:
    width = slot * BAR_SHARE / len(column)
    start = left + slot * (1 - BAR_SHARE) / 2
    bars = []
    for i, (value, tone) in enumerate(zip(column, tones, strict=True)):
        tall = plot * value / highest
        bars.append(
            Bar(_trim(start + i * width), _trim(TOP + plot - tall), _trim(width * 0.95), _trim(tall), tone)
        )
    return bars


def _stack(
    column: Sequence[float], tones: Sequence[str], left: float, slot: float, plot: int, highest: float
) -> list[Bar]:
    x = left + slot * (1 - STACK_SHARE) / 2
    bottom = float(TOP + plot)
    bars = []
    for value, tone in zip(column, tones, strict=True):
        tall = plot * value / highest
        if tall > 0:
            bars.append(
                Bar(
                    _trim(x), _trim(bottom - tall), _trim(slot * STACK_SHARE), _trim(max(tall - 1, 0.5)), tone
                )
            )
            bottom -= tall
    return bars


def _path(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{'L' if i else 'M'}{_trim(x):g} {_trim(y):g}" for i, (x, y) in enumerate(points))


def _trim(value: float) -> float:
    return round(value, 2)
