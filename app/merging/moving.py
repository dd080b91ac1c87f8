"""What the manifests say about tables, done: rows go over to the survivor, and exactly these come back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Column, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from app.kernel import module
from app.kernel.db import Base, session
from app.kernel.module import Blends, Joining, Moves, Stays

_DIALECT: Final = postgresql.dialect()  # type: ignore[no-untyped-call]


def join(merge_id: UUID, joining: Joining) -> dict[str, Any]:
    """Room by room, the lowest first; what each needs to take it back, by the names of its tables."""
    memo = {}
    for way in _ways():
        if isinstance(way, Moves):
            _over(way, _values(merge_id, joining, way))
            _settle(way, joining)
        elif isinstance(way, Blends):
            memo[_name(way)] = way.join(joining)
    return memo


def part(merge_id: UUID, joining: Joining, memo: dict[str, Any]) -> None:
    """The same back."""
    for way in _ways():
        if isinstance(way, Moves):
            _back(way, _values(merge_id, joining, way))
            _settle(way, joining)
        elif isinstance(way, Blends):
            way.part(joining, memo[_name(way)])


def _ways() -> Iterator[Moves | Blends | Stays]:
    for found in module.installed():
        yield from found.merging


def _name(way: Blends) -> str:
    return " ".join(way.tables)


def _values(merge_id: UUID, joining: Joining, way: Moves) -> dict[str, Any]:
    return {
        "merge_id": merge_id, "table_name": way.table, "workspace_id": joining.workspace_id,
        "survivor_id": joining.survivor_id, "merged_id": joining.merged_id,
    }  # fmt: skip


def _settle(way: Moves, joining: Joining) -> None:
    if way.settle is not None:
        for contact_id in (joining.survivor_id, joining.merged_id):
            way.settle(joining.workspace_id, contact_id)


def _over(way: Moves, values: dict[str, Any]) -> None:
    mine = f"{way.table} AS t"
    whose = "t.workspace_id = :workspace_id AND t.contact_id = :merged_id"
    keys = f"jsonb_build_array({', '.join(f'CAST(t.{name} AS text)' for name in way.key)})"
    alike = " AND ".join(f"o.{name} = t.{name}" for name in way.key)
    free = f" AND NOT EXISTS (SELECT FROM {way.table} o WHERE o.contact_id = :survivor_id AND {alike})"
    keep = "INSERT INTO merged_rows (merge_id, table_name, key, aside) SELECT :merge_id, :table_name"
    session().execute(
        text(
            f"WITH moved AS (UPDATE {mine} SET contact_id = :survivor_id WHERE {whose}{free if _is_one_each(way) else ''}"  # noqa: S608
            f" RETURNING {keys} AS key) {keep}, key, NULL FROM moved"
        ),
        values,
    )
    if _is_one_each(way):
        put_aside = f"WITH gone AS (DELETE FROM {mine} WHERE {whose} RETURNING {keys} AS key, to_jsonb(t) AS line)"  # noqa: S608
        session().execute(text(f"{put_aside} {keep}, key, line FROM gone"), values)


def _back(way: Moves, values: dict[str, Any]) -> None:
    table = Base.metadata.tables[way.table]
    same = " AND ".join(
        f"t.{name} = CAST(m.key ->> {place} AS {_type_of(table.columns[name])})"
        for place, name in enumerate(way.key)
    )
    kept = "m.merge_id = :merge_id AND m.table_name = :table_name"
    session().execute(
        text(
            f"UPDATE {way.table} AS t SET contact_id = :merged_id FROM merged_rows m WHERE {kept} AND m.aside IS NULL"  # noqa: S608
            f" AND {same} AND t.workspace_id = :workspace_id AND t.contact_id = :survivor_id"
        ),
        values,
    )
    lines = session().execute(text(f"SELECT m.key FROM merged_rows m WHERE {kept} AND m.aside IS NOT NULL"), values)  # noqa: S608
    again = text(
        f"INSERT INTO {way.table} SELECT (jsonb_populate_record(NULL::{way.table}, m.aside)).* FROM merged_rows m"  # noqa: S608
        f" WHERE {kept} AND m.key = CAST(:key AS jsonb) ON CONFLICT DO NOTHING"
    )
    for key in lines.scalars().all():
        # What it points to may be gone by now, such as a tag.
        with suppress(IntegrityError), session().begin_nested():
            session().execute(again, values | {"key": json.dumps(key)})


def _type_of(column: Column[Any]) -> str:
    return column.type.compile(dialect=_DIALECT).partition(" COLLATE ")[0]


def _is_one_each(way: Moves) -> bool:
    """Whether a person has one row for each key at most."""
    return "contact_id" in Base.metadata.tables[way.table].primary_key.columns
