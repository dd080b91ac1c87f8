"""Signals in their tables: one statement a batch for each thing that is read or written.

Arrays are bound as text: thousands of parameters, or lists for the driver to take apart, cost more than PostgreSQL's
own work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from app.kernel.db import array_of, copy_rows, session
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
    "SELECT w.place FROM unnest(CAST(CAST(:ids AS text) AS uuid[]), CAST(CAST(:ats AS text) AS timestamptz[]))"
    " WITH ORDINALITY AS w (event_id, at, place) JOIN LATERAL (SELECT FROM signals s WHERE s.event_id = w.event_id AND s.at <= w.at"
    " AND s.at >= date_trunc('hour', w.at, 'UTC') OFFSET 0) AS s ON true"
)


def known(hits: Sequence[Hit]) -> set[str]:
    """The ids of those that are written already."""
    values = {"ids": array_of([hit.event_id for hit in hits]), "ats": array_of([hit.at for hit in hits])}
    return {hits[place - 1].event_id for place in session().execute(_KNOWN, values).scalars()}


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
        yield (no, n), Seen(event_id.hex, _KINDS[kind], link, at, _FINDINGS[verdict, reason])


_KINDS: Final[dict[Any, Kind]] = {kind.value: kind for kind in Kind}
_FINDINGS: Final[dict[Any, Finding]] = {
    (verdict.value, reason.value): Finding(verdict, reason) for verdict in Verdict for reason in Reason
}

_COLUMNS: Final = (
    "event_id", "workspace_id", "contact_id", "mailing_no", "n", "kind", "link", "at", "verdict", "reason", "program"
)  # fmt: skip


def insert(rows: Sequence[New]) -> None:
    """Write signals of which none is there."""
    if rows:
        months.make({row.at for row in rows})
        copy_rows("signals", _COLUMNS, map(_line, rows))


def _line(row: New) -> tuple[object, ...]:
    hit, finding, contact_id = row.hit, row.finding, row.contact_id
    return (
        hit.event_id, row.workspace_id.hex, contact_id.hex if contact_id else None, hit.mailing_no,
        hit.n if contact_id else None, hit.kind.value, hit.link, row.at, finding.verdict.value, finding.reason.value,
        (hit.program or None) if contact_id else None,
    )  # fmt: skip


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
    sums: dict[tuple[int, int, str, int, str], int] = {}
    workspaces: dict[int, UUID] = {}
    for row in written:
        hit = row.hit
        workspaces[hit.mailing_no] = row.workspace_id
        key = (hit.mailing_no, _hours(row.at), hit.kind.value, hit.link, row.finding.verdict.value)
        sums[key] = sums.get(key, 0) + 1
    for change in changes:
        seen, begin = change.seen, (change.number[0], _hours(change.seen.at))
        workspaces[change.number[0]] = change.workspace_id
        for finding, more in ((seen.finding, -1), (change.finding, 1)):
            key = (*begin, seen.kind.value, seen.link, finding.verdict.value)
            sums[key] = sums.get(key, 0) + more
    # Sorted, since others write the same rows at the same moment.
    rows = [
        (no, datetime.fromtimestamp(hours * 3600, UTC), kind, link, verdict, workspaces[no], more)
        for (no, hours, kind, link, verdict), more in sorted(sums.items())
        if more
    ]
    if rows:
        columns = zip(_NAMES, (array_of(column) for column in zip(*rows, strict=True)), strict=True)
        session().execute(_COUNT, dict(columns))


def _hours(moment: datetime) -> int:
    """How many there were since 1970: a number, since thousands a second are compared."""
    return int(moment.timestamp()) // 3600


def hour(moment: datetime) -> datetime:
    """When its hour began."""
    return moment.replace(minute=0, second=0, microsecond=0)
