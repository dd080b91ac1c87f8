"""Reads about engagement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_

from app.consent import queries as consent
from app.consent.rules import Level as TrackingLevel
from app.contacts import queries as contacts
from app.engagement import rules
from app.engagement.models import EngagementScore, EngagementSetting
from app.kernel import clock
from app.kernel.db import session
from app.tracking import queries as tracking
from app.tracking.rules.verdicts import Verdict

SIGNALS_SHOWN = 500
"""So many newest signals are added up to say where a score comes from; what is older adds next to nothing."""


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
    """

    is_measured: bool
    value: int | None
    level: rules.Level | None
    points: float
    reasons: tuple[Reason, ...]
    machine_signals: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A person with at least so many points, for lists."""

    contact_id: UUID
    s: float
    points: float


def half_life_days(workspace_id: UUID) -> int:
    """In how many days a signal loses half of its points."""
    query = select(EngagementSetting.half_life_days).where(EngagementSetting.workspace_id == workspace_id)
    return session().execute(query).scalar_one_or_none() or rules.HALF_LIFE_DAYS


def score(workspace_id: UUID, contact_id: UUID) -> Score:
    """A person's score now.

    Raises:
        NotFound: no such person in this workspace.
    """
    contact = contacts.get_contact(workspace_id, contact_id)
    if consent.choices(workspace_id, contact_id).tracking is not TrackingLevel.INDIVIDUAL:
        return Score(False, None, None, 0.0, (), 0)
    half_life, now = half_life_days(workspace_id), clock.now()
    s = _find(workspace_id, contact_id)
    if s is None:
        found = rules.Score(0.0, 0, rules.level(0.0, contact.created_at, now))
    else:
        found = rules.score(s, contact.created_at, now, half_life)
    counts = tracking.count_by_verdict(workspace_id, contact_id)
    reasons = _reasons(workspace_id, contact_id, now, half_life, found.value)
    return Score(True, found.value, found.level, found.points, reasons, counts[Verdict.MACHINE])


def _find(workspace_id: UUID, contact_id: UUID) -> float | None:
    query = select(EngagementScore.s).where(
        EngagementScore.workspace_id == workspace_id, EngagementScore.contact_id == contact_id
    )
    return session().execute(query).scalar_one_or_none()


def _reasons(
    workspace_id: UUID, contact_id: UUID, now: datetime, half_life: int, value: int
) -> tuple[Reason, ...]:
    kinds = tracking.signal_kinds()
    signals = tracking.list_signals(workspace_id, contact_id, verdict=Verdict.HUMAN, limit=SIGNALS_SHOWN)
    sums: dict[str, list[float]] = {}
    last: dict[str, datetime] = {}
    for signal in signals:
        if signal.kind in kinds:
            s = rules.term(kinds[signal.kind].weight, signal.at, half_life)
            sums.setdefault(signal.kind, []).append(rules.points(s, now, half_life))
            last.setdefault(signal.kind, signal.at)  # newest first
    whole = sum(sum(worths) for worths in sums.values())
    found = [
        Reason(kinds[kind].label, len(worths), last[kind], sum(worths), round(value * sum(worths) / whole))
        for kind, worths in sums.items()
    ]
    return tuple(sorted(found, key=lambda reason: -reason.points))


def list_at_least(
    workspace_id: UUID, points: float, *, below: tuple[float, UUID] | None = None, limit: int = 50
) -> list[Standing]:
    """People with at least so many points (above 0) now, most first.

    A page goes on ``below`` the last (s, contact) of the one before.
    """
    half_life, now = half_life_days(workspace_id), clock.now()
    query = select(EngagementScore.contact_id, EngagementScore.s).where(
        EngagementScore.workspace_id == workspace_id,
        EngagementScore.s >= rules.threshold(points, now, half_life),
    )
    if below is not None:
        query = query.where(tuple_(EngagementScore.s, EngagementScore.contact_id) < tuple_(*below))
    rows = session().execute(
        query.order_by(EngagementScore.s.desc(), EngagementScore.contact_id.desc()).limit(limit)
    )
    return [Standing(contact_id, s, rules.points(s, now, half_life)) for contact_id, s in rows]
