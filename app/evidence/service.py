"""The verbs of this room: note who took evidence, say where signed days go, keep the privacy notice's words."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.accounts import service as accounts
from app.accounts.rules.acts import By
from app.evidence.models import SealTarget
from app.evidence.notices import paste as paste_notice
from app.evidence.notices import read_soon as read_notice_soon
from app.evidence.rules import TargetKind
from app.kernel import clock, jobs
from app.kernel.db import session
from app.kernel.errors import Conflict, NotFound
from app.kernel.ids import uuid7

__all__ = ["add_target", "paste_notice", "read_notice_soon", "record_reading", "remove_target", "try_target"]
EXPORT_JOB = "evidence.export"
MOST_TARGETS = 10


def record_reading(workspace_id: UUID, contact_id: UUID, *, by: By) -> None:
    """Write down that somebody took a person's evidence file."""
    accounts.record("person.evidence", by=by, workspace_id=workspace_id, of=f"contact:{contact_id}")


def add_target(workspace_id: UUID, kind: TargetKind, address: str, *, by: UUID) -> UUID:
    """Send signed days there from now on, those that were signed before as well.

    The address was checked by ``rules.address_of``; ``by`` is the user who wants it.

    Raises:
        Conflict: it is there already, or there are ten.
    """
    known = select(SealTarget.id).where(SealTarget.workspace_id == workspace_id)
    if len(session().execute(known).all()) >= MOST_TARGETS:
        raise Conflict("Ten places are enough. Remove one first.")
    target_id, now = uuid7(), clock.now()
    row = insert(SealTarget).values(
        id=target_id, workspace_id=workspace_id, kind=kind.value, address=address,
        made_by=by, created_at=now, due_at=now,
    )  # fmt: skip
    made = session().execute(
        row.on_conflict_do_nothing(constraint="uq_seal_targets_place").returning(SealTarget.id)
    )
    if made.scalar_one_or_none() is None:
        raise Conflict("Signed days go there already.")
    accounts.record(
        "seals.target_added", by=By("user", by), workspace_id=workspace_id, of=f"seal_target:{target_id}",
        detail={"kind": kind.value},
    )  # fmt: skip
    jobs.ring_job(EXPORT_JOB)
    return target_id


def remove_target(workspace_id: UUID, target_id: UUID, *, by: UUID) -> None:
    """Send nothing there any more; what has arrived stays there.

    Raises:
        NotFound: none of this workspace.
    """
    session().delete(_target(workspace_id, target_id))
    session().flush()
    accounts.record(
        "seals.target_removed", by=By("user", by), workspace_id=workspace_id, of=f"seal_target:{target_id}"
    )


def try_target(workspace_id: UUID, target_id: UUID) -> None:
    """Try it now instead of at its next turn.

    Raises:
        NotFound: none of this workspace.
    """
    _target(workspace_id, target_id).due_at = clock.now()
    session().flush()
    jobs.ring_job(EXPORT_JOB)


def _target(workspace_id: UUID, target_id: UUID) -> SealTarget:
    query = select(SealTarget).where(SealTarget.workspace_id == workspace_id, SealTarget.id == target_id)
    found = session().execute(query.with_for_update()).scalar_one_or_none()
    if found is None:
        raise NotFound("This place is not here.")
    return found
