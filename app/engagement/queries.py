"""Reads about engagement."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text

from app.consent import queries as consent
from app.consent.rules import Level as TrackingLevel
from app.contacts import queries as contacts
from app.engagement import moving, rules
from app.engagement.models import EngagementRecount, EngagementSetting
from app.kernel import clock, sampling
from app.kernel.db import array_of, session
from app.kernel.shared import Shared
from app.tracking import queries as tracking
from app.tracking.rules.verdicts import Verdict

MOVED_OVER: Final = timedelta(days=30)
"""Beside its score now a person has the one of so long ago."""


@dataclass(frozen=True, slots=True)
class Reason:
    """What one kind of signal adds: how often, when last, how many of the points and of the value."""

    label: str
    count: int
    last_at: datetime
    points: float
    share: int


@dataclass(frozen=True, slots=True)
class Score:
    """How much somebody reads, and why we say so.

    Attributes:
        is_measured: whether the person lets us see; if not, there is no value and no level.
        value: 0 to 100.
        machine_signals: signals of programs, which add nothing.
        before: the same ``MOVED_OVER`` ago, by the rules that are in force now; None: they were not here yet.
    """

    is_measured: bool
    value: int | None
    level: rules.Level | None
    points: float
    reasons: tuple[Reason, ...]
    machine_signals: int
    before: rules.Score | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """The same of one of many, without the reasons; ``last_at`` is None where nothing was read yet."""

    score: rules.Score
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A person with at least so many points, for lists."""

    contact_id: UUID
    s: float
    points: float


@dataclass(frozen=True, slots=True)
class Underway:
    """People being counted anew by rules to come; ``total`` is None until they have been looked through."""

    rules: rules.Rules
    counted: int
    total: int | None


def rules_of(workspace_id: UUID) -> rules.Rules:
    """The rules in force: by which scores are shown."""
    query = select(
        EngagementSetting.rules_no, EngagementSetting.half_life_days, EngagementSetting.weights
    ).where(EngagementSetting.workspace_id == workspace_id)
    row = session().execute(query).one_or_none()
    return _rules(workspace_id, *(row or (1, rules.HALF_LIFE_DAYS, {})))


def rules_of_recount(found: EngagementRecount) -> rules.Rules:
    """The rules to come."""
    return _rules(found.workspace_id, found.rules_no, found.half_life_days, found.weights)


def _rules(workspace_id: UUID, no: int, half_life: int, own: Mapping[str, float]) -> rules.Rules:
    usual = {name: kind.weight for name, kind in tracking.signal_kinds(workspace_id).items()}
    return rules.Rules(no, half_life, {kind: own.get(kind, weight) for kind, weight in usual.items()})


def rules_in_use(workspace_id: UUID) -> list[rules.Rules]:
    """By which signals are counted: the rules in force, and those to come; whoever writes holds the lock of scores."""
    found = _find_recount(workspace_id)
    return [rules_of(workspace_id), *([rules_of_recount(found)] if found else [])]


def underway(workspace_id: UUID) -> Underway | None:
    """How far counting anew has come; None when all scores are those of the rules that were asked for last."""
    found = _find_recount(workspace_id)
    return None if found is None else Underway(rules_of_recount(found), found.counted, found.total)


def list_underway() -> list[UUID]:
    """Workspaces in which something is left to count or to clear away."""
    return list(session().execute(select(EngagementRecount.workspace_id)).scalars())


def _find_recount(workspace_id: UUID) -> EngagementRecount | None:
    query = select(EngagementRecount).where(
        EngagementRecount.workspace_id == workspace_id, EngagementRecount.is_over.is_(False)
    )
    return session().execute(query.execution_options(populate_existing=True)).scalar_one_or_none()


def score(workspace_id: UUID, contact_id: UUID) -> Score:
    """A person's score now.

    Raises:
        NotFound: no such person in this workspace.
    """
    contact = contacts.get_contact(workspace_id, contact_id)
    if consent.choices(workspace_id, contact_id).tracking is not TrackingLevel.INDIVIDUAL:
        return Score(False, None, None, 0.0, (), 0)
    now = clock.now()
    by, s = _find(workspace_id, contact_id)
    if s is None:
        found = rules.Score(0.0, 0, rules.level(0.0, contact.created_at, now))
    else:
        found = rules.score(s, contact.created_at, now, by.half_life_days)
    counts = tracking.count_by_verdict(workspace_id, contact_id)
    reasons = _reasons(workspace_id, contact_id, now, by, found.value)
    before = _before(workspace_id, contact_id, contact.created_at, now - MOVED_OVER, by)
    return Score(True, found.value, found.level, found.points, reasons, counts[Verdict.MACHINE], before)


def _before(
    workspace_id: UUID, contact_id: UUID, known_since: datetime, then: datetime, by: rules.Rules
) -> rules.Score | None:
    if known_since > then:
        return None
    done = tracking.decayed_by_kind(workspace_id, contact_id, then, by.half_life_days, until=then)
    worth = sum(by.weights[kind] * one.worth for kind, one in done.items() if by.counts(kind))
    return rules.score_of(worth, known_since, then)


# Rules and score in one statement: between two of them the rules could change, and the old score be gone.
_ONE = text(
    "SELECT coalesce(r.rules_no, 1) AS no, coalesce(r.half_life_days, :usual) AS half_life,"
    " coalesce(r.weights, '{}') AS own, e.s FROM (VALUES (CAST(:workspace_id AS uuid))) AS w (id)"
    " LEFT JOIN engagement_settings r ON r.workspace_id = w.id"
    " LEFT JOIN engagement_scores e ON e.contact_id = :contact_id AND e.workspace_id = w.id"
    " AND e.rules_no = coalesce(r.rules_no, 1)"
)


def _find(workspace_id: UUID, contact_id: UUID) -> tuple[rules.Rules, float | None]:
    values = {"workspace_id": workspace_id, "contact_id": contact_id, "usual": rules.HALF_LIFE_DAYS}
    row = session().execute(_ONE, values).one()
    return _rules(workspace_id, row.no, row.half_life, row.own), row.s


_MANY = text(
    "SELECT m.contact_id, k.created_at, coalesce(r.half_life_days, :usual) AS half_life, e.s, e.last_signal_at"  # noqa: S608  no input in it
    f" FROM ({consent.TRACKED} AND p.level = 'individual'"
    " AND p.contact_id IN (SELECT unnest(CAST(CAST(:ids AS text) AS uuid[])))) AS m"
    " JOIN contacts k ON k.id = m.contact_id LEFT JOIN engagement_settings r ON r.workspace_id = :workspace_id"
    " LEFT JOIN engagement_scores e ON e.contact_id = m.contact_id AND e.rules_no = coalesce(r.rules_no, 1)"
)


def scores_of(workspace_id: UUID, contact_ids: Collection[UUID]) -> dict[UUID, Read]:
    """How much these people read; who does not let us see is missing. A page of them, by one statement."""
    now = clock.now()
    values = {
        "workspace_id": workspace_id, "ids": array_of(contact_ids), "usual": rules.HALF_LIFE_DAYS, "now": now
    }  # fmt: skip
    return {
        row.contact_id: Read(
            rules.score(-math.inf if row.s is None else row.s, row.created_at, now, row.half_life), row.last_signal_at
        )
        for row in session().execute(_MANY, values)
    }


_moves: Shared[rules.Moves] = Shared()


def moves(workspace_id: UUID, days: int) -> rules.Moves:
    """Who is at which level now, and at which one they were so many days ago; of many people some seconds old, and of a sample."""
    known = _moves.find((workspace_id, days))
    if known is not None:
        return known
    now = clock.now()
    values: dict[str, Any] = {}

    def bind(value: Any) -> str:
        values[name := f"moved_{len(values)}"] = value
        return f":{name}"

    is_guessed = _sampled(workspace_id) * sampling.ONE_IN >= sampling.FROM_PEOPLE
    levels = moving.levels_sql(workspace_id, now, days, bind, only_sampled=is_guessed)
    counted = f"SELECT z.was, z.level, count(*) FROM ({levels}) AS z GROUP BY 1, 2"  # noqa: S608  bound values only
    rows = session().execute(text(counted), values | {"workspace_id": workspace_id, "now": now}).all()
    found = rules.Moves({(was and rules.Level(was), rules.Level(level)): count for was, level, count in rows}, is_guessed)
    return _moves.keep((workspace_id, days), found, found.people)


def _sampled(workspace_id: UUID) -> int:
    """How many of those who are measured are in the sample."""
    measured = f"{consent.TRACKED} AND p.level = 'individual' AND {sampling.is_sampled('p.contact_id')}"
    count = text(f"SELECT count(*) FROM ({measured}) AS m")  # noqa: S608  no input in it
    found: int = session().execute(count, {"workspace_id": workspace_id, "now": clock.now()}).scalar_one()
    return found


def _reasons(
    workspace_id: UUID, contact_id: UUID, now: datetime, by: rules.Rules, value: int
) -> tuple[Reason, ...]:
    kinds = tracking.signal_kinds(workspace_id)
    found = {
        kind: (done, by.weights[kind] * done.worth)
        for kind, done in tracking.decayed_by_kind(workspace_id, contact_id, now, by.half_life_days).items()
        if by.counts(kind)
    }
    whole = sum(points for _, points in found.values())
    reasons = [
        Reason(kinds[kind].label, done.count, done.last_at, points, round(value * points / whole) if whole else 0)
        for kind, (done, points) in found.items()
    ]
    return tuple(sorted(reasons, key=lambda reason: -reason.points))


# The threshold of ``rules.threshold``, in the statement that reads the half-life.
_AT_LEAST = text(
    "SELECT e.contact_id, e.s, f.half_life FROM"
    " (SELECT coalesce(max(rules_no), 1) AS no, coalesce(max(half_life_days), :usual) AS half_life"
    "  FROM engagement_settings WHERE workspace_id = :workspace_id) AS f"
    " CROSS JOIN LATERAL (SELECT contact_id, s FROM engagement_scores WHERE workspace_id = :workspace_id"
    "  AND rules_no = f.no AND s >= :log2 + :days / f.half_life"
    "  AND (CAST(:s AS float8) IS NULL OR (s, contact_id) < (CAST(:s AS float8), CAST(:contact_id AS uuid)))"
    "  ORDER BY s DESC, contact_id DESC LIMIT :limit) AS e ORDER BY e.s DESC, e.contact_id DESC"
)


def list_at_least(
    workspace_id: UUID, points: float, *, below: tuple[float, UUID] | None = None, limit: int = 50
) -> list[Standing]:
    """People with at least so many points (above 0) now, most first.

    A page goes on ``below`` the last (s, contact) of the one before.
    """
    now = clock.now()
    values = {
        "workspace_id": workspace_id, "usual": rules.HALF_LIFE_DAYS, "log2": rules.threshold(points, rules.LANDMARK, 1),
        "days": rules.age(now, 1), "s": below and below[0], "contact_id": below and below[1], "limit": limit,
    }  # fmt: skip
    return [
        Standing(row.contact_id, row.s, rules.points(row.s, now, row.half_life))
        for row in session().execute(_AT_LEAST, values)
    ]
