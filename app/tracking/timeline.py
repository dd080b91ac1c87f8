"""What a person's page tells about what they did."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.kernel.module import TimelineEntry
from app.tracking import queries
from app.tracking.queries import PersonSignal
from app.tracking.rules.hits import HIDDEN, Kind
from app.tracking.rules.kinds import SignalKind
from app.tracking.rules.targets import spoken
from app.tracking.rules.verdicts import SAYS, Verdict

_BY_PERSON: Final = {Kind.OPEN: "Opened a letter", Kind.CLICK: "Followed a link"}
_BY_PROGRAM: Final = {
    Kind.OPEN: "A program loaded a letter's picture",
    Kind.CLICK: "A program followed a link",
}
_BY_WHOM: Final = {
    Kind.OPEN: "A letter's picture was loaded, we cannot tell by whom",
    Kind.CLICK: "A link was followed, we cannot tell by whom",
}
_TITLES: Final = {Verdict.HUMAN: _BY_PERSON, Verdict.MACHINE: _BY_PROGRAM, Verdict.UNKNOWN: _BY_WHOM}


def entries(workspace_id: UUID, contact_id: UUID, before: datetime | None, limit: int) -> list[TimelineEntry]:
    """What they did, newest first; opens and clicks with who made them and why we think so."""
    kinds = queries.signal_kinds(workspace_id)
    return [
        _entry(found) if found.mailing_no else _act(found, kinds[found.kind])
        for found in queries.list_signals(workspace_id, contact_id, before=before, limit=limit)
    ]


def _act(signal: PersonSignal, kind: SignalKind) -> TimelineEntry:
    detail = " · ".join(f"{name}: {_said(value)}" for name, value in signal.data.items())
    return TimelineEntry(at=signal.at, icon=kind.icon, title=kind.label, detail=detail)


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _entry(signal: PersonSignal) -> TimelineEntry:
    target = "the link that no person sees" if signal.link == HIDDEN else spoken(signal.url)
    doubt = "" if signal.verdict is Verdict.HUMAN else SAYS[signal.reason]
    return TimelineEntry(
        at=signal.at,
        icon="eye" if signal.kind == Kind.OPEN else "link",
        title=_TITLES[signal.verdict][Kind(signal.kind)],
        detail=" · ".join(part for part in (target, doubt) if part),
        reference=f"{signal.mailing_no}-{signal.n}",
    )


def export(workspace_id: UUID, contact_id: UUID) -> list[dict[str, Any]]:
    """All that is kept of what a person did."""
    day = queries.find_last_open(workspace_id, contact_id)
    last: list[dict[str, Any]] = [{"what": "last open", "day": day.isoformat()}] if day else []
    because = queries.find_mailings_of_orders(workspace_id, contact_id)
    return last + [
        {
            "mail": f"{found.mailing_no}-{found.n}" if found.mailing_no else None,
            "what": found.kind,
            "link": found.url,
            "at": found.at.isoformat(),
            "by": found.verdict.value,
            "because": SAYS[found.reason],
            "program": found.program,
            "data": dict(found.data),
            **({"counts_for_mail": because[found.event_id]} if found.event_id in because else {}),
        }
        for found in queries.list_signals(workspace_id, contact_id, limit=1_000_000)
    ]
