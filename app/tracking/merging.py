"""Two entries of one person: whose signals, and which day of the last open."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from app.consent import queries as consent
from app.consent.rules import Level
from app.kernel.module import Joining
from app.tracking import queries
from app.tracking.service import ingest, last_opens
from app.tracking.service.last_opens import Opened


def hold(_workspace_id: UUID, _contact_ids: tuple[UUID, ...]) -> None:
    """Let no hits be taken in: what comes later finds whose message it was by then."""
    ingest.hold()


def join(joining: Joining) -> dict[str, Any]:
    """The later day of both, where the survivor lets us keep it; consent has forgotten it by now where they do not."""
    workspace_id, survivor_id = joining.workspace_id, joining.survivor_id
    before = queries.find_last_open(workspace_id, survivor_id)
    other = queries.find_last_open(workspace_id, joining.merged_id)
    if other is not None and _keeps_day(survivor_id):
        last_opens.note([Opened(workspace_id, survivor_id, other)])
    after = queries.find_last_open(workspace_id, survivor_id)
    return {"before": _plain(before), "after": _plain(after)}


def part(joining: Joining, memo: dict[str, Any]) -> None:
    """The survivor's own day again, where they did not open anything since."""
    workspace_id, survivor_id = joining.workspace_id, joining.survivor_id
    if memo["before"] == memo["after"] or _plain(queries.find_last_open(workspace_id, survivor_id)) != memo["after"]:
        return
    last_opens.forget(workspace_id, survivor_id)
    if memo["before"]:
        last_opens.note([Opened(workspace_id, survivor_id, date.fromisoformat(memo["before"]))])


def _keeps_day(contact_id: UUID) -> bool:
    return consent.tracking_levels({contact_id}).get(contact_id) is Level.DATE


def _plain(day: date | None) -> str | None:
    return day.isoformat() if day else None
