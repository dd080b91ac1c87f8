"""A report as tables of text: the same for a spreadsheet and for paper. No person stands in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from app.campaigns.reporting import Report
from app.campaigns.shares import OTHERS, By
from app.delivery.rules import REFUSALS, Leaving
from app.kernel import i18n
from app.tracking.rules.hits import Kind
from app.tracking.rules.verdicts import Verdict

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """A title, the names of its columns, and rows of as many cells."""

    title: str
    columns: Row
    rows: Sequence[Row]


def of(report: Report, zone: str) -> list[Table]:
    """The tables of a report; times are those of the zone."""
    return [table for table in _all(report, zone) if table.rows]


def _all(report: Report, zone: str) -> Iterator[Table]:
    yield Table("Summary", ("What", "People"), _summary(report))
    yield Table("Orders", ("What", "Number"), _orders(report))
    yield Table("Not reached", ("Reason", "People"), [(REFUSALS[one][0], str(n)) for one, n in report.refusals.items()])
    yield Table("Over time", ("Hour", "Kind", "People", "Machines", "Not sure"), _hours(report, zone))
    yield Table("Links", ("Link", "By hand", "Machines", "Not sure"), _links(report))
    for by, title in ((By.DOMAIN, "Receivers"), (By.LANGUAGE, "Languages"), (By.COUNTRY, "Countries")):
        yield Table(title, (title, "People", "Sent", "Not reached", "Opened", "Clicked"), _shares(report, by))
    devices = [(one.value or "Not told", str(one.people), str(one.clicked)) for one in report.shares.of(By.DEVICE)]
    yield Table("Devices", ("Device", "People", "Clicked"), devices)


def _summary(report: Report) -> list[Row]:
    progress = report.progress
    words = [(word.capitalize(), str(count)) for word, count, _ in progress.parts]
    return [
        ("Audience", str(progress.audience)), *words,
        ("Opened by hand", str(report.readers.opened)), ("Clicked by hand", str(report.readers.clicked)),
        ("Left within a week", str(report.leavings[Leaving.LEFT])), ("Complained", str(report.leavings[Leaving.COMPLAINED])),
    ]  # fmt: skip


def _orders(report: Report) -> list[Row]:
    orders = report.orders
    if not orders.count:
        return []
    revenue = [(f"Revenue in {currency}", f"{amount:f}") for currency, amount in orders.revenue.items()]
    return [("Orders within a week after a click", str(orders.count)), *revenue]


def _hours(report: Report, zone: str) -> list[Row]:
    local = ZoneInfo(zone)
    sums: dict[tuple[datetime, Kind], dict[Verdict, int]] = {}
    for found in report.hours:
        sums.setdefault((found.hour, found.kind), dict.fromkeys(Verdict, 0))[found.verdict] += found.count
    words = {Kind.OPEN: "Opens", Kind.CLICK: "Clicks"}
    return [
        (f"{hour.astimezone(local):%Y-%m-%d %H:%M}", words[kind], *_verdicts(counts)) for (hour, kind), counts in sorted(sums.items())
    ]


def _verdicts(counts: dict[Verdict, int]) -> tuple[str, str, str]:
    return str(counts[Verdict.HUMAN]), str(counts[Verdict.MACHINE]), str(counts[Verdict.UNKNOWN])


def _links(report: Report) -> list[Row]:
    return [(link.url, *_verdicts(dict(link.counts))) for link in report.links]


def _shares(report: Report, by: By) -> list[Row]:
    names = {By.COUNTRY: dict(i18n.countries()), By.LANGUAGE: i18n.NAMES}.get(by, {})
    found: list[Row] = []
    for one in report.shares.of(by):
        name = "All others" if one.value == OTHERS else names.get(one.value, one.value) or "Not told"
        found.append((name, *map(str, (one.people, one.sent, one.failed, one.opened, one.clicked))))
    return found
