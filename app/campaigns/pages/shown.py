"""The numbers of a report as its templates show them, for those who may see the people behind them or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from app.campaigns import rules
from app.campaigns.pages.sending import progress_values
from app.campaigns.reporting import Rates, Report
from app.campaigns.rules import Slot
from app.campaigns.shares import OTHERS, By, Share
from app.delivery.rules import REFUSALS, Leaving
from app.kernel import clock, i18n
from app.kernel.charts import Series, bar_chart
from app.tracking.queries import LinkCount
from app.tracking.rules.hits import Kind
from app.tracking.rules.targets import WEBSITE, spoken
from app.tracking.rules.verdicts import Verdict

LABELS = 6
"""So many words stand under a chart without touching each other, on a phone too."""
Leads = Callable[[str, str], str]
"""The address of the people behind a number: its word, and which of several; empty: they are not shown."""
_TITLES = {By.DOMAIN: "Receivers", By.LANGUAGE: "Languages", By.COUNTRY: "Countries", By.DEVICE: "Read with"}
_UNTOLD = {By.DOMAIN: "Erased", By.LANGUAGE: "Erased", By.COUNTRY: "Not told", By.DEVICE: "Not told"}


def values(report: Report, zone: str, kind: Kind, leads: Leads) -> dict[str, Any]:
    """What the templates need, but for who looks at it."""
    standing, sent = report.standing, report.progress.sent
    return {
        "campaign": standing,
        "zone": zone,
        "answers": _answers(report, leads),
        "refusals": _refusals(report, leads),
        "links": links(report.links, leads),
        "totals": [_total(name, word, report.totals[kind], leads) for name, word, kind in _KINDS],
        "shares": _shares(report, leads),
        "shares_at": report.shares.counted_at,
        "shares_wait": not report.shares.is_known,
        "sent": sent,
        **_over_time(report, zone, kind),
        **_progress(report, leads),
    }


_KINDS = (("Opens", "opened", Kind.OPEN), ("Clicks", "clicked", Kind.CLICK))


def _progress(report: Report, leads: Leads) -> dict[str, Any]:
    found = progress_values(report.standing, report.progress, report.reasons)
    parts = [(word, count, tone, note, leads(word, "")) for word, count, tone, note, _ in found["parts"]]
    return found | {"parts": parts}


def _answers(report: Report, leads: Leads) -> list[dict[str, Any]]:
    sent, audience = report.progress.sent, report.progress.audience

    def answer(label: str, number: int, word: str, note: str) -> dict[str, Any]:
        return {"label": label, "value": f"{number:,}", "url": leads(word, ""), "note": note}

    return [
        answer("Clicked by hand", report.readers.clicked, "clicked", _share(report.readers.clicked, sent, "of sent")),
        answer("Opened by hand", report.readers.opened, "opened", "at least, where measuring is allowed"),
        answer("Left within a week", report.leavings[Leaving.LEFT], "left", _share(report.leavings[Leaving.LEFT], sent, "of sent", 2)),
        answer(
            "Complained", report.leavings[Leaving.COMPLAINED], "complained",
            _share(report.leavings[Leaving.COMPLAINED], sent, "of sent", 3),
        ),
        answer("Not reached", report.progress.failed, "failed", _share(report.progress.failed, audience, "of the audience")),
        *_orders(report, leads),
    ]  # fmt: skip


def _orders(report: Report, leads: Leads) -> list[dict[str, Any]]:
    """Nothing where nobody has ordered: most workspaces have no shop."""
    orders = report.orders
    if not orders.count:
        return []
    return [
        {"label": "Orders", "value": f"{orders.count:,}", "url": leads("ordered", ""), "note": "within a week after a click"},
        *(
            {"label": "Revenue", "value": i18n.money(amount, currency), "url": leads("revenue", currency), "note": ""}
            for currency, amount in orders.revenue.items()
        ),
    ]


def _share(number: int, whole: int, of: str, places: int = 1) -> str:
    return f"{100 * number / whole:.{places}f}% {of}" if whole else ""


def _refusals(report: Report, leads: Leads) -> list[dict[str, Any]]:
    return [
        {
            "label": REFUSALS[refusal][0],
            "says": REFUSALS[refusal][1],
            "number": report.refusals[refusal],
            "share": _share(report.refusals[refusal], report.progress.audience, "of the audience", 2),
            "url": leads(f"refused-{refusal.value}", ""),
        }
        for refusal in REFUSALS
        if refusal in report.refusals
    ]


def _total(name: str, word: str, sums: dict[Verdict, int], leads: Leads) -> dict[str, Any]:
    words = ((Verdict.HUMAN, word), (Verdict.MACHINE, f"{word}-machine"), (Verdict.UNKNOWN, f"{word}-unsure"))
    return {"name": name, "counts": [(f"{sums[verdict]:,}", leads(whom, "") if sums[verdict] else "") for verdict, whom in words]}


def _shares(report: Report, leads: Leads) -> list[dict[str, Any]]:
    return [
        {"by": by.value, "title": title, "rows": [_part(by, one, report, leads) for one in report.shares.of(by)]}
        for by, title in _TITLES.items()
        if report.shares.of(by)
    ]


def _part(by: By, share: Share, report: Report, leads: Leads) -> dict[str, Any]:
    is_one = bool(share.value) and share.value != OTHERS
    is_one = is_one and (by is not By.LANGUAGE or share.value in i18n.NAMES)
    whole = report.readers.opened if by is By.DEVICE else report.progress.audience
    return {
        "label": "All others" if share.value == OTHERS else _named(by, share.value),
        "url": leads(by.value, share.value) if is_one else "",
        "people": share.people,
        "clicked": share.clicked,
        "numbers": [
            (label, f"{number:,}", leads(f"{by.value}-{word}", share.value) if is_one and number and word else "")
            for label, word, number in _numbers(share)
        ],
        "share": 100 * share.people // whole if whole else 0,
    }


def _numbers(share: Share) -> list[tuple[str, str, int]]:
    """Label, the word of its people (empty: the row itself opens them, or nothing does), and number."""
    return [
        ("People", "", share.people), ("Sent", "sent", share.sent), ("Not reached", "", share.failed),
        ("Opened", "opened", share.opened), ("Clicked", "clicked", share.clicked),
    ]  # fmt: skip


def _named(by: By, value: str) -> str:
    if not value:
        return _UNTOLD[by]
    names = {By.COUNTRY: dict(i18n.countries()), By.LANGUAGE: i18n.NAMES}.get(by, {})
    return names.get(value, value)


def _over_time(report: Report, zone: str, kind: Kind) -> dict[str, Any]:
    standing = report.standing
    counts = [(one.hour, one.verdict.value, one.count) for one in report.hours if one.kind is kind]
    slots = rules.slots(counts, zone, standing.frozen_at or standing.created_at, clock.now())
    sums = {word: sum(getattr(slot, word) for slot in slots) for word in ("human", "machine", "unknown")}
    series = [
        Series([slot.human for slot in slots], "yes"),
        Series([slot.machine for slot in slots], "wait"),
        Series([slot.unknown for slot in slots], "ask"),
    ]
    return {
        "kind": kind.value,
        "any_signal": bool(counts),
        "chart": bar_chart(series, _thinned(slots), height=200, gutter=5.0, stacked=True),
        "slots": slots,
        "sums": sums,
        "finding": f"{'Opens' if kind is Kind.OPEN else 'Clicks'} over time: {sums['human']:,} by people, "
        f"{sums['machine']:,} by machines, {sums['unknown']:,} not sure",
    }


def _thinned(slots: Sequence[Slot]) -> list[str]:
    step = -(-len(slots) // LABELS)
    return [slot.label if i % step == 0 else "" for i, slot in enumerate(slots)]


def links(found: Sequence[LinkCount], leads: Leads) -> list[dict[str, Any]]:
    """The links of a mail, the most clicked first: ``share`` in percent of that, ``part`` of all clicks by hand."""
    most = max((link.counts[Verdict.HUMAN] for link in found), default=0)
    whole = sum(link.counts[Verdict.HUMAN] for link in found)
    rows = []
    for link in sorted(found, key=lambda one: -one.counts[Verdict.HUMAN]):
        host, path = split(link.url)
        human = link.counts[Verdict.HUMAN]
        rows.append(
            {
                "url": "" if "{" in link.url else link.url,
                "host": host,
                "path": path,
                "human": human,
                "machine": link.counts[Verdict.MACHINE],
                "share": 100 * human // most if most else 0,
                "part": f"{100 * human / whole:.1f}%" if whole else "",
                "people_url": leads("link", str(link.index)) if human else "",
                "machines_url": leads("link-machine", str(link.index)) if link.counts[Verdict.MACHINE] else "",
            }
        )
    return rows


def split(url: str) -> tuple[str, str]:
    """Host and path of an address, for the eye; one with merge tags leads elsewhere for each reader."""
    if url.startswith("{"):
        return WEBSITE, f"/{spoken(url).removeprefix(WEBSITE).removeprefix('/')}"
    parts = urlsplit(url)
    return parts.netloc, f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"


RATES: Final = ("opened", "clicked", "left", "not_reached")


def beside(found: Sequence[Rates]) -> list[dict[str, Any]]:
    """Campaigns of equal rank beside each other, by ``id``."""
    most = _most(found)
    return [
        {"id": one.standing.id, "sent": one.sent, "rates": [_rate(getattr(one, name), most[name], is_own=True) for name in RATES]}
        for one in found
    ]


def _most(found: Sequence[Rates]) -> dict[str, float]:
    return {name: max((getattr(one, name) for one in found), default=0.0) for name in RATES}


def compared(found: Sequence[Rates], url_of: Callable[[Rates], str]) -> list[dict[str, Any]]:
    """Campaigns beside each other: of each rate its words, and its bar in percent of the highest one."""
    most = _most(found)
    has_orders = any(one.orders.count for one in found)
    return [
        {
            "name": one.standing.name,
            "url": url_of(one) if i else "",
            "at": one.standing.frozen_at,
            "sent": one.sent,
            "rates": [_rate(getattr(one, name), most[name], is_own=i == 0) for name in RATES],
            "orders": one.orders.count if has_orders else None,
            "revenue": [i18n.money(amount, currency) for currency, amount in one.orders.revenue.items()],
        }
        for i, one in enumerate(found)
    ]


def _rate(value: float, most: float, *, is_own: bool) -> dict[str, Any]:
    text = f"{value:.2f}%" if value < 1 else f"{value:.1f}%"
    return {"text": text, "width": round(100 * value / most, 1) if most else 0, "tone": "yes" if is_own else "wait"}
