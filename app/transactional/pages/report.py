"""What came of the mails: by day, by reason, and each of the last ones."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import render_template, request, url_for

from app.accounts import queries as accounts
from app.delivery.rules import Word
from app.kernel import charts, clock
from app.kernel.errors import BadRequest
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.transactional import queries, rules
from app.transactional.pages import blueprint
from app.transactional.queries import Row

TONES: Final = {Word.SENT: "yes", Word.WAITING: "info", Word.FAILED: "stop", Word.SKIPPED: "plain", Word.UNKNOWN: "ask"}
SAYS: Final = {
    Word.SENT: "Accepted",
    Word.WAITING: "Waiting",
    Word.FAILED: "Failed",
    Word.SKIPPED: "Not sent",
    Word.UNKNOWN: "In doubt",
}
_LABEL_EVERY: Final = 7


@blueprint.get("/transactional/report")
@guards.member("campaigns.read")
def report() -> str:
    """The last thirty days of one template (``template``) or of all; ``state`` narrows the list, ``page`` goes on."""
    actor = current_actor()
    zone = accounts.brand(actor.workspace_id).time_zone
    chosen = _template(request.args.get("template", ""))
    word = _word(request.args.get("state", ""))
    name = queries.get_template(actor.workspace_id, chosen)[1].name if chosen else ""
    ended = queries.count_ended(actor.workspace_id, zone, chosen)
    days = rules.days_of(ended, clock.now().astimezone(ZoneInfo(zone)))
    page = queries.list_rows(actor.workspace_id, chosen, word, request.args.get("page", ""))
    names = {found.id: title for found, title in queries.list_templates(actor.workspace_id)}
    sums = {one: sum(found.count for found in ended if found.word is one) for one in Word}
    may_people = actor.may("people.read")

    def here(**more: Any) -> str:
        return url_for("transactional.report", template=chosen, **more)

    return render_template(
        "transactional/report.html",
        name=name,
        back_url=url_for("transactional.show", template_id=chosen) if chosen else "",
        any=bool(ended) or bool(page.rows),
        sums={one.value: count for one, count in sums.items()},
        bounced=sum(one.count for one in ended if one.is_bounce),
        chart=_chart(days),
        finding=f"{sums[Word.SENT]:,} accepted, {sums[Word.FAILED] + sums[Word.SKIPPED]:,} not delivered in thirty days",
        days=[(f"{one.day:%-d %b}", f"{one.sent:,}", f"{one.failed:,}", f"{one.open:,}") for one in days],
        reasons=rules.reasons_of(ended),
        tabs=[
            {"label": "All", "url": here(), "current": word is None},
            *({"label": SAYS[one], "url": here(state=one.value), "current": word is one} for one in Word),
        ],
        rows=[_row(row, names, may_people=may_people) for row in page.rows],
        newer_url=here(state=word, page=page.previous_cursor) if page.previous_cursor else None,
        older_url=here(state=word, page=page.next_cursor) if page.next_cursor else None,
        zone=zone,
    )


def _template(raw: str) -> UUID | None:
    try:
        return UUID(raw) if raw else None
    except ValueError:
        raise BadRequest("Choose one of the templates.") from None


def _word(raw: str) -> Word | None:
    if raw and raw not in set(Word):
        raise BadRequest("Choose one of the states above the list.")
    return Word(raw) if raw else None


def _chart(days: list[rules.Day]) -> charts.BarChart:
    series = [
        charts.Series([one.sent for one in days], "yes"),
        charts.Series([one.failed for one in days], "stop"),
        charts.Series([one.open for one in days], "wait"),
    ]
    labels = [f"{one.day:%-d %b}" if place % _LABEL_EVERY == 0 else "" for place, one in enumerate(days)]
    return charts.bar_chart(series, labels, gutter=6.0, stacked=True)


def _row(row: Row, names: dict[UUID, str], *, may_people: bool) -> dict[str, Any]:
    known = row.contact_id is not None and may_people
    return {
        "address": (row.address or "no longer kept") if may_people else "",
        "person_url": f"/people/{row.contact_id}" if known else "",
        "template": names.get(row.template_id, row.slug),
        "word": SAYS[row.word],
        "tone": TONES[row.word],
        "reason": row.reason,
        "answer": row.answer if row.answer != row.reason else "",
        "at": row.created_at,
        "id": row.id,
    }
