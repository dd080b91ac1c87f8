"""Other rules to count by: everybody is counted anew, in slices, before the rules come into force.

Until the last slice all scores are those of the old rules, and from then on all are those of the new ones: coming
into force is the change of one row. Signals that come meanwhile are added to both. Each slice is one transaction
that moves ``counted_to`` on, so a process that dies leaves nothing half counted, and the next one goes on there.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert

from app.engagement import queries, rules
from app.engagement.models import EngagementRecount, EngagementSetting
from app.engagement.rules import Rules
from app.engagement.service.counting import count_anew, lock
from app.kernel import jobs
from app.kernel.db import session
from app.kernel.errors import BadInput
from app.tracking import queries as tracking

RECOUNT: Final = "engagement.recount"
"""The job that counts."""
SLICE: Final = 500
"""People of one transaction: new signals of their workspace wait for it."""
_CLEARED_AT_ONCE: Final = 5000
_NOBODY: Final = UUID(int=0)


def set_rules(workspace_id: UUID, half_life_days: int, weights: Mapping[str, float]) -> None:
    """Count by these rules once everybody has been counted anew; asking for the same once more changes nothing.

    Args:
        workspace_id: whose people.
        half_life_days: in how many days a signal loses half of its points, 1 to 3650.
        weights: points by kind of signal, 0 (does not count) to 1000; a kind that is missing keeps its weight.

    Raises:
        BadInput: a number out of bounds, or a kind that nobody knows; ``fields`` says which.
    """
    lock(workspace_id)
    force, underway = queries.rules_of(workspace_id), _find(workspace_id)
    pending = None if underway is None or underway.is_over else underway
    given = {kind: float(weight) for kind, weight in weights.items()}
    _check(half_life_days, given, force)
    wanted = {**force.weights, **(queries.rules_of_recount(pending).weights if pending else {}), **given}
    if pending and (pending.half_life_days, pending.weights) == (half_life_days, wanted):
        return
    if (force.half_life_days, dict(force.weights)) == (half_life_days, wanted):
        if pending:
            pending.is_over = True
        return
    number = max(force.no, underway.rules_no if underway else 0) + 1
    _begin(workspace_id, Rules(number, half_life_days, wanted))
    jobs.ring_job(RECOUNT)


def _check(half_life_days: int, weights: Mapping[str, float], force: Rules) -> None:
    faults = {}
    if not rules.MIN_HALF_LIFE_DAYS <= half_life_days <= rules.MAX_HALF_LIFE_DAYS:
        faults["half_life_days"] = "Write 1 to 3650 days."
    for kind, weight in weights.items():
        if kind not in force.weights or not (isfinite(weight) and 0 <= weight <= rules.MAX_WEIGHT):
            faults[f"weight_{kind}"] = "Write 0 to 1000 points."
        elif 0 < weight < rules.MIN_WEIGHT:
            faults[f"weight_{kind}"] = "Write 0, or at least 0.01 points."
    if faults:
        raise BadInput(fields=faults)


def _begin(workspace_id: UUID, wanted: Rules) -> None:
    row: dict[str, Any] = {
        "rules_no": wanted.no, "half_life_days": wanted.half_life_days, "weights": dict(wanted.weights),
        "counted_to": _NOBODY, "counted": 0, "total": None, "is_over": False,
    }  # fmt: skip
    made = insert(EngagementRecount).values(workspace_id=workspace_id, **row)
    session().execute(made.on_conflict_do_update(index_elements=["workspace_id"], set_=row))


def recount_slice(workspace_id: UUID) -> bool:
    """Do the next step of what is underway in this workspace; whether more is left."""
    found = _find(workspace_id)
    if found is not None and found.total is None and not found.is_over:
        # Before the lock: it takes a while where there are many, and new signals need not wait for it.
        found.total = tracking.count_people(workspace_id)
        return True
    lock(workspace_id)
    found = _find(workspace_id)
    if found is None:
        return False
    if found.is_over:
        return _clear(workspace_id)
    people = tracking.next_people(workspace_id, found.counted_to, SLICE)
    if people:
        count_anew(workspace_id, queries.rules_of_recount(found), people)
        found.counted_to = people[-1]
        found.counted += len(people)
    else:
        _come_into_force(found)
    return True


def _find(workspace_id: UUID) -> EngagementRecount | None:
    query = select(EngagementRecount).where(EngagementRecount.workspace_id == workspace_id)
    return session().execute(query.execution_options(populate_existing=True)).scalar_one_or_none()


def _come_into_force(found: EngagementRecount) -> None:
    row = {
        "rules_no": found.rules_no,
        "half_life_days": found.half_life_days,
        "weights": found.weights,
    }
    made = insert(EngagementSetting).values(workspace_id=found.workspace_id, **row)
    session().execute(made.on_conflict_do_update(index_elements=["workspace_id"], set_=row))
    found.is_over = True


_CLEAR: Final = text(
    "DELETE FROM engagement_scores WHERE (contact_id, rules_no) IN (SELECT contact_id, rules_no"
    " FROM engagement_scores WHERE workspace_id = :workspace_id AND (rules_no < :no OR rules_no > :no) LIMIT :limit)"
)


def _clear(workspace_id: UUID) -> bool:
    values = {
        "workspace_id": workspace_id,
        "no": queries.rules_of(workspace_id).no,
        "limit": _CLEARED_AT_ONCE,
    }
    if session().execute(_CLEAR, values).rowcount:  # type: ignore[attr-defined]
        return True
    session().execute(delete(EngagementRecount).where(EngagementRecount.workspace_id == workspace_id))
    return False
