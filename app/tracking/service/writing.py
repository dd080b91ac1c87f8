"""Signals in their tables: one statement a batch for each thing that is read or written.

Arrays are bound as text: thousands of parameters, or lists for the driver to take apart, cost more than PostgreSQL's
own work.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from app.kernel.db import array_of, session, text_array_of
from app.tracking.rules.hits import Hit, Kind
from app.tracking.rules.verdicts import Finding, Reason, Seen, Verdict
from app.tracking.service.recipients import Number


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


_KNOWN = text(
    "SELECT s.event_id FROM unnest(CAST(CAST(:ids AS text) AS uuid[])) AS w (event_id)"
    " JOIN signals s ON s.event_id = w.event_id"
)


def known(event_ids: Collection[UUID]) -> set[UUID]:
    """Those of these signals that are written already."""
    return set(session().execute(_KNOWN, {"ids": array_of(event_ids)}).scalars().all())


_SEEN = text(
    "SELECT s.mailing_no, s.n, s.event_id, s.kind, s.link, s.at, s.verdict, s.reason FROM signals s"
    " JOIN unnest(CAST(CAST(:nos AS text) AS bigint[]), CAST(CAST(:ns AS text) AS bigint[])) AS w (mailing_no, n)"
    " ON s.mailing_no = w.mailing_no AND s.n = w.n"
)


def seen(numbers: Collection[Number]) -> Iterable[tuple[Number, Seen]]:
    """What was written earlier of these messages."""
    if not numbers:
        return
    values = {"nos": array_of(no for no, _ in numbers), "ns": array_of(n for _, n in numbers)}
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
    " CAST(:verdict AS text[]), CAST(:reason AS text[])) AS w (event_id, verdict, reason)"
    " WHERE s.event_id = w.event_id"
)


def update(changes: Sequence[Change]) -> None:
    """Write what is found of earlier signals now."""
    if changes:
        values = {
            "event_id": [change.seen.event_id for change in changes],
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
_NAMES: Final = ("mailing_no", "hour", "kind", "link", "verdict", "workspace_id")


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
    rows = {key: more for key, more in sums.items() if more}
    if rows:
        columns = dict(zip(_NAMES, (array_of(column) for column in zip(*rows, strict=True)), strict=True))
        session().execute(_COUNT, {**columns, "count": array_of(rows.values())})


def hour(moment: datetime) -> datetime:
    """When its hour began."""
    return moment.replace(minute=0, second=0, microsecond=0)
