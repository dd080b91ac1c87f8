"""A workspace's own kinds of signals: known since the first one was told."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.kernel import clock
from app.kernel.db import forget_once, session
from app.kernel.errors import BadInput, NotFound
from app.tracking import queries
from app.tracking.models import OwnSignalKind
from app.tracking.rules import kinds

MAX_LABEL: Final = 60


def know(workspace_id: UUID, written: Collection[str]) -> None:
    """Let kinds that programs call so be known from now on; those that are stay as they are.

    Raises:
        BadInput: there would be too many.
        ValueError: no name for a kind.
    """
    stored = {kinds.own_name(name): name for name in written}
    known = set(session().execute(select(OwnSignalKind.kind).where(OwnSignalKind.workspace_id == workspace_id)).scalars())
    new = sorted(stored.keys() - known)
    if not new:
        return
    if len(known) + len(new) > kinds.MAX_OWN:
        raise BadInput(
            f"There are {kinds.MAX_OWN} kinds of signals already, and no more can be made. Tell what differs as data of one kind."
        )
    now = clock.now()
    rows = [
        {"workspace_id": workspace_id, "kind": kind, "label": kinds.label_of(stored[kind]), "created_at": now}
        for kind in new
    ]
    session().execute(insert(OwnSignalKind).values(rows).on_conflict_do_nothing())
    forget_once(queries.kinds_key(workspace_id))


def rename(workspace_id: UUID, kind: str, label: str) -> None:
    """Call an own kind otherwise; programs go on with its name.

    Raises:
        NotFound: none of this workspace.
        BadInput: the label does not fit.
    """
    found = get(workspace_id, kind)
    label = " ".join(label.split())
    if not label or len(label) > MAX_LABEL or not label.isprintable():
        raise BadInput(fields={"label": f"Write what it is called, in at most {MAX_LABEL} characters."})
    found.label = label
    forget_once(queries.kinds_key(workspace_id))


def archive(workspace_id: UUID, kind: str, *, is_archived: bool) -> None:
    """Take an own kind out of lists, or put it back; what was told stays, and what is told is kept.

    Raises:
        NotFound: none of this workspace.
    """
    get(workspace_id, kind).archived_at = clock.now() if is_archived else None
    forget_once(queries.kinds_key(workspace_id))


def get(workspace_id: UUID, kind: str) -> OwnSignalKind:
    """One of the workspace's own.

    Raises:
        NotFound: none of this workspace.
    """
    query = select(OwnSignalKind).where(OwnSignalKind.workspace_id == workspace_id, OwnSignalKind.kind == kind)
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("This kind of signal is not here.")
    return found
