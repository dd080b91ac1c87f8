"""Own fields by which segments look people up have an index each: built when one is saved, dropped when none uses it.

``CREATE INDEX CONCURRENTLY`` keeps no writer waiting, but stands in no transaction and belongs to the table's owner, so
it runs on a connection of the login role. Whoever dies at it leaves an invalid index, which answers nothing: the next
one drops it and begins anew. While one is built, nobody else gathers statistics of people (``learn_people``): each would
wait for the other.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from sqlalchemy import Connection, delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from app.contacts import queries as contacts
from app.contacts.rules import FieldKind, Index, field_key, index_of
from app.kernel import clock
from app.kernel.db import as_owner, session, transaction
from app.segments import queries, rules
from app.segments.models import FieldIndex, Segment, SegmentVersion

if TYPE_CHECKING:
    from app.contacts.models import CustomField

log = logging.getLogger(__name__)
FROM_PEOPLE: Final = 10_000
"""Fewer are read one by one in 2 ms."""
UNUSED_FOR: Final = timedelta(days=30)
_SEEN_EACH: Final = timedelta(hours=1)
# Longer than any transaction of ours, for each of which that has begun before it the building waits.
_PATIENCE: Final = ("SET lock_timeout = '10min'", "SET statement_timeout = '30min'", "SET maintenance_work_mem = '128MB'")
_HELD: Final = text("SELECT pg_try_advisory_lock(hashtext('field_indexes'))")
_HAS_MANY: Final = text(
    "SELECT count(*) >= :many FROM (SELECT FROM contacts WHERE workspace_id = :workspace_id LIMIT :many) AS these"
)


def run() -> None:
    """Build what is missing and drop what nobody uses; a job."""
    with transaction():
        indexes = _kept()
        there = queries.built_indexes(session())
    if _to_drop(indexes, there) or _to_build(indexes, there):
        with as_owner() as owner:
            _work(owner, indexes)


def _kept() -> dict[str, str]:
    """The indexes that there shall be: what each is on, by name; which they are is written down anew."""
    used, now = _used(), clock.now()
    rows = {row.field_id: row for row in session().execute(select(FieldIndex).with_for_update()).scalars()}
    fields = {**_fields_of(rows), **used}
    for field_id, row in list(rows.items()):
        if field_id in used and now - row.used_at >= _SEEN_EACH:
            row.used_at = now
        elif fields[field_id].archived_at is not None or now - row.used_at >= UNUSED_FOR:
            session().execute(delete(FieldIndex).where(FieldIndex.field_id == field_id))
            del rows[field_id]
    for field_id in sorted(used.keys() - rows.keys())[: max(rules.MOST_INDEXES - len(rows), 0)]:
        made = {"field_id": field_id, "workspace_id": used[field_id].workspace_id, "used_at": now}
        session().execute(insert(FieldIndex).values(made).on_conflict_do_nothing())
        rows[field_id] = FieldIndex(**made)
    found = [_index_of(fields[field_id]) for field_id in rows]
    return {index.name: index.on for index in found if index is not None}


def _fields_of(rows: Mapping[UUID, FieldIndex]) -> dict[UUID, CustomField]:
    workspaces = {row.workspace_id for row in rows.values()}
    return {
        field.id: field for workspace_id in workspaces for field in contacts.list_fields(workspace_id, include_archived=True)
    }


def _used() -> dict[UUID, CustomField]:
    """The fields that living segments look many people up by, in a way that an index answers."""
    query = (
        select(Segment.workspace_id, SegmentVersion.tree)
        .join(SegmentVersion, (SegmentVersion.segment_id == Segment.id) & (SegmentVersion.version == Segment.version))
        .where(Segment.archived_at.is_(None))
    )
    compared: dict[UUID, set[str]] = {}
    for workspace_id, tree in session().execute(query):
        compared.setdefault(workspace_id, set()).update(rules.looked_up(tree))
    found: dict[UUID, CustomField] = {}
    for workspace_id, keys in compared.items():
        known = [field for field in contacts.list_fields(workspace_id) if field_key(field.key) in keys]
        found |= {field.id: field for field in known if _index_of(field) and _has_many(workspace_id)}
    return found


def _index_of(field: CustomField) -> Index | None:
    return index_of(field.workspace_id, field.id, FieldKind(field.kind), field.key)


def _has_many(workspace_id: UUID) -> bool:
    values = {"workspace_id": workspace_id, "many": FROM_PEOPLE}
    return bool(session().execute(_HAS_MANY, values).scalar_one())


def _to_drop(indexes: Collection[str], there: Mapping[str, bool]) -> list[str]:
    return sorted(name for name, is_valid in there.items() if name not in indexes or not is_valid)


def _to_build(indexes: Mapping[str, str], there: Mapping[str, bool]) -> list[str]:
    return sorted(name for name in indexes if not there.get(name))


def _work(owner: Connection, indexes: Mapping[str, str]) -> None:
    if not owner.execute(_HELD).scalar_one():
        return  # somebody is at it, or gathers statistics
    for setting in _PATIENCE:
        owner.execute(text(setting))
    there = queries.built_indexes(owner)
    for name in _to_drop(indexes, there):
        _try(owner, f"DROP INDEX CONCURRENTLY IF EXISTS public.{name}")
    built = [
        _try(owner, f"CREATE INDEX CONCURRENTLY {name} ON public.{indexes[name]}") for name in _to_build(indexes, there)
    ]
    if any(built):
        _try(owner, "ANALYZE public.contacts")  # what values an expression has, nobody has looked at yet


def _try(owner: Connection, statement: str) -> bool:
    """Each by itself: what cannot be done now is begun anew by the next run, and holds up no other."""
    try:
        owner.exec_driver_sql(statement)
    except DBAPIError as fault:
        log.warning("an index of an own field is left as it is: %s", fault.orig.__class__.__name__)
        return False
    return True
