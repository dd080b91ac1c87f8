"""What came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from flask import make_response, render_template, request, url_for
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.campaigns import queries, rules
from app.campaigns.pages import badge_of, blueprint, standing_of, to, topics_of
from app.campaigns.pages.sending import progress_values
from app.campaigns.queries import Standing
from app.campaigns.rules import Slot, State
from app.consent import queries as consent
from app.delivery import queries as outbox
from app.kernel import clock
from app.kernel.charts import Series, bar_chart
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.tracking import queries as tracking
from app.tracking.queries import HourCount, LinkCount
from app.tracking.rules.hits import Kind
from app.tracking.rules.targets import WEBSITE, spoken
from app.tracking.rules.verdicts import Verdict

LABELS = 12
"""So many words stand under a chart without touching each other."""


@blueprint.get("/campaigns/<uuid:campaign_id>/report")
@guards.member("campaigns.read")
def report(campaign_id: UUID) -> Response:
    """The bar that sums to the audience, people beside machines, links; ``kind`` is open or click."""
    standing = standing_of(campaign_id)
    if standing.state in {State.DRAFT, State.SCHEDULED} or standing.mailing_no is None:
        return to("show", campaign_id)
    return make_response(report_page(standing))


def report_page(standing: Standing, notice: str = "") -> str:
    """The page of a campaign that has begun, with a word on top where something was refused."""
    assert standing.mailing_no is not None
    actor = current_actor()
    brand = accounts.brand(actor.workspace_id)
    figures = queries.progress_of(actor.workspace_id, [standing.mailing_no])[standing.mailing_no]
    opened, clicked = queries.count_readers(actor.workspace_id, standing.mailing_no)
    counts = tracking.by_hour(actor.workspace_id, standing.mailing_no)
    left = queries.count_left(actor.workspace_id, standing.mailing_no)
    names = [found.name for found in consent.get_interests(actor.workspace_id, standing.interests)]
    word, tone = badge_of(standing)
    return render_template(
        "campaigns/report.html",
        notice=notice,
        campaign=standing,
        word=word,
        tone=tone,
        topics=topics_of(standing, names),
        zone=brand.time_zone,
        may_write=actor.may("campaigns.write"),
        answers=_answers(standing, opened, clicked, left, figures.sent),
        links=_links(tracking.by_link(actor.workspace_id, standing.mailing_no)),
        mail_url=_mail_url(standing),
        totals=[_total("Opens", counts, Kind.OPEN), _total("Clicks", counts, Kind.CLICK)],
        **_over_time(standing, counts, brand.time_zone),
        **progress_values(standing, figures, outbox.reasons(actor.workspace_id, standing.mailing_no)),
    )


def _total(name: str, counts: Sequence[HourCount], kind: Kind) -> tuple[str, ...]:
    sums = dict.fromkeys(Verdict, 0)
    for found in counts:
        if found.kind is kind:
            sums[found.verdict] += found.count
    return (name, *(f"{sums[verdict]:,}" for verdict in (Verdict.HUMAN, Verdict.MACHINE, Verdict.UNKNOWN)))


def _answers(standing: Standing, opened: int, clicked: int, left: int, sent: int) -> list[dict[str, Any]]:
    def people(word: str) -> str:
        return url_for("campaigns.people", campaign_id=standing.id, word=word)

    def share(number: int) -> str:
        return f"{100 * number / sent:.1f}% of sent" if sent else ""

    return [
        {
            "label": "Clicked by hand",
            "value": f"{clicked:,}",
            "url": people("clicked"),
            "note": share(clicked),
        },
        {
            "label": "Opened by hand",
            "value": f"{opened:,}",
            "url": people("opened"),
            "note": "at least, where measuring is allowed",
        },
        {
            "label": "Left within a week",
            "value": f"{left:,}",
            "url": people("left"),
            "note": f"{100 * left / sent:.2f}% of sent" if sent else "",
        },
    ]


def _over_time(standing: Standing, found: Sequence[HourCount], zone: str) -> dict[str, Any]:
    kind = Kind.OPEN if request.args.get("kind") == "open" else Kind.CLICK
    counts = [(one.hour, one.verdict.value, one.count) for one in found if one.kind is kind]
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


def _links(found: Sequence[LinkCount]) -> list[dict[str, Any]]:
    most = max((link.counts[Verdict.HUMAN] for link in found), default=0)
    rows = []
    for link in sorted(found, key=lambda one: -one.counts[Verdict.HUMAN]):
        host, path = _split(link.url)
        human = link.counts[Verdict.HUMAN]
        rows.append(
            {
                "url": "" if "{" in link.url else link.url,
                "host": host,
                "path": path,
                "human": human,
                "machine": link.counts[Verdict.MACHINE],
                "share": 100 * human // most if most else 0,
            }
        )
    return rows


def _split(url: str) -> tuple[str, str]:
    """Host and path of an address, for the eye; one with merge tags leads elsewhere for each reader."""
    if url.startswith("{"):
        return WEBSITE, f"/{spoken(url).removeprefix(WEBSITE).removeprefix('/')}"
    parts = urlsplit(url)
    return parts.netloc, f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"


def _mail_url(standing: Standing) -> str:
    if standing.version_id is None:
        return ""
    return url_for("content.preview", letter_id=standing.letter_id, version=standing.version_number)
