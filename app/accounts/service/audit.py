"""The record of acts: written beside each act, in its transaction, and never changed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app.accounts.models import AuditEntry
from app.accounts.rules.acts import By
from app.kernel import clock
from app.kernel.db import session


def record(
    act: str, *, by: By, workspace_id: UUID | None = None, of: str = "", detail: dict[str, Any] | None = None
) -> None:
    """Write down an act.

    Args:
        act: ``thing.verb`` in the past tense, e.g. ``password.changed``.
        by: who did it.
        workspace_id: where; None for acts on the whole installation.
        of: what it was done to, as ``kind:id``. No address, no secret.
        detail: plain facts that explain it.
    """
    session().add(
        AuditEntry(
            workspace_id=workspace_id,
            at=clock.now(),
            actor_kind=by.kind,
            actor_id=by.id,
            act=act,
            object=of,
            detail=detail or {},
        )
    )
