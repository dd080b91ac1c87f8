"""Every figure that Prometheus gets stands in the README with what to make of it, and the other way round."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parent.parent.parent / "README.md"


def in_readme() -> dict[str, list[str]]:
    part = README.read_text().partition("### Figures for Grafana")[2].partition("\n\nHow fast")[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| `nod_")]
    return {row[0].strip("`"): row[1:] for row in rows}


def test_every_figure_is_in_the_readme_and_no_other(client, session):
    client.get("/healthz")
    told = client.get("/metrics").text
    figures = {name for name in re.findall(r"^# TYPE (\S+) ", told, re.MULTILINE) if not name.endswith("_created")}
    assert figures - {"nod_signals_lost"} == set(in_readme()) - {"nod_signals_lost"}
    assert len(figures) >= 13


def test_each_comes_with_words_and_a_panel_or_an_alert():
    for name, row in in_readme().items():
        assert len(row) == 2, name
        assert re.match(r"(panel|alert)", row[1]), name
