"""Whose permission ends soon."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text

from app.consent.queries.gate import REACHED, gate_sql
from app.consent.rules import Basis
from app.consent.rules.grounds import months_after
from app.consent.rules.jurisdictions import RE_ASK_MONTHS
from app.kernel.db import session

SOON: Final = timedelta(days=60)
"""So long ahead staff are warned."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Somebody whose permission to email ends, the interests that it is about, and when the first of them does."""

    contact_id: UUID
    interest_ids: tuple[UUID, ...]
    bases: tuple[Basis, ...]
    ends_at: datetime
    asked_at: datetime | None = None


# Who is written to by the gate now and will not be by then.
_SOON = (
    f"FROM permissions p {REACHED} WHERE p.workspace_id = :workspace_id AND p.purpose = 'marketing'"
    f" AND p.channel = 'email' AND p.interest_id IS NOT NULL AND p.valid_until <= :until AND {gate_sql()}"
)
ASKED: Final = (
    "(SELECT max(greatest(q.created_at, q.done_at)) FROM consent_requests q WHERE q.workspace_id = p.workspace_id"
    " AND q.contact_id = p.contact_id AND q.renewal IS NOT NULL)"
)
"""When somebody was last asked whether we may go on, or answered."""
_PERSON = (
    "SELECT p.contact_id, array_agg(p.interest_id ORDER BY p.id), array_agg(DISTINCT p.basis), min(p.valid_until),"
    f" {ASKED} {_SOON}"
)
_LIST = text(
    f"{_PERSON} GROUP BY p.workspace_id, p.contact_id ORDER BY min(p.valid_until), p.contact_id LIMIT :limit"
)
_COUNT = text(
    f"SELECT count(DISTINCT p.contact_id), count(DISTINCT p.contact_id) FILTER (WHERE coalesce({ASKED} <= :before, true))"
    f" {_SOON}"
)


def list_ending(workspace_id: UUID, until: datetime, now: datetime, *, limit: int = 50) -> list[Ending]:
    """People whose permission to email ends by then, the earliest first."""
    values = {"workspace_id": workspace_id, "until": until, "now": now, "limit": limit}
    return [_ending(*row) for row in session().execute(_LIST, values)]


def count_ending(workspace_id: UUID, until: datetime, now: datetime) -> tuple[int, int]:
    """How many people's permission to email ends by then, and how many of them may be asked."""
    before = months_after(now, -RE_ASK_MONTHS)
    values = {"workspace_id": workspace_id, "until": until, "now": now, "before": before}
    row = session().execute(_COUNT, values).one()
    return row[0], row[1]


def _ending(
    contact_id: UUID, interest_ids: list[UUID], bases: list[str], ends_at: datetime, asked_at: datetime | None
) -> Ending:
    return Ending(contact_id, tuple(interest_ids), tuple(map(Basis, bases)), ends_at, asked_at)
