"""From signals to scores.

What people do is added to each set of scores: the one that is shown, and the one that is being made by other rules.
There, counting somebody anew replaces what was added before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Final
from uuid import UUID

from sqlalchemy import delete, text

from app.consent import queries as consent
from app.consent.rules import Level
from app.engagement import queries, rules
from app.engagement.models import EngagementScore
from app.engagement.rules import Rules
from app.kernel.db import array_of, session
from app.tracking import queries as tracking
from app.tracking.events import SignalsRecorded
from app.tracking.rules.verdicts import Verdict

_LOCK: Final = 0x6E6F6473
"""First half of the lock's key ("nods"); the second is the workspace."""
_SLICE: Final = 1000
_AS_NUMBER: Final = attrgetter("int")


@dataclass(frozen=True, slots=True)
class _Sum:
    """What some signals of one person come to."""

    contact_id: UUID
    s: float
    count: int
    last_at: datetime


def record(event: SignalsRecorded) -> None:
    """Add new signals of people to their scores; each is told once, so each is added once."""
    by_contact: dict[UUID, list[tuple[str, datetime]]] = defaultdict(list)
    for signal in event.signals:
        if signal.contact_id is not None and signal.verdict == Verdict.HUMAN:
            by_contact[signal.contact_id].append((signal.kind, signal.at))
    if not by_contact or not _may_count(event):
        return
    lock(event.workspace_id)
    for contact_id in _unseen(event):
        by_contact.pop(contact_id, None)
    for by in queries.rules_in_use(event.workspace_id):
        sums = [_add_up(by, contact_id, by_contact[contact_id]) for contact_id in sorted(by_contact, key=_AS_NUMBER)]
        _write(event.workspace_id, by, sums)


def _may_count(event: SignalsRecorded) -> bool:
    """Whether any of them adds something, as far as can be told without the lock.

    An act that counts nowhere (a form's) waits for nobody. It would miss only rules that are set, and its person's new
    score that is made, before its transaction of some hundredths of a second ends.
    """
    if any(signal.mailing_no is not None for signal in event.signals):
        return True
    counting = queries.rules_in_use(event.workspace_id)
    return any(by.counts(signal.kind) for by in counting for signal in event.signals)


def _unseen(event: SignalsRecorded) -> set[UUID]:
    """Whose acts are known without their letting us see what they read: they have no score."""
    told = {signal.contact_id for signal in event.signals if signal.mailing_no is None and signal.contact_id}
    levels = consent.tracking_levels(told) if told else {}
    return {contact_id for contact_id in told if levels.get(contact_id) is not Level.INDIVIDUAL}


def recompute(workspace_id: UUID, contact_ids: Collection[UUID]) -> None:
    """Count these people anew from their signals; who has none left, or allows none, has no score."""
    lock(workspace_id)
    for by in queries.rules_in_use(workspace_id):
        count_anew(workspace_id, by, contact_ids)


def count_anew(workspace_id: UUID, by: Rules, contact_ids: Collection[UUID]) -> None:
    """Make the scores of these people by these rules; whoever calls holds the lock."""
    session().execute(
        delete(EngagementScore).where(
            EngagementScore.workspace_id == workspace_id,
            EngagementScore.rules_no == by.no,
            EngagementScore.contact_id.in_(contact_ids),
        )
    )
    sums: list[_Sum | None] = []
    signals = tracking.iter_human_signals(workspace_id, contact_ids)
    for contact_id, group in groupby(signals, key=lambda signal: signal[0]):
        sums.append(_add_up(by, contact_id, ((kind, at) for _, kind, at in group)))
        if len(sums) >= _SLICE:
            _write(workspace_id, by, _allowed(sums))
            sums = []
    _write(workspace_id, by, _allowed(sums))


def _allowed(sums: Iterable[_Sum | None]) -> list[_Sum]:
    found = [one for one in sums if one]
    levels = consent.tracking_levels({one.contact_id for one in found})
    return [one for one in found if levels.get(one.contact_id) is Level.INDIVIDUAL]


def forget(workspace_id: UUID, contact_id: UUID) -> None:
    """Drop a person's score, by whatever rules."""
    lock(workspace_id)
    session().execute(
        delete(EngagementScore).where(
            EngagementScore.workspace_id == workspace_id, EngagementScore.contact_id == contact_id
        )
    )


def _add_up(by: Rules, contact_id: UUID, signals: Iterable[tuple[str, datetime]]) -> _Sum | None:
    """What they come to; None when none of them counts."""
    s, count, last = rules.total(()), 0, rules.LANDMARK
    for kind, at in signals:
        if by.counts(kind):
            s = rules.add(s, rules.term(by.weights[kind], at, by.half_life_days))
            count, last = count + 1, max(last, at)
    return _Sum(contact_id, s, count, last) if count else None


# ``rules.add`` in SQL, so that nobody reads a score to write it.
_ADD: Final = text(
    "INSERT INTO engagement_scores AS e (workspace_id, rules_no, contact_id, s, human_signals, last_signal_at)"
    " SELECT :workspace_id, :rules_no, * FROM unnest(CAST(CAST(:contact_id AS text) AS uuid[]),"
    " CAST(CAST(:s AS text) AS float8[]), CAST(CAST(:count AS text) AS bigint[]),"
    " CAST(CAST(:last_at AS text) AS timestamptz[]))"
    " ON CONFLICT (contact_id, rules_no) DO UPDATE SET s = greatest(e.s, excluded.s)"
    " + ln(1 + power(2::float8, -least(abs(e.s - excluded.s), 60))) / ln(2::float8),"
    " human_signals = e.human_signals + excluded.human_signals,"
    " last_signal_at = greatest(e.last_signal_at, excluded.last_signal_at)"
)


def _write(workspace_id: UUID, by: Rules, sums: Iterable[_Sum | None]) -> None:
    found = [one for one in sums if one]
    if found:
        values = {
            "workspace_id": workspace_id,
            "rules_no": by.no,
            "contact_id": array_of(one.contact_id for one in found),
            "s": array_of(one.s for one in found),
            "count": array_of(one.count for one in found),
            "last_at": array_of(one.last_at for one in found),
        }
        session().execute(_ADD, values)


def lock(workspace_id: UUID) -> None:
    """One writer of scores per workspace: counting anew must not pass by what is being added."""
    session().execute(
        text("SELECT pg_advisory_xact_lock(:key, hashtext(CAST(:workspace_id AS text)))"),
        {"key": _LOCK, "workspace_id": workspace_id},
    )
