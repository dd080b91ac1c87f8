"""By what people can be chosen that their reading adds up to. Who does not let us see has no score and no level."""

from __future__ import annotations

import math

from app.consent import queries as consent
from app.engagement import moving, rules
from app.engagement.rules import Level
from app.kernel.segment_fields import Bound, Condition, People, Rows, SegmentField, Special, Type

_GROUP = "Engagement"
_LEVELS = tuple((level.value, level.value) for level in Level)


def _in_force(column: str, usual: int) -> str:
    return f"(SELECT coalesce(max({column}), {usual}) FROM engagement_settings WHERE workspace_id = :workspace_id)"  # noqa: S608  no input in it


# Rules and scores in one statement: between two of them the rules could change, and the old scores be gone.
_IN_FORCE = (
    f"engagement_scores e WHERE e.workspace_id = :workspace_id AND e.rules_no = {_in_force('rules_no', 1)}"
)
_HALF_LIFE = _in_force("half_life_days", rules.HALF_LIFE_DAYS)
_SCORED = f"SELECT e.contact_id FROM {_IN_FORCE}"  # noqa: S608  no input in it
_MEASURED = f"{consent.TRACKED} AND p.level = 'individual'"


def _from(points: float, bound: Bound, sign: str = ">=") -> str:
    """The threshold of ``rules.threshold`` for somebody with so many points (above 0), in half-lives of their rules."""
    log2 = bound.bind(rules.threshold(points, rules.LANDMARK, 1))
    return f"e.s {sign} {log2} + {bound.bind(rules.age(bound.now, 1))} / {_HALF_LIFE}"


def _points(value: int) -> float:
    """From how many points on somebody is shown with this value, above 0 (``rules.value`` turned around)."""
    return -rules.HALF_WAY_POINTS * math.log2(1 - (value - 0.5) / 100)


def _without(scored: str) -> str:
    return f"{_MEASURED} AND NOT EXISTS (SELECT FROM ({scored}) AS scored WHERE scored.contact_id = p.contact_id)"


def _score(condition: Condition, bound: Bound) -> People:
    if condition.op == "is_known":
        return People(_MEASURED)
    value, is_least = math.ceil(condition.value), condition.op == "at_least"
    if not is_least:
        value = math.floor(condition.value) + 1
    if value <= 0 or value > 100:
        everybody = is_least == (value <= 0)
        return People(_MEASURED if everybody else f"{_MEASURED} AND false")
    scored = f"{_SCORED} AND {_from(_points(value), bound)}"
    return People(scored if is_least else _without(scored))


def _level(condition: Condition, bound: Bound) -> People:
    if condition.op == "is_known":
        return People(_MEASURED)
    level = Level(condition.value)
    if level is Level.HOT:
        return People(f"{_SCORED} AND {_from(rules.HOT_POINTS, bound)}")
    warm = f"{_SCORED} AND {_from(rules.WARM_POINTS, bound)}"
    if level is Level.WARM:
        return People(f"{warm} AND {_from(rules.HOT_POINTS, bound, '<')}")
    since = bound.bind(bound.now - rules.NEW_FOR)
    sign = ">" if level is Level.NEW else "<="
    known = f"SELECT FROM contacts k WHERE k.id = p.contact_id AND k.created_at {sign} {since}"
    return People(f"{_without(warm)} AND EXISTS ({known})")


def _level_before(days: int) -> Special:
    def people(condition: Condition, bound: Bound) -> People:
        levels = moving.levels_sql(bound.workspace_id, bound.now, days, bound.bind, only_sampled=bound.is_sampled)
        test = "IS NOT NULL" if condition.op == "is_known" else f"= {bound.bind(condition.value)}"
        return People(f"SELECT z.contact_id FROM ({levels}) AS z WHERE z.was {test}")  # noqa: S608  bound values only

    return people


FIELDS = (
    SegmentField(
        "engagement.score", "Score", _GROUP, Type.NUMBER, _score,
        operators=("at_least", "at_most", "is_known", "is_not_known"),
    ),
    SegmentField("engagement.level", "Level", _GROUP, Type.CHOICE, _level, choices=_LEVELS),
    *(
        SegmentField(
            f"engagement.level_{days}_days_ago", f"Level {days} days ago", _GROUP, Type.CHOICE, _level_before(days),
            choices=_LEVELS,
        )
        for days in rules.MOVED_WITHIN
    ),
    SegmentField(
        "engagement.last_signal", "Last read", _GROUP, Type.MOMENT, Rows(_IN_FORCE, "e.contact_id", "e.last_signal_at"),
    ),
)  # fmt: skip
