"""Who comes into a segment and who goes: written down for those that are followed.

Each look asks whom the segment means now, compares that with who was in it, and writes only the difference, all in one
statement: what has not changed is read and not touched. What only time changes ("not for 90 days") is seen as what
people do is. A look that took long is taken more seldom, so that following never takes more than a twentieth of the
database's time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert

from app.accounts import service as accounts
from app.accounts.rules import acts
from app.kernel import clock, jobs
from app.kernel.db import session, transaction
from app.kernel.errors import Conflict, Problem
from app.kernel.module import TimelineEntry
from app.segments import queries
from app.segments.models import Segment, SegmentChange, SegmentFollow, SegmentMember

JOB: Final = "segments.follow"
EVERY: Final = timedelta(seconds=60)
SHARE: Final = 20
"""A look that took a second is taken every ``SHARE`` seconds at most."""
SECONDS: Final = 20
"""So long a look may take, less than somebody waits who stops following."""
LATER: Final = timedelta(minutes=15)
"""When one that came to nothing is tried again."""
KEPT: Final = timedelta(days=90)
AT_ONCE: Final = 1000
WORK_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Change:
    """Somebody came or went; ``no`` grows, so whoever reads on begins behind the last one read."""

    no: int
    contact_id: UUID
    entered: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class DayCount:
    """How many came and went on a day of the workspace."""

    day: date
    entered: int
    left: int


def follow(workspace_id: UUID, segment_id: UUID, *, by: acts.By) -> None:
    """Write down from now on who comes and goes; once is enough.

    Raises:
        NotFound: none of this workspace.
        Conflict: it is archived.
    """
    if queries.get_segment(workspace_id, segment_id).archived_at is not None:
        raise Conflict("This segment is archived. Bring it back first.")
    now = clock.now()
    row = {"segment_id": segment_id, "workspace_id": workspace_id, "since": now, "next_look_at": now}
    made = session().execute(
        insert(SegmentFollow).values(row).on_conflict_do_nothing().returning(SegmentFollow.segment_id)
    )
    if made.scalar_one_or_none() is not None:
        jobs.ring_job(JOB)
        accounts.record("segment.followed", by=by, workspace_id=workspace_id, of=f"segment:{segment_id}")


def unfollow(workspace_id: UUID, segment_id: UUID, *, by: acts.By) -> None:
    """Stop, and forget who is in it and who came and went.

    Raises:
        NotFound: none of this workspace.
    """
    queries.get_segment(workspace_id, segment_id)
    # First the row that a look holds.
    ended = session().execute(delete(SegmentFollow).where(SegmentFollow.segment_id == segment_id))
    for table in (SegmentMember, SegmentChange):
        session().execute(delete(table).where(table.segment_id == segment_id))
    if ended.rowcount:  # type: ignore[attr-defined]
        accounts.record("segment.unfollowed", by=by, workspace_id=workspace_id, of=f"segment:{segment_id}")


def find(workspace_id: UUID, segment_id: UUID) -> SegmentFollow | None:
    """How following a segment stands; None: it is not followed."""
    query = select(SegmentFollow).where(
        SegmentFollow.workspace_id == workspace_id, SegmentFollow.segment_id == segment_id
    )
    return session().execute(query).scalar_one_or_none()


# --- Looking -----------------------------------------------------------------------------------------------------


def run() -> None:
    """Take every look that is due; a job."""
    until = time.monotonic() + WORK_SECONDS
    while time.monotonic() < until:
        with transaction():
            if not look_once():
                return


def look_once() -> bool:
    """Take the look that is due longest; whether there was one. Two workers never look at the same."""
    query = (
        select(SegmentFollow)
        .join(Segment, Segment.id == SegmentFollow.segment_id)
        .where(SegmentFollow.next_look_at <= clock.now(), Segment.archived_at.is_(None))
        .order_by(SegmentFollow.next_look_at)
        .limit(1)
        .with_for_update(skip_locked=True, of=SegmentFollow)
    )
    found = session().execute(query.execution_options(populate_existing=True)).scalar_one_or_none()
    if found is None:
        return False
    _look(found)
    return True


_DIFFERENCE: Final = (
    "WITH meant AS MATERIALIZED ({people}),"
    " gone AS (DELETE FROM segment_members m WHERE m.segment_id = :segment_id"
    "  AND NOT EXISTS (SELECT FROM meant w WHERE w.contact_id = m.contact_id) RETURNING m.contact_id),"
    " come AS (INSERT INTO segment_members (segment_id, contact_id, workspace_id)"
    "  SELECT :segment_id, w.contact_id, :workspace_id FROM meant w WHERE NOT EXISTS"
    "  (SELECT FROM segment_members m WHERE m.segment_id = :segment_id AND m.contact_id = w.contact_id)"
    "  RETURNING contact_id),"
    " told AS (INSERT INTO segment_changes (segment_id, workspace_id, contact_id, entered, version, at)"
    "  SELECT :segment_id, :workspace_id, x.contact_id, x.entered, :version, :now FROM"
    "  (SELECT contact_id, true AS entered FROM come UNION ALL SELECT contact_id, false FROM gone) AS x WHERE :is_told)"
    " SELECT count(*) FROM meant"
)


def _look(found: SegmentFollow) -> None:
    began, now = time.monotonic(), clock.now()
    known = queries.get_segment(found.workspace_id, found.segment_id)
    try:
        people, values = queries.members_sql(found.workspace_id, found.segment_id)
        values |= {"segment_id": found.segment_id, "version": known.version, "is_told": found.version is not None}
        with queries.planned(SECONDS):
            statement = text(_DIFFERENCE.format(people=people))
            found.members = session().execute(statement, values).scalar_one()
    except Problem as problem:
        found.fault, found.next_look_at = problem.detail, now + LATER
        return
    took = timedelta(seconds=time.monotonic() - began)
    found.fault, found.version, found.looked_at = "", known.version, now
    found.next_look_at = now + max(EVERY, took * SHARE)


def tidy() -> None:
    """Forget changes that are old enough; a job."""
    with transaction():
        session().execute(delete(SegmentChange).where(SegmentChange.at < clock.now() - KEPT))


# --- Reading -----------------------------------------------------------------------------------------------------


def list_changes(workspace_id: UUID, segment_id: UUID, *, after: int = 0, limit: int = AT_ONCE) -> list[Change]:
    """Who came and went, in order, behind a number."""
    query = select(SegmentChange).where(
        SegmentChange.workspace_id == workspace_id, SegmentChange.segment_id == segment_id, SegmentChange.no > after
    )
    return _changes(query.order_by(SegmentChange.no).limit(limit))


def list_latest(workspace_id: UUID, segment_id: UUID, limit: int = 10) -> list[Change]:
    """The last ones, newest first."""
    query = select(SegmentChange).where(
        SegmentChange.workspace_id == workspace_id, SegmentChange.segment_id == segment_id
    )
    return _changes(query.order_by(SegmentChange.no.desc()).limit(limit))


def _changes(query: Any) -> list[Change]:
    rows: Sequence[SegmentChange] = session().execute(query).scalars().all()
    return [Change(row.no, row.contact_id, row.entered, row.at) for row in rows]


_BY_DAY: Final = text(
    "SELECT CAST(at AT TIME ZONE :zone AS date) AS day, count(*) FILTER (WHERE entered), count(*) FILTER (WHERE NOT entered)"
    " FROM segment_changes WHERE workspace_id = :workspace_id AND segment_id = :segment_id AND at >= :since GROUP BY 1"
)


def by_day(workspace_id: UUID, segment_id: UUID, zone: str, days: int = 30) -> list[DayCount]:
    """Who came and went on each of the last days, today the last; days without any too."""
    now = clock.now()
    values = {
        "workspace_id": workspace_id, "segment_id": segment_id, "zone": zone, "since": now - timedelta(days=days),
    }  # fmt: skip
    found = {day: (entered, left) for day, entered, left in session().execute(_BY_DAY, values)}
    today = session().execute(text("SELECT CAST(:now AT TIME ZONE :zone AS date)"), {"now": now, "zone": zone}).scalar_one()
    shown = [today - timedelta(days=back) for back in range(days - 1, -1, -1)]
    return [DayCount(day, *found.get(day, (0, 0))) for day in shown]


# --- What stands about a person ----------------------------------------------------------------------------------


def timeline(workspace_id: UUID, contact_id: UUID, before: datetime | None, limit: int) -> list[TimelineEntry]:
    """Into which followed segments somebody came, and out of which they went; newest first."""
    query = (
        select(SegmentChange.at, SegmentChange.entered, Segment.name)
        .join(Segment, Segment.id == SegmentChange.segment_id)
        .where(SegmentChange.workspace_id == workspace_id, SegmentChange.contact_id == contact_id)
    )
    if before is not None:
        query = query.where(SegmentChange.at < before)
    rows = session().execute(query.order_by(SegmentChange.at.desc(), SegmentChange.no.desc()).limit(limit))
    return [
        TimelineEntry(at=at, icon="people", title="Came into a segment" if entered else "Left a segment", detail=name)
        for at, entered, name in rows
    ]


def export(workspace_id: UUID, contact_id: UUID) -> list[dict[str, Any]]:
    """Which followed segments a person is in, and when they came and went."""
    inside = select(Segment.name).join(SegmentMember, SegmentMember.segment_id == Segment.id)
    inside = inside.where(SegmentMember.workspace_id == workspace_id, SegmentMember.contact_id == contact_id)
    return [
        *({"segment": name, "is": "in it"} for name in session().execute(inside.order_by(Segment.name)).scalars()),
        *(
            {"segment": entry.detail, "is": entry.title, "at": entry.at.isoformat()}
            for entry in timeline(workspace_id, contact_id, None, 10_000)
        ),
    ]


def erase(workspace_id: UUID, contact_id: UUID) -> None:
    """Forget that somebody was in any."""
    for table in (SegmentMember, SegmentChange):
        session().execute(delete(table).where(table.workspace_id == workspace_id, table.contact_id == contact_id))
