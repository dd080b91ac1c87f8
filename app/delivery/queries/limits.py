"""When and how often a workspace writes to people at all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text

from app.delivery.models import ContactLimits
from app.delivery.rules.hours import Span
from app.kernel.db import session

WEEK: Final = timedelta(days=7)
# Index ix_messages_contact: of what is made within this time. A mailing that stood still for longer is asked by itself.
_MADE_WITHIN: Final = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for all mails to many.

    Attributes:
        quiet: by their clock nobody gets any in these hours.
        weekly: nobody gets more within seven days; None: as many as come.
    """

    quiet: Span | None = None
    weekly: int | None = None


def contact_limits(workspace_id: UUID) -> Limits:
    """Those of a workspace."""
    found = session().get(ContactLimits, workspace_id, populate_existing=True)
    if found is None:
        return Limits()
    since, until = found.quiet_since, found.quiet_until
    return Limits(Span(since, until) if since is not None and until is not None else None, found.weekly)


CAP_SQL: Final = (
    "(SELECT l.weekly FROM contact_limits l WHERE l.workspace_id = g.workspace_id AND g.kind = 'bulk'"
    " AND NOT coalesce(CAST(g.timing ->> 'urgent' AS boolean), false))"
)
"""How many mails whoever gets a mailing ``g`` may have within a week, this one among them; NULL: as many as come."""

_COUNTS: Final = (
    "m.permission_id IS NOT NULL AND m.state IN ('attempting', 'sent', 'unknown') AND m.began_at > :since"
    " AND m.mailing_no <> :no"
)
_HAD_ENOUGH = text(
    "SELECT had.contact_id FROM ("  # noqa: S608  no input in it
    " SELECT m.contact_id FROM messages m WHERE m.contact_id = ANY(CAST(:ids AS uuid[])) AND m.created_at > :made"
    f" AND {_COUNTS} UNION ALL"
    # A mailing has one message for each person, whose id is its unique key.
    " SELECT m.contact_id FROM mailings g JOIN messages m ON m.mailing_no = g.no AND m.dedupe_key = ANY(CAST(:ids AS uuid[]))"
    " WHERE g.kind = 'bulk' AND g.frozen_at <= :made AND (g.ended_at IS NULL OR g.ended_at > :since)"
    f" AND m.created_at <= :made AND {_COUNTS}"
    ") AS had GROUP BY had.contact_id HAVING count(*) >= :cap"
)


def had_enough(mailing_no: int, cap: int, contact_ids: Collection[UUID], now: datetime) -> set[UUID]:
    """Who of these people has had so many mails within a week, beside those of this mailing.

    The messages themselves are what is counted: one that failed, or was given back, counts no more. Who asks before
    beginning others holds the people's reach, and asks in a statement after that: else two would each see the other's
    mails not begun yet.
    """
    values = {
        "no": mailing_no, "cap": cap, "ids": list(contact_ids), "since": now - WEEK, "made": now - _MADE_WITHIN,
    }  # fmt: skip
    return set(session().execute(_HAD_ENOUGH, values).scalars())
