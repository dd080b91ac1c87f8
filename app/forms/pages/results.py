"""What a form brought: seen, asked, said yes, and where from."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import render_template, request, url_for

from app.forms import queries
from app.forms.pages import blueprint, building
from app.forms.queries import Counts, Results
from app.kernel import charts, clock
from app.kernel.http import guards
from app.kernel.http.actor import current_actor

SPANS = (7, 30, 90)
DOORS = {
    "page": "Our own page",
    "html": "Pasted HTML",
    "component": "Web component",
    "frame": "Frame",
    "api": "API",
}
_LABELS = 4


@blueprint.get("/forms/<uuid:form_id>/results")
@guards.member("forms.read")
def results(form_id: UUID) -> str:
    """One form's figures of the last week, month or quarter."""
    form = queries.get_form(current_actor().workspace_id, form_id)
    days = next((span for span in SPANS if request.args.get("days") == str(span)), 30)
    found = queries.results(form, days)
    return render_template(
        "forms/results.html",
        form={"name": form.name, "live": form.archived_at is None},
        tabs=building.tabs(form, "Results"),
        spans=[
            (f"{span} days", url_for("forms.results", form_id=form_id, days=span), span == days)
            for span in SPANS
        ],
        total=found.total,
        shares={
            "asked": share(found.total.submits, found.total.views),
            "yes": share(found.total.confirms, found.total.submits),
        },
        chart=_chart(found) if found.total != Counts() else None,
        rows=[
            (day.isoformat(), counts.views, counts.submits, counts.confirms)
            for day, counts in reversed(found.days)
        ],
        sources=[_source(name, counts) for name, counts in found.sources],
        braked_until=form.challenge_until
        if form.challenge_until and form.challenge_until > clock.now()
        else None,
        embed_url=url_for("forms.embed", form_id=form_id),
    )


def share(part: int, whole: int) -> str:
    """``80%``, or nothing where there is no whole; never more than all."""
    return f"{min(100 * part / whole, 100):.0f}%" if whole else ""


def _chart(found: Results) -> charts.BarChart:
    step = max(-(-len(found.days) // _LABELS), 1)
    labels = [f"{day.day} {day:%b}" if place % step == 0 else "" for place, (day, _) in enumerate(found.days)]
    series = [
        charts.Series([counts.submits for _, counts in found.days], "ask"),
        charts.Series([counts.confirms for _, counts in found.days], "yes"),
    ]
    return charts.bar_chart(series, labels)


def _source(name: str, counts: Counts) -> dict[str, Any]:
    door, _, site = name.partition(" ")
    return {
        "door": DOORS.get(door, door),
        "site": site,
        "views": counts.views,
        "asked": counts.submits,
        "yes": counts.confirms,
        "rate": share(counts.confirms, counts.submits),
    }
