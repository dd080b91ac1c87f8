"""The day on which a person last opened a mail: all that is kept of who allows no more, to stop writing to the absent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import delete, text

from app.kernel.db import array_of, session
from app.tracking.models import LastOpen


@dataclass(frozen=True, slots=True)
class Opened:
    """Somebody opened something on a day (UTC)."""

    workspace_id: UUID
    contact_id: UUID
    day: date


# No time, no mail and no count: the newest day overwrites the one before, so that no history comes about.
_NOTE = text(
    "INSERT INTO last_opens AS l (contact_id, workspace_id, day)"
    " SELECT * FROM unnest(CAST(CAST(:contact_id AS text) AS uuid[]), CAST(CAST(:workspace_id AS text) AS uuid[]),"
    " CAST(CAST(:day AS text) AS date[]))"
    " ON CONFLICT (contact_id) DO UPDATE SET day = excluded.day WHERE l.day < excluded.day"
)


def note(opens: Sequence[Opened]) -> None:
    """Keep the newest day of each person; the unique key is the person."""
    newest: dict[UUID, Opened] = {}
    for opened in opens:
        known = newest.get(opened.contact_id)
        if known is None or known.day < opened.day:
            newest[opened.contact_id] = opened
    found = [one for _, one in sorted(newest.items())]
    if found:
        values = {
            "contact_id": array_of(one.contact_id for one in found),
            "workspace_id": array_of(one.workspace_id for one in found),
            "day": array_of(one.day for one in found),
        }
        session().execute(_NOTE, values)


def forget(workspace_id: UUID, contact_id: UUID) -> None:
    """Drop a person's day."""
    session().execute(
        delete(LastOpen).where(LastOpen.workspace_id == workspace_id, LastOpen.contact_id == contact_id)
    )
