"""The verbs of engagement: count signals, count anew, forget."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.dialects.postgresql import insert

from app.consent import queries as consent
from app.consent.rules import Level
from app.engagement import queries, rules
from app.engagement.models import EngagementScore, EngagementSetting
from app.kernel.db import session
from app.kernel.errors import BadInput
from app.tracking import queries as tracking
from app.tracking.events import SignalsRecorded
from app.tracking.rules.verdicts import Verdict

_LOCK: Final = 0x6E6F6473
"""First half of the lock's key ("nods"); the second is the workspace."""
_SLICE: Final = 1000


@dataclass(frozen=True, slots=True)
class _Sum:
    """What some signals of one person come to."""

    contact_id: UUID
    s: float
    count: int
    last_at: datetime


def record(event: SignalsRecorded) -> None:
    """Add new signals of people to their scores; each is told once, so each is added once."""
    human = [
        (signal.contact_id, signal.kind, signal.at)
        for signal in event.signals
        if signal.contact_id is not None and signal.verdict == Verdict.HUMAN
    ]
    by_contact: dict[UUID, list[tuple[str, datetime]]] = defaultdict(list)
    for contact_id, kind, at in human:
        by_contact[contact_id].append((kind, at))
    if not by_contact:
        return
    _lock(event.workspace_id)
    adder = _Adder(event.workspace_id)
    sums = [
        found
        for contact_id in sorted(by_contact)
        if (found := adder.add_up(contact_id, by_contact[contact_id]))
    ]
    _write(event.workspace_id, sums)


def recompute(workspace_id: UUID, contact_ids: Collection[UUID] | None = None) -> None:
    """Count these people anew from their signals, or everybody; who has none left, or allows none, has no score."""
    _lock(workspace_id)
    gone = delete(EngagementScore).where(EngagementScore.workspace_id == workspace_id)
    if contact_ids is not None:
        gone = gone.where(EngagementScore.contact_id.in_(contact_ids))
    session().execute(gone)
    adder = _Adder(workspace_id)
    sums: list[_Sum] = []
    signals = tracking.iter_human_signals(workspace_id, contact_ids)
    for contact_id, group in groupby(signals, key=lambda signal: signal[0]):
        found = adder.add_up(contact_id, ((kind, at) for _, kind, at in group))
        if found is not None:
            sums.append(found)
        if len(sums) >= _SLICE:
            _write(workspace_id, _allowed(sums))
            sums = []
    _write(workspace_id, _allowed(sums))


def _allowed(sums: Collection[_Sum]) -> list[_Sum]:
    levels = consent.tracking_levels({found.contact_id for found in sums})
    return [found for found in sums if levels.get(found.contact_id) is Level.INDIVIDUAL]


def set_half_life(workspace_id: UUID, days: int) -> None:
    """In how many days a signal loses half of its points; everybody is counted anew.

    Raises:
        BadInput: not from 1 day to ten years.
    """
    if not rules.MIN_HALF_LIFE_DAYS <= days <= rules.MAX_HALF_LIFE_DAYS:
        raise BadInput("Half of a signal's points may be lost in 1 to 3650 days.")
    made = insert(EngagementSetting).values(workspace_id=workspace_id, half_life_days=days)
    session().execute(
        made.on_conflict_do_update(index_elements=["workspace_id"], set_={"half_life_days": days})
    )
    recompute(workspace_id)


def forget(workspace_id: UUID, contact_id: UUID) -> None:
    """Drop a person's score."""
    _lock(workspace_id)
    session().execute(
        delete(EngagementScore).where(
            EngagementScore.workspace_id == workspace_id, EngagementScore.contact_id == contact_id
        )
    )


class _Adder:
    """Adds signals up with the weights and the half-life of a workspace."""

    def __init__(self, workspace_id: UUID) -> None:
        self._kinds = tracking.signal_kinds()
        self._half_life = queries.half_life_days(workspace_id)

    def add_up(self, contact_id: UUID, signals: Iterable[tuple[str, datetime]]) -> _Sum | None:
        """What they come to; None when no kind of them is known."""
        s, count, last = rules.total(()), 0, rules.LANDMARK
        for kind, at in signals:
            if kind in self._kinds:
                s = rules.add(s, rules.term(self._kinds[kind].weight, at, self._half_life))
                count, last = count + 1, max(last, at)
        return _Sum(contact_id, s, count, last) if count else None


# ``rules.add`` in SQL, so that nobody reads a score to write it.
_ADD: Final = text(
    "INSERT INTO engagement_scores AS e (workspace_id, contact_id, s, human_signals, last_signal_at)"
    " SELECT :workspace_id, * FROM unnest(CAST(:contact_id AS uuid[]), CAST(:s AS float8[]), CAST(:count AS bigint[]),"
    " CAST(:last_at AS timestamptz[]))"
    " ON CONFLICT (contact_id) DO UPDATE SET s = greatest(e.s, excluded.s)"
    " + ln(1 + power(2::float8, -least(abs(e.s - excluded.s), 60))) / ln(2::float8),"
    " human_signals = e.human_signals + excluded.human_signals,"
    " last_signal_at = greatest(e.last_signal_at, excluded.last_signal_at)"
)


def _write(workspace_id: UUID, sums: Collection[_Sum]) -> None:
    if sums:
        values = {
            "workspace_id": workspace_id,
            "contact_id": [found.contact_id for found in sums],
            "s": [found.s for found in sums],
            "count": [found.count for found in sums],
            "last_at": [found.last_at for found in sums],
        }
        session().execute(_ADD, values)


def _lock(workspace_id: UUID) -> None:
    """One writer of scores per workspace: counting anew must not pass by what is being added."""
    session().execute(
        text("SELECT pg_advisory_xact_lock(:key, hashtext(CAST(:workspace_id AS text)))"),
        {"key": _LOCK, "workspace_id": workspace_id},
    )
