"""Reading a file into rows, and telling what taking them would do. A reader that dies is followed by another one.

Each step is one transaction that also says how far it came, so no row is read twice or lost.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text, update

from app.consent import service as consent
from app.contacts import queries as contacts
from app.contacts.rules import FieldKind
from app.imports import classing, files, joining, permitting, reading
from app.imports.classing import Classing
from app.imports.dialects import Unreadable
from app.imports.models import Import
from app.imports.reading import Layout
from app.imports.rowreader import OwnField, Refused, Row, RowReader
from app.imports.rules import HERE, NEVER, NOES, TWICE, ImportState, Plan, read_moment
from app.kernel import clock
from app.kernel.db import copy_rows, session, transaction
from app.kernel.ids import uuid7_texts

READ_AT_ONCE: Final = 10_000
COUNT_AT_ONCE: Final = 50_000
TAKE_AT_ONCE: Final = 5_000
"""Rows of a slice: people who sign up meanwhile wait for no more than that."""
_COLUMNS: Final = (
    "import_id", "n", "fault", "contact_id", "address_id", "raw", "address", "key", "folded", "domain", "needs_smtputf8",
    "hash", "first_name", "last_name", "name_folded", "language", "fields", "tags",
    "company", "company_folded", "said_at", "source", "ip", "cells",
)  # fmt: skip
_NOTHING: Final = (None,) * 20


def read_some(import_id: UUID, until: float) -> bool:
    """Read on until the file ends or time (monotonic) is up; whether it has ended."""
    with transaction():
        found = session().execute(select(Import).where(Import.id == import_id)).scalar_one()
        layout, plan, begun = Layout.from_json(found.layout), Plan.from_json(found.plan or {}), found.rows
        reader = RowReader(plan, own_fields(found.workspace_id), default_said_at=_default_said_at(plan))
    kept = files.Kept(import_id)
    numbered = enumerate(reading.rows(kept, layout), 1)
    rows = itertools.islice(numbered, begun, None)
    while batch := list(itertools.islice(rows, READ_AT_ONCE)):
        lines = _lines(import_id, batch, reader)
        with transaction():
            if not _go_on(import_id, begun, batch[-1][0], kept.octets_read):
                return False  # somebody else went on with it
            copy_rows("import_rows", _COLUMNS, lines)
        begun = batch[-1][0]
        if time.monotonic() > until:
            return False
    return True


def own_fields(workspace_id: UUID) -> list[OwnField]:
    """The workspace's own fields, as cells are read by them."""
    return [
        OwnField(found.key, found.label, FieldKind(found.kind), tuple(found.choices))
        for found in contacts.list_fields(workspace_id)
    ]


def _default_said_at(plan: Plan) -> datetime | None:
    told = plan.permission.said_on if plan.permission else ""
    return read_moment(told) if told else None


def _go_on(import_id: UUID, begun: int, to: int, octets: int) -> bool:
    moved = session().execute(
        update(Import)
        .where(Import.id == import_id, Import.rows == begun, Import.state == ImportState.READING.value)
        .values(rows=to, octets_read=octets)
        .returning(Import.id)
    )
    return moved.first() is not None


def _lines(
    import_id: UUID, batch: Sequence[tuple[int, list[str] | Unreadable]], reader: RowReader
) -> Iterator[tuple[Any, ...]]:
    ids = iter(uuid7_texts(2 * len(batch)))
    owner = import_id.hex
    for n, cells in batch:
        contact_id, address_id = next(ids), next(ids)
        if isinstance(cells, Unreadable):
            yield (owner, n, str(cells), *_NOTHING, "[]")
            continue
        try:
            row = reader.read(cells)
        except Refused as fault:
            yield (owner, n, str(fault), *_NOTHING, _json(cells))
            continue
        if row.no is None:
            yield (owner, n, None, contact_id, address_id, *_told(row), None)
        else:
            yield (owner, n, NOES[row.no], None, None, *_told(row), _json(cells))


def _told(row: Row) -> tuple[Any, ...]:
    address = row.address
    return (
        address.raw, address.address, address.key, address.folded, address.domain, address.needs_smtputf8,
        consent.address_hash(address.key), row.first_name, row.last_name, row.name_folded, row.language,
        row.fields_json, row.tags_json, row.company, row.company_folded, row.said_at, row.source, row.ip,
    )  # fmt: skip


def _json(cells: Sequence[str]) -> str:
    return reading.as_json([cell.replace("\x00", "\ufffd") for cell in cells])


# --- What would become of them -----------------------------------------------------------------------------------

# Whoever says yes and no in one file has said no, wherever that stands. Found by their place: rows that nobody has
# counted yet look few, and to compare each with each took minutes for 40,000.
_DOUBLES = text(
    "UPDATE import_rows r SET fault = :words WHERE r.ctid = ANY(ARRAY(SELECT d.place FROM (SELECT i.ctid AS place, i.fault,"
    " row_number() OVER (PARTITION BY coalesce(o.key, i.key) ORDER BY i.fault IS NULL, i.n) AS nth"
    " FROM import_rows i LEFT JOIN LATERAL ("
    # Two addresses of one person, since entries were merged, are one of them.
    "  SELECT a.key FROM addresses f JOIN contacts c ON c.id = f.contact_id"
    "  JOIN addresses a ON a.contact_id = c.merged_into AND a.channel = 'email'"
    "  WHERE f.workspace_id = :workspace_id AND f.channel = 'former' AND f.key = i.key OFFSET 0) o ON true"
    " WHERE i.import_id = :id AND (i.fault IS NULL OR i.fault = ANY(:noes))) AS d WHERE d.nth > 1 AND d.fault IS NULL))"
)
_CLASS = (
    "WITH x AS MATERIALIZED (SELECT place, verdict FROM ({classed}) AS c), left_out AS (UPDATE import_rows r SET fault = x.verdict FROM x"
    " WHERE r.ctid = x.place AND x.verdict = ANY(:out))"
    " SELECT verdict, count(*) FROM x WHERE verdict <> ALL(:out) GROUP BY verdict"
)
_FAULTS = text("SELECT fault, count(*) FROM import_rows WHERE import_id = :id AND fault IS NOT NULL GROUP BY fault")
_OUT: Final = (NEVER, HERE)


def check(import_id: UUID) -> None:
    """Tell what would become of each row; those that are left out are marked, with their cells for whoever mends them."""
    with transaction():
        found = _held(import_id)
        if found is None:
            return
        session().execute(text("SET LOCAL statement_timeout = '10min'"))
        classing.plan_by_index()
        values = {"id": import_id, "workspace_id": found.workspace_id, "words": TWICE, "noes": list(NOES.values())}
        session().execute(_DOUBLES, values)
        plan = Plan.from_json(found.plan or {})
        joining.refuse_too_many(found, plan)
    classed = classing.of(plan)
    counts: dict[str, int] = {}
    for first in range(1, found.rows + 1, COUNT_AT_ONCE):
        with transaction():
            if _held(import_id) is None:
                return
            last = min(first + COUNT_AT_ONCE - 1, found.rows)
            for word, count in (*_class(found, classed, first, last), *_foresee(found, plan, first, last)):
                counts[word] = counts.get(word, 0) + count
    _keep_cells(found)
    with transaction():
        if _held(import_id) is None:
            return
        faults = {fault: count for fault, count in session().execute(_FAULTS, {"id": import_id})}  # noqa: C416  rows
        _cut(import_id, found.rows)
        session().execute(
            update(Import)
            .where(Import.id == import_id)
            .values(state=ImportState.CHECKED.value, checked=counts | faults, ended_at=clock.now())
        )


def _held(import_id: UUID) -> Import | None:
    """The import, as long as it is being read: whoever was taken for dead must mark no row of one that is being taken."""
    query = select(Import).where(Import.id == import_id, Import.state == ImportState.READING.value)
    return session().execute(query.with_for_update()).scalar_one_or_none()


def _class(found: Import, classed: Classing, first: int, last: int) -> list[tuple[str, int]]:
    values = {"id": found.id, "workspace_id": found.workspace_id, "first": first, "last": last}
    classing.plan_by_index()
    rows = session().execute(text(_CLASS.format(classed=classed.sql)), values | {"out": list(_OUT)})
    return [(row[0], row[1]) for row in rows]


def _foresee(found: Import, plan: Plan, first: int, last: int) -> Iterator[tuple[str, int]]:
    """What taking would give of permission, slice by slice as it is taken."""
    if plan.permission is None:
        return
    for begun in range(first, last + 1, TAKE_AT_ONCE):
        values = {"id": found.id, "workspace_id": found.workspace_id, "first": begun, "last": min(begun + TAKE_AT_ONCE - 1, last)}
        yield from permitting.foresee(found, plan.permission, values).items()


def _cut(import_id: UUID, rows: int) -> None:
    session().execute(text("DELETE FROM import_slices WHERE import_id = :id"), {"id": import_id})
    session().execute(
        text(
            "INSERT INTO import_slices (import_id, first_n, last_n) SELECT :id, n, least(n + :size - 1, :rows)"
            " FROM generate_series(1, CAST(:rows AS bigint), CAST(:size AS bigint)) AS n"
        ),
        {"id": import_id, "rows": rows, "size": TAKE_AT_ONCE},
    )


_WITHOUT_CELLS = text(
    "SELECT n FROM import_rows WHERE import_id = :id AND fault IS NOT NULL AND cells IS NULL ORDER BY n"
)
_CELLS = text("UPDATE import_rows SET cells = CAST(:cells AS jsonb) WHERE import_id = :id AND n = :n")


def _keep_cells(found: Import) -> None:
    """Read the file once more for what stands in rows that something here keeps out."""
    with transaction():
        wanted = set(session().execute(_WITHOUT_CELLS, {"id": found.id}).scalars())
    if not wanted:
        return
    numbered = enumerate(reading.rows(files.Kept(found.id), Layout.from_json(found.layout)), 1)
    rows = ((n, cells) for n, cells in numbered if n in wanted and not isinstance(cells, Unreadable))
    while batch := list(itertools.islice(rows, READ_AT_ONCE)):
        with transaction():
            session().execute(_CELLS, [{"id": found.id, "n": n, "cells": _json(cells)} for n, cells in batch])
