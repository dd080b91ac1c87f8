"""Whom we may ask whether we may go on, and why: their permission ends, they fell silent, or the words have changed.

Nobody is asked twice within six months, whatever they answered, and nobody whom we may not write to.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, text

from app.consent.queries.ending import ASKED, SOON
from app.consent.queries.gate import REACHED, gate_sql
from app.consent.rules import Renewal
from app.consent.rules.grounds import months_after
from app.consent.rules.jurisdictions import RE_ASK_MONTHS, RULE_SETS
from app.kernel.db import session

MOST_COUNTED: Final = 10_000
"""Beyond that a page says "more than"; whoever asks asks all of them."""
_SHORTEST_MONTHS: Final = min(found.dormant_months for found in RULE_SETS if found.dormant_months)

# The last that was heard of a person: their own word, or what they let us see of their reading.
_HEARD = (
    "greatest(e.received_at,"
    " (SELECT max(h.received_at) FROM consent_events h WHERE h.workspace_id = p.workspace_id"
    " AND h.contact_id = p.contact_id AND h.kind IN ('confirmed', 're_confirmed', 'changed')),"
    " (SELECT max(s.last_signal_at) FROM engagement_scores s WHERE s.contact_id = p.contact_id),"
    " (SELECT l.day + time '23:59' AT TIME ZONE 'UTC' FROM last_opens l WHERE l.contact_id = p.contact_id))"
)
# How long a yes may sleep stands in its event, by the rules that held when it was given.
_MONTHS = "(convert_from(e.body, 'UTF8')::jsonb #>> '{validity,dormant_months}')::int"
_WHICH: Final = {
    Renewal.ENDING: ("p.valid_until", "p.valid_until <= :until"),
    Renewal.SILENT: (
        "v.heard_at",
        (
            "p.basis = 'consent' AND p.valid_until IS NULL AND e.received_at <= :shortest"
            f" AND v.heard_at + make_interval(months => {_MONTHS}) <= :now"
        ),
    ),
    Renewal.WORDS: (
        "e.received_at",
        "p.basis = 'consent' AND p.valid_until IS NULL AND (e.received_at < i.reworded_at OR e.received_at < :older_than)",
    ),
}
_FROM = (
    f"FROM permissions p {REACHED} JOIN interests i ON i.id = p.interest_id AND i.archived_at IS NULL"
    " JOIN consent_events e ON e.id = p.event_id{lateral} WHERE p.workspace_id = :workspace_id"
    f" AND p.purpose = 'marketing' AND p.channel = 'email' AND {gate_sql()} AND {{which}}"
    f" AND coalesce({ASKED} <= :asked_before, true)"
)


@dataclass(frozen=True, slots=True)
class Why:
    """A reason to ask, with what it needs.

    Attributes:
        reason: which one.
        until: of an end: up to when.
        older_than: of other words: also a yes that was given before this moment.
    """

    reason: Renewal
    until: datetime | None = None
    older_than: datetime | None = None


@dataclass(frozen=True, slots=True)
class Askable:
    """Somebody who may be asked.

    Attributes:
        contact_id: who.
        interest_ids: about what.
        at: when their permission ends, when they were last heard of, or when they said yes.
    """

    contact_id: UUID
    interest_ids: tuple[UUID, ...]
    at: datetime


def ending_soon(now: datetime) -> Why:
    """Permission that ends within 60 days."""
    return Why(Renewal.ENDING, until=now + SOON)


def list_askable(workspace_id: UUID, why: Why, now: datetime, *, limit: int = 50) -> list[Askable]:
    """Who may be asked for this reason, the earliest moment first."""
    rows = session().execute(_LISTS[why.reason], _values(workspace_id, why, now) | {"limit": limit})
    return [Askable(contact_id, tuple(interest_ids), at) for contact_id, interest_ids, at in rows]


def count_askable(workspace_id: UUID, why: Why, now: datetime) -> int:
    """How many they are; ``MOST_COUNTED`` + 1 where they are more."""
    values = _values(workspace_id, why, now) | {"limit": MOST_COUNTED + 1}
    found: int = session().execute(_COUNTS[why.reason], values).scalar_one()
    return found


def _from(reason: Renewal) -> str:
    lateral = f" CROSS JOIN LATERAL (SELECT {_HEARD} AS heard_at) v" if reason is Renewal.SILENT else ""
    return _FROM.format(lateral=lateral, which=_WHICH[reason][1])


def _list(reason: Renewal) -> TextClause:
    moment = _WHICH[reason][0]
    return text(
        f"SELECT p.contact_id, array_agg(p.interest_id ORDER BY p.id), min({moment}) {_from(reason)}"
        f" GROUP BY p.contact_id ORDER BY min({moment}), p.contact_id LIMIT :limit"
    )


def _count(reason: Renewal) -> TextClause:
    return text(f"SELECT count(*) FROM (SELECT DISTINCT p.contact_id {_from(reason)} LIMIT :limit) AS found")  # noqa: S608  no input in it


_LISTS: Final = {reason: _list(reason) for reason in Renewal}
_COUNTS: Final = {reason: _count(reason) for reason in Renewal}


def _values(workspace_id: UUID, why: Why, now: datetime) -> dict[str, Any]:
    more: dict[Renewal, dict[str, Any]] = {
        Renewal.ENDING: {"until": why.until},
        Renewal.SILENT: {"shortest": months_after(now, -_SHORTEST_MONTHS)},
        Renewal.WORDS: {"older_than": why.older_than},
    }
    return {
        "workspace_id": workspace_id, "now": now, "asked_before": months_after(now, -RE_ASK_MONTHS), **more[why.reason]
    }  # fmt: skip
