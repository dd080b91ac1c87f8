"""The panel of a letter that is tried with everybody, as the review shows it."""

from __future__ import annotations

from typing import Any

from flask import url_for

from app.campaigns import findings, queries, rehearsal
from app.campaigns.queries import Standing
from app.campaigns.rehearsal import Rehearsed
from app.kernel.charts import share_bar
from app.kernel.http.actor import current_actor


def tried_values(standing: Standing, seen: Rehearsed | None) -> dict[str, Any]:
    """What the panel needs. People are named for those who may see them."""
    actor = current_actor()
    values: dict[str, Any] = {
        "tried": seen,
        "try_url": url_for("campaigns.try_it", campaign_id=standing.id),
        "call_off_url": url_for("campaigns.call_off", campaign_id=standing.id),
        "tried_url": url_for("campaigns.tried", campaign_id=standing.id),
    }
    if seen is None:
        return values
    cases = rehearsal.cases_of(actor.workspace_id, standing.id) if actor.may("people.read") else {}
    names = queries.name_people(actor.workspace_id, {one for ids in cases.values() for one in ids})

    def named(place: int) -> list[tuple[str, str]]:
        found = [(one, *names.get(one, ("", ""))) for one in cases.get(place, [])]
        return [(name or address, url_for("people.show", contact_id=one)) for one, name, address in found if name or address]

    return values | {
        "progress": {"sentence": _sentence(seen), "bar": share_bar([(seen.tried, "yes"), (seen.people - seen.tried, "wait")])},
        "findings": [
            (one, findings.title_of(one, seen.tally), findings.says_of(one), named(place))
            for place, one in enumerate(seen.tally.findings)
        ],
    }


def _sentence(seen: Rehearsed) -> str:
    if seen.is_over:
        return f"Tried with {seen.people:,} {'person' if seen.people == 1 else 'people'}."
    if seen.at is None:
        return "Nod is noting who would get it."
    return f"{seen.tried:,} of {seen.people:,} tried."
