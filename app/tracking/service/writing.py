"""Signals in their tables: one statement a batch for each thing that is read or written.

Arrays are bound as text: thousands of parameters, or lists for the driver to take apart, cost more than PostgreSQL's
own work.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from app.kernel.db import array_of, session, text_array_of
from app.tracking.rules.hits import Hit, Kind
from app.tracking.rules.verdicts import Finding, Reason, Seen, Verdict
from app.tracking.service import months
from app.tracking.service.recipients import Number

CLOCKS_APART: Final = timedelta(hours=1)
"""So much earlier than its mail was handed over a signal may seem to be."""


@dataclass(slots=True)
class New:
    """A signal to be written; without a contact neither its message nor its minute is.

    Attributes:
        at: what is kept of the time.
    """

    hit: Hit
    workspace_id: UUID
    contact_id: UUID | None
    at: datetime
    finding: Finding


@dataclass(frozen=True, slots=True)
class Change:
    """A signal that was written earlier and is seen differently now."""

    number: Number
    contact_id: UUID
    workspace_id: UUID
    seen: Seen
    finding: Finding


# Those of nobody are kept by the hour. Times choose the month to look into, row by row.
_KNOWN = text(
    "SELECT w.event_id FROM unnest(CAST(CAST(:ids AS text) AS uuid[]), CAST(CAST(:ats AS text) AS timestamptz[]))"
    " AS w (event_id, at) JOIN LATERAL (SELECT FROM signals s WHERE s.event_id = w.event_id AND s.at <= w.at"
    " AND s.at >= date_trunc('hour', w.at, 'UTC') OFFSET 0) AS s ON true"
)


def known(hits: Collection[Hit]) -> set[UUID]:
    """The ids of those that are written already."""
    values = {"ids": array_of(hit.event_id for hit in hits), "ats": array_of(hit.at for hit in hits)}
    return set(session().execute(_KNOWN, values).scalars().all())


_SEEN = text(
    "SELECT w.mailing_no, w.n, s.event_id, s.kind, s.link, s.at, s.verdict, s.reason"
    " FROM unnest(CAST(CAST(:nos AS text) AS bigint[]), CAST(CAST(:ns AS text) AS bigint[]),"
    " CAST(CAST(:since AS text) AS timestamptz[])) AS w (mailing_no, n, since) JOIN LATERAL (SELECT s.event_id, s.kind,"
    " s.link, s.at, s.verdict, s.reason FROM signals s WHERE s.mailing_no = w.mailing_no AND s.n = w.n"
    " AND s.at >= w.since OFFSET 0) AS s ON true"
)


def seen(messages: Mapping[Number, datetime | None]) -> Iterable[tuple[Number, Seen]]:
    """What was written earlier of these messages, of which each was handed over at a time, as far as that is known."""
    if not messages:
        return
    values = {
        "nos": array_of(no for no, _ in messages),
        "ns": array_of(n for _, n in messages),
        "since": array_of((at - CLOCKS_APART if at else "-infinity") for at in messages.values()),
    }
    for no, n, event_id, kind, link, at, verdict, reason in session().execute(_SEEN, values).all():
        yield (no, n), Seen(event_id, _KINDS[kind], link, at, _FINDINGS[verdict, reason])


_KINDS: Final[dict[Any, Kind]] = {kind.value: kind for kind in Kind}
_FINDINGS: Final[dict[Any, Finding]] = {
    (verdict.value, reason.value): Finding(verdict, reason) for verdict in Verdict for reason in Reason
}

_INSERT = text(
    "INSERT INTO signals (event_id, workspace_id, contact_id, mailing_no, n, kind, link, at, verdict, reason, program)"
    " SELECT * FROM unnest(CAST(CAST(:event_id AS text) AS uuid[]), CAST(CAST(:workspace_id AS text) AS uuid[]),"
    " CAST(CAST(:contact_id AS text) AS uuid[]), CAST(CAST(:mailing_no AS text) AS bigint[]),"
    " CAST(CAST(:n AS text) AS bigint[]), CAST(CAST(:kind AS text) AS text[]), CAST(CAST(:link AS text) AS smallint[]),"
    " CAST(CAST(:at AS text) AS timestamptz[]), CAST(CAST(:verdict AS text) AS text[]),"
    " CAST(CAST(:reason AS text) AS text[]), CAST(CAST(:program AS text) AS text[]))"
)


def insert(rows: Sequence[New]) -> None:
    """Write signals of which none is there."""
    if rows:
        months.make({row.at for row in rows})
        values = {
            "event_id": array_of([row.hit.event_id for row in rows]),
            "workspace_id": array_of([row.workspace_id for row in rows]),
            "contact_id": array_of([row.contact_id or "NULL" for row in rows]),
            "mailing_no": array_of([row.hit.mailing_no for row in rows]),
            "n": array_of([row.hit.n if row.contact_id else "NULL" for row in rows]),
            "kind": array_of([row.hit.kind for row in rows]),
            "link": array_of([row.hit.link for row in rows]),
            "at": array_of([row.at for row in rows]),
            "verdict": array_of([row.finding.verdict for row in rows]),
            "reason": array_of([row.finding.reason for row in rows]),
            "program": text_array_of([(row.hit.program or None) if row.contact_id else None for row in rows]),
        }
        session().execute(_INSERT, values)


_UPDATE = text(
    "UPDATE signals s SET verdict = w.verdict, reason = w.reason FROM unnest(CAST(:event_id AS uuid[]),"
    " CAST(:at AS timestamptz[]), CAST(:verdict AS text[]), CAST(:reason AS text[]))"
    " AS w (event_id, at, verdict, reason) WHERE s.event_id = w.event_id AND s.at = w.at"
    " AND s.at = ANY(CAST(:at AS timestamptz[]))"
)


def update(changes: Sequence[Change]) -> None:
    """Write what is found of earlier signals now."""
    if changes:
        values = {
            "event_id": [change.seen.event_id for change in changes],
            "at": [change.seen.at for change in changes],
            "verdict": [change.finding.verdict.value for change in changes],
            "reason": [change.finding.reason.value for change in changes],
        }
        session().execute(_UPDATE, values)


_COUNT = text(
    "INSERT INTO signal_counts AS c (mailing_no, hour, kind, link, verdict, workspace_id, count)"
    " SELECT * FROM unnest(CAST(CAST(:mailing_no AS text) AS bigint[]), CAST(CAST(:hour AS text) AS timestamptz[]),"
    " CAST(CAST(:kind AS text) AS text[]), CAST(CAST(:link AS text) AS smallint[]), CAST(CAST(:verdict AS text) AS text[]),"
    " CAST(CAST(:workspace_id AS text) AS uuid[]), CAST(CAST(:count AS text) AS bigint[]))"
    " ON CONFLICT (mailing_no, hour, kind, link, verdict) DO UPDATE SET count = c.count + excluded.count"
)
_NAMES: Final = ("mailing_no", "hour", "kind", "link", "verdict", "workspace_id", "count")


def count(written: Iterable[New], changes: Iterable[Change]) -> None:
    """Keep the sums in step with the rows."""
    sums: dict[tuple[int, datetime, Kind, int, Verdict, UUID], int] = {}
    for row in written:
        hit = row.hit
        key = (hit.mailing_no, hour(row.at), hit.kind, hit.link, row.finding.verdict, row.workspace_id)
        sums[key] = sums.get(key, 0) + 1
    for change in changes:
        seen, begin = change.seen, (change.number[0], hour(change.seen.at))
        for finding, more in ((seen.finding, -1), (change.finding, 1)):
            key = (*begin, seen.kind, seen.link, finding.verdict, change.workspace_id)
            sums[key] = sums.get(key, 0) + more
    # Sorted, since others write the same rows at the same moment.
    rows = sorted((*key, more) for key, more in sums.items() if more)
    if rows:
        columns = zip(_NAMES, (array_of(column) for column in zip(*rows, strict=True)), strict=True)
        session().execute(_COUNT, dict(columns))


def hour(moment: datetime) -> datetime:
    """When its hour began."""
    return moment.replace(minute=0, second=0, microsecond=0)
