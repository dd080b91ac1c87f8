"""The verbs of segments. Each is written down among the acts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.accounts import service as accounts
from app.accounts.rules import acts
from app.kernel import clock, jobs
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict, NotFound
from app.kernel.ids import uuid7
from app.segments import queries, rules
from app.segments.models import Segment, SegmentVersion
from app.segments.rules import Group


def create(workspace_id: UUID, name: str, raw: Any, *, by: acts.By) -> Segment:
    """A segment with its first version; repeating it is refused by the name.

    Raises:
        BadInput: its name or its tree does not fit.
        Conflict: there is one with this name.
    """
    tree, now = queries.read(workspace_id, raw), clock.now()
    made = Segment(
        id=uuid7(), workspace_id=workspace_id, version=1, created_by=by.id, created_at=now, changed_at=now
    )
    _write(made, _name(name))
    _add_version(made, tree, by)
    accounts.record("segment.created", by=by, workspace_id=workspace_id, of=f"segment:{made.id}")
    return made


def change(
    workspace_id: UUID, segment_id: UUID, name: str, raw: Any, *, version: int, by: acts.By
) -> Segment:
    """Let a segment say something else from now on: a new version, unless it says the same.

    Args:
        workspace_id: whose it is.
        segment_id: which one.
        name: what it is called.
        raw: its tree.
        version: the one that was looked at.
        by: who does it.

    Raises:
        NotFound: none of this workspace.
        BadInput: its name or its tree does not fit.
        Conflict: it has changed since, is archived, or there is another one with this name.
    """
    found = _locked(workspace_id, segment_id)
    if found.archived_at is not None:
        raise Conflict("This segment is archived. Bring it back first.")
    if found.version != version:
        raise Conflict("Somebody has changed this segment meanwhile. Look at it anew.")
    tree, name = queries.read(workspace_id, raw), _name(name)
    _look_for_circles(workspace_id, segment_id, tree)
    says_more = rules.to_json(tree) != queries.get_segment(workspace_id, segment_id).tree
    if says_more or found.name != name:
        _write(found, name)
        found.changed_at = clock.now()
        if says_more:
            found.version += 1
            _add_version(found, tree, by)
        accounts.record(
            "segment.changed", by=by, workspace_id=workspace_id, of=f"segment:{segment_id}",
            detail={"version": found.version},
        )  # fmt: skip
    return found


def duplicate(workspace_id: UUID, segment_id: UUID, *, by: acts.By) -> Segment:
    """Another segment that says the same, under the first free name.

    Raises:
        NotFound: none of this workspace.
    """
    known = queries.get_segment(workspace_id, segment_id)
    taken = {found.name for found in queries.list_segments(workspace_id)}
    names = (
        f"{known.name[: rules.MAX_NAME - 12]}, copy{'' if n == 1 else f' {n}'}"
        for n in range(1, len(taken) + 2)
    )
    return create(workspace_id, next(name for name in names if name not in taken), known.tree, by=by)


def archive(workspace_id: UUID, segment_id: UUID, *, by: acts.By) -> None:
    """Put a segment away.

    Raises:
        NotFound: none of this workspace.
        Conflict: another segment names it.
    """
    found = _locked(workspace_id, segment_id)
    for other in queries.list_segments(workspace_id):
        if segment_id in queries.segments_in(other.tree):
            raise Conflict(f"“{other.name}” is made of it. Take it out there first.")
    if found.archived_at is None:
        found.archived_at = clock.now()
        session().flush()
        accounts.record("segment.archived", by=by, workspace_id=workspace_id, of=f"segment:{segment_id}")


def restore(workspace_id: UUID, segment_id: UUID, *, by: acts.By) -> None:
    """Bring a segment back.

    Raises:
        NotFound: none of this workspace.
        Conflict: another one has its name by now.
    """
    found = _locked(workspace_id, segment_id)
    if found.archived_at is not None:
        _write(found, found.name, is_back=True)
        accounts.record("segment.restored", by=by, workspace_id=workspace_id, of=f"segment:{segment_id}")


def _name(raw: str) -> str:
    name = " ".join(raw.split())
    if not name or len(name) > rules.MAX_NAME:
        raise BadInput(fields={"name": f"Give it a name of at most {rules.MAX_NAME} characters."})
    return name


def _write(segment: Segment, name: str, *, is_back: bool = False) -> None:
    try:
        with session().begin_nested():
            segment.name = name
            if is_back:
                segment.archived_at = None
            session().add(segment)
    except IntegrityError as error:
        if "uq_segments_name" not in str(error.orig):
            raise
        raise Conflict(f"There is a segment called “{name}”. Choose another name.") from None
    queries.forget_fields(segment.workspace_id)


def _add_version(segment: Segment, tree: Group, by: acts.By) -> None:
    session().add(
        SegmentVersion(
            segment_id=segment.id, version=segment.version, workspace_id=segment.workspace_id,
            tree=rules.to_json(tree), created_by=by.id, created_at=clock.now(),
        )
    )  # fmt: skip
    session().flush()
    if rules.looked_up(rules.to_json(tree)):
        jobs.ring_job(rules.INDEX_JOB)


def _locked(workspace_id: UUID, segment_id: UUID) -> Segment:
    """The segment, and nobody changes another one meanwhile: two changes at once could close a circle."""
    query = select(Segment).where(Segment.workspace_id == workspace_id).order_by(Segment.id).with_for_update()
    rows = session().execute(query.execution_options(populate_existing=True)).scalars()
    found = next((row for row in rows if row.id == segment_id), None)
    if found is None:
        raise NotFound("This segment is not here.")
    return found


def _look_for_circles(workspace_id: UUID, segment_id: UUID, tree: Group) -> None:
    """Raises: BadInput where a segment would be made of itself, whatever lies between."""
    trees = {found.id: found.tree for found in queries.list_segments(workspace_id, include_archived=True)}
    seen: set[UUID] = set()
    ahead = queries.segments_in(rules.to_json(tree))
    while ahead:
        if segment_id in ahead:
            raise BadInput(
                fields={rules.ROOT: "A segment cannot be made of itself, nor of one that is made of it."}
            )
        seen |= ahead
        ahead = set().union(*(queries.segments_in(trees[found]) for found in ahead)) - seen
