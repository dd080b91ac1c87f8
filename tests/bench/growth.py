"""How figures grow with the number of people: a table, and a plot of both on logarithmic axes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

ROWS, WIDTH = 12, 48
_SIZED = re.compile(r"(.+?)_(seconds|ms)_([0-9]+)")


def drawn(figures: Mapping[str, float]) -> str:
    """Both, of every figure whose name ends with its unit and the number of people."""
    series: dict[str, dict[int, float]] = {}
    for name, value in figures.items():
        if match := _SIZED.fullmatch(name):
            series.setdefault(match[1], {})[int(match[3])] = value * (1000 if match[2] == "seconds" else 1)
    return f"{_table(series)}\n\n{_plot(series)}" if series else ""


def _table(series: Mapping[str, Mapping[int, float]]) -> str:
    sizes = sorted({size for values in series.values() for size in values})
    lines = ["| milliseconds | " + " | ".join(f"{size:,} people" for size in sizes) + " |", "|---" * (len(sizes) + 1) + "|"]
    for name, values in series.items():
        cells = [f"{values[size]:,.0f}" if size in values else "" for size in sizes]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _plot(series: Mapping[str, Mapping[int, float]]) -> str:
    marks = dict(zip(series, "abcdefgh", strict=False))
    points = [(size, max(value, 0.1), marks[name]) for name, values in series.items() for size, value in values.items()]
    (left, right), (low, high) = (_whole_powers([point[n] for point in points]) for n in (0, 1))
    grid = [[" "] * (WIDTH + 1) for _ in range(ROWS + 1)]
    for size, value, mark in points:
        x = round((math.log10(size) - left) / max(right - left, 1) * WIDTH)
        y = round((high - math.log10(value)) / max(high - low, 1) * ROWS)
        grid[y][x] = mark if grid[y][x] == " " else "*"
    lines = []
    for y, row in enumerate(grid):
        power = high - y * (high - low) / ROWS
        label = f"{10**power:,.0f} ms" if math.isclose(power, round(power)) else ""
        lines.append(f"{label:>10} |{''.join(row).rstrip()}")
    lines.append(f"{'':>10} +{'-' * WIDTH}")
    lines.append(f"{'':>11}{10**left:,.0f}{'people':^{WIDTH - 14}}{10**right:,.0f}")
    return "\n".join([*lines, ", ".join(f"{mark}: {name}" for name, mark in marks.items()) + "; *: several"])


def _whole_powers(values: list[float]) -> tuple[int, int]:
    return math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
