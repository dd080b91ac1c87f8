"""Saying when and how often a workspace writes to people at all."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from app.delivery.models import ContactLimits
from app.delivery.rules.hours import Span
from app.kernel.db import session
from app.kernel.errors import BadInput

MOST_A_WEEK: Final = 50


def set_contact_limits(workspace_id: UUID, *, quiet: Span | None, weekly: int | None) -> None:
    """Set them, in place of those before. Quiet hours hold for mailings whose audience is made from now on, the number at once.

    Args:
        workspace_id: whose.
        quiet: by their own clock people get no mails to many in these hours, not the whole day; None: at any hour.
        weekly: so many mails to many at most within seven days; None: as many as come.

    Raises:
        BadInput: with ``fields`` weekly.
    """
    if weekly is not None and not 1 <= weekly <= MOST_A_WEEK:
        raise BadInput(fields={"weekly": f"Write a number from 1 to {MOST_A_WEEK}."})
    values = {
        "quiet_since": quiet.since if quiet else None, "quiet_until": quiet.until if quiet else None, "weekly": weekly,
    }  # fmt: skip
    new = insert(ContactLimits).values(workspace_id=workspace_id, **values)
    session().execute(new.on_conflict_do_update(index_elements=["workspace_id"], set_=values))
