"""Who stood at which level some days ago, as SQL: a score now, less what has come since, is the score of then.

What somebody had before halves as time goes on like all the rest, so what is left of it now tells what it was. Only the
signals of those days are read.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from app.consent import queries as consent
from app.engagement import rules
from app.engagement.rules import Level
from app.kernel.sampling import is_sampled
from app.tracking import queries as tracking

# Rules and scores in one statement: between two of them the rules could change, and the old scores be gone.
_FORCE: Final = (
    "WITH f AS MATERIALIZED (SELECT coalesce(max(rules_no), 1) AS no,"  # noqa: S608  no input in it
    f" CAST(coalesce(max(half_life_days), {rules.HALF_LIFE_DAYS}) AS float8) AS half_life,"
    " coalesce((array_agg(weights))[1], '{}') AS weights FROM engagement_settings WHERE workspace_id = :workspace_id)"
)
_WEIGHT: Final = "coalesce(CAST((SELECT weights FROM f) ->> k.kind AS float8), k.usual)"
# 2^900 is beyond all scores, and still leaves room to be doubled for as many days as we look back.
_POINTS: Final = (
    "(CASE WHEN e.s IS NULL THEN 0 ELSE power(2::float8, greatest(least(e.s - {age} / f.half_life, 900), -1000)) END)"
)
_BEFORE: Final = "greatest({points} - coalesce(r.worth, 0), 0) * power(2::float8, {days} / f.half_life)"


def levels_sql(
    workspace_id: UUID, now: datetime, days: int, bind: Callable[[Any], str], *, only_sampled: bool = False
) -> str:
    """SQL that gives (contact_id, was, level) of everybody who is measured; ``was`` is NULL of who was not here yet.

    Args:
        workspace_id: whose people; the statement also binds it by that name, and ``now``.
        now: the moment of ``level``.
        days: ``was`` is so many before it, up to 100, by the rules that are in force now.
        bind: keeps a value and gives its name in the text.
        only_sampled: of one person in ``sampling.ONE_IN`` only.
    """
    kinds = tracking.signal_kinds(workspace_id)
    names, usual = bind(list(kinds)), bind([kind.weight for kind in kinds.values()])
    then, at = bind(now - timedelta(days=days)), bind(now)
    points = _POINTS.format(age=bind(rules.age(now, 1)))
    before = _BEFORE.format(points=points, days=bind(float(days)))
    recent = tracking.worth_since_sql(
        f"unnest(CAST({names} AS text[]), CAST({usual} AS float8[])) AS k (kind, usual)",
        weight=_WEIGHT, since=then, now=at, half_life="(SELECT half_life FROM f)", only_sampled=only_sampled,
    )  # fmt: skip
    only = f" AND {is_sampled('p.contact_id')}" if only_sampled else ""
    return (
        f"{_FORCE} SELECT m.contact_id, CASE WHEN c.created_at <= {then} THEN {_level(before, then)} END AS was,"  # noqa: S608  bound values only
        f" {_level(points, at)} AS level FROM f CROSS JOIN ({consent.TRACKED} AND p.level = 'individual'{only}) AS m"
        " JOIN contacts c ON c.id = m.contact_id AND c.erased_at IS NULL AND c.merged_into IS NULL"
        " LEFT JOIN engagement_scores e ON e.contact_id = m.contact_id AND e.workspace_id = :workspace_id AND e.rules_no = f.no"
        f" LEFT JOIN ({recent}) AS r ON r.contact_id = m.contact_id"
    )


def _level(points: str, at: str) -> str:
    """``rules.level`` in SQL."""
    return (
        f"CASE WHEN {points} >= {rules.HOT_POINTS} THEN '{Level.HOT}' WHEN {points} >= {rules.WARM_POINTS} THEN '{Level.WARM}'"
        f" WHEN c.created_at > {at} - interval '{rules.NEW_FOR.days} days' THEN '{Level.NEW}' ELSE '{Level.COLD}' END"
    )
