"""What tracking forgets."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text

from app.kernel import clock
from app.kernel.db import session
from app.tracking.service import last_opens, orders, readers

PROGRAMS_FOR: Final = timedelta(days=30)
_FORGET = text(
    "UPDATE signals SET program = NULL WHERE at < :before AND (event_id, at) IN ("
    " SELECT event_id, at FROM signals WHERE program IS NOT NULL AND at < :before ORDER BY at LIMIT :limit)"
)


def forget_programs(limit: int = 10_000) -> int:
    """Drop the User-Agents of signals older than thirty days, oldest first; how many there were, at most ``limit``."""
    done = session().execute(_FORGET, {"before": clock.now() - PROGRAMS_FOR, "limit": limit})
    return int(done.rowcount)  # type: ignore[attr-defined]


def erase(workspace_id: UUID, contact_id: UUID) -> None:
    """Forget a person's signals, what came of them, and their last open; the sums of mailings stay, nobody can be found in them."""
    last_opens.forget(workspace_id, contact_id)
    readers.erase(workspace_id, contact_id)
    orders.erase(workspace_id, contact_id)
