"""Reads of segments: by what people can be chosen, whom a tree means, and how many they are."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg import errors
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from app.accounts import queries as accounts
from app.contacts.rules import INDEX_NAME, index_name
from app.kernel import clock, module
from app.kernel.db import forget_once, once, session
from app.kernel.errors import BadInput, Conflict, NotFound, Unavailable
from app.kernel.sampling import Guess
from app.kernel.segment_fields import Bound, SegmentChoices, SegmentField
from app.kernel.shared import Shared
from app.segments import compiler, rules
from app.segments.models import FieldIndex, Segment, SegmentVersion
from app.segments.rules import BadTree, Group
from app.segments.sentences import sentence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

SECONDS: Final = 5
"""So long a count may take."""
SAMPLE: Final = 10
MAX_WITHIN: Final = 8
"""So many segments within each other are followed."""
MEMBER_KEY: Final = "segments.member"


@dataclass(frozen=True, slots=True)
class Known:
    """A segment as it is now.

    Attributes:
        tree: as stored; ``tree_of`` reads it.
    """

    id: UUID
    name: str
    version: int
    tree: dict[str, Any]
    created_at: datetime
    changed_at: datetime
    archived_at: datetime | None


@dataclass(frozen=True, slots=True)
class Example:
    """One of the people whom a tree means."""

    id: UUID
    name: str
    address: str


def fields(workspace_id: UUID) -> dict[str, SegmentField]:
    """By what people of this workspace can be chosen, by key, in the order of the rooms."""
    return once(_once(workspace_id), lambda: _fields(workspace_id))


def forget_fields(workspace_id: UUID) -> None:
    """For whoever has just made or renamed a segment: it is a value of a field."""
    forget_once(_once(workspace_id))


def _once(workspace_id: UUID) -> tuple[str, UUID]:
    return ("segments.fields", workspace_id)


def _fields(workspace_id: UUID) -> dict[str, SegmentField]:
    declared = [entry for found in module.installed() for entry in found.segment_fields]
    choices = {entry.of: entry.read(workspace_id) for entry in declared if isinstance(entry, SegmentChoices)}
    found: list[SegmentField] = []
    for entry in declared:
        if isinstance(entry, SegmentField):
            found.append(replace(entry, of_choices=choices[entry.of]) if entry.of else entry)
        elif not isinstance(entry, SegmentChoices):
            found.extend(entry(workspace_id))
    return {field.key: field for field in found}


def read(workspace_id: UUID, raw: Any) -> Group:
    """A tree as somebody wrote it.

    Raises:
        BadInput: its ``fields`` name each place that is wrong, see ``rules.BadTree``.
    """
    try:
        return rules.parse(raw, fields(workspace_id))
    except BadTree as error:
        raise BadInput(fields=error.faults) from None


_KNOWN = (
    select(
        Segment.id, Segment.name, Segment.version, SegmentVersion.tree, Segment.created_at, Segment.changed_at,
        Segment.archived_at,
    )
    .join(
        SegmentVersion,
        (SegmentVersion.segment_id == Segment.id) & (SegmentVersion.version == Segment.version),
    )
)  # fmt: skip


def get_segment(workspace_id: UUID, segment_id: UUID) -> Known:
    """A segment, archived or not.

    Raises:
        NotFound: none of this workspace.
    """
    query = _KNOWN.where(Segment.workspace_id == workspace_id, Segment.id == segment_id)
    row = session().execute(query).one_or_none()
    if row is None:
        raise NotFound("This segment is not here.")
    return Known(*row)


def list_segments(workspace_id: UUID, *, include_archived: bool = False) -> list[Known]:
    """All segments by name."""
    query = _KNOWN.where(Segment.workspace_id == workspace_id)
    if not include_archived:
        query = query.where(Segment.archived_at.is_(None))
    return [Known(*row) for row in session().execute(query.order_by(Segment.name, Segment.id))]


def list_names(workspace_id: UUID) -> list[tuple[UUID, str]]:
    """Ids and names of all segments, archived ones too."""
    query = select(Segment.id, Segment.name).where(Segment.workspace_id == workspace_id)
    return [(row.id, row.name) for row in session().execute(query.order_by(Segment.name, Segment.id))]


def list_versions(workspace_id: UUID, segment_id: UUID) -> list[SegmentVersion]:
    """What a segment has said, the newest first."""
    query = select(SegmentVersion).where(
        SegmentVersion.workspace_id == workspace_id, SegmentVersion.segment_id == segment_id
    )
    return list(session().execute(query.order_by(SegmentVersion.version.desc())).scalars())


def say(workspace_id: UUID, tree: Mapping[str, Any]) -> str:
    """What a stored tree says in a sentence, or that it names what is gone."""
    try:
        return sentence(read(workspace_id, tree))
    except BadInput:
        return "It names something that is not here any more. Open it and choose anew."


def segments_in(tree: Mapping[str, Any]) -> set[UUID]:
    """The segments that a stored tree names itself."""
    return {UUID(value) for value in rules.named_by(tree, MEMBER_KEY)}


def select_sql(workspace_id: UUID, group: Group, *, is_sampled: bool = False) -> tuple[str, dict[str, Any]]:
    """A SELECT (contact_id) of whom a tree means, each once, and what it binds: ``workspace_id``, ``now`` and its own.

    For statements of other rooms: ``... WHERE p.contact_id IN (<select>)``.

    Args:
        workspace_id: whose people.
        group: the tree.
        is_sampled: of one person in ``sampling.ONE_IN`` only.

    Raises:
        BadInput: segments within it go round in a circle, or too deep.
    """
    return _Statement(workspace_id, is_sampled=is_sampled).of(group)


def members_sql(
    workspace_id: UUID, segment_id: UUID, version: int | None = None
) -> tuple[str, dict[str, Any]]:
    """The same for a segment as it is now, or as it was in a version.

    Raises:
        NotFound: none of this workspace.
        Conflict: it names what is not here any more.
    """
    found = get_segment(workspace_id, segment_id)
    tree = found.tree if version is None else _tree_of(workspace_id, segment_id, version)
    try:
        return select_sql(workspace_id, read(workspace_id, tree))
    except BadInput as fault:
        words = next(iter(fault.fields.values()), fault.detail)
        raise Conflict(f"The segment “{found.name}” cannot be told any more: {words}") from None


def _tree_of(workspace_id: UUID, segment_id: UUID, version: int) -> dict[str, Any]:
    query = select(SegmentVersion.tree).where(
        SegmentVersion.workspace_id == workspace_id,
        SegmentVersion.segment_id == segment_id,
        SegmentVersion.version == version,
    )
    found: dict[str, Any] | None = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("This segment is not here.")
    return found


def snapshot(workspace_id: UUID, segment_id: UUID) -> dict[str, Any]:
    """What a mailing keeps of a segment: it and the version that it has now.

    Raises:
        NotFound: none of this workspace.
    """
    return {"segment": str(segment_id), "version": get_segment(workspace_id, segment_id).version}


def narrow(workspace_id: UUID, kept: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Whom a ``snapshot`` means now, for ``delivery.narrowing``.

    Raises:
        Problem: it is gone, or names what is not here any more.
    """
    return members_sql(workspace_id, UUID(kept["segment"]), int(kept["version"]))


def indexed_fields(workspace_id: UUID) -> dict[UUID, bool]:
    """The workspace's own fields that have an index, by id; False: it is still to be built."""
    ids = list(session().execute(select(FieldIndex.field_id).where(FieldIndex.workspace_id == workspace_id)).scalars())
    built = built_indexes(session()) if ids else {}
    return {field_id: built.get(index_name(field_id), False) for field_id in ids}


_BUILT = text(
    "SELECT c.relname, i.indisvalid FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
    " WHERE i.indrelid = 'public.contacts'::regclass AND c.relname ^@ :beginning"
)


def built_indexes(on: Session | Connection) -> dict[str, bool]:
    """The indexes of fields that there are, of all workspaces, whole (True) or not, by name."""
    rows = on.execute(_BUILT, {"beginning": INDEX_NAME})
    return {name: is_valid for name, is_valid in rows}  # noqa: C416  rows, not pairs


class _Statement:
    """Follows the segments that a tree names."""

    def __init__(self, workspace_id: UUID, *, is_sampled: bool = False) -> None:
        zone = ZoneInfo(accounts.brand(workspace_id).time_zone)
        self.bound = Bound(workspace_id, clock.now(), zone, self._of_segment, is_sampled)
        self.within: list[UUID] = []

    def of(self, group: Group) -> tuple[str, dict[str, Any]]:
        sql = compiler.people_sql(group, self.bound)
        return sql, {**self.bound.values, "workspace_id": self.bound.workspace_id, "now": self.bound.now}

    def _of_segment(self, segment_id: UUID) -> str:
        if segment_id in self.within or len(self.within) >= MAX_WITHIN:
            raise BadInput(
                fields={
                    rules.ROOT: "These segments name each other in a circle, or go too deep. Take one out."
                }
            )
        self.within.append(segment_id)
        found = get_segment(self.bound.workspace_id, segment_id)
        sql = compiler.people_sql(read(self.bound.workspace_id, found.tree), self.bound)
        self.within.pop()
        return sql


def count(workspace_id: UUID, group: Group, *, is_sampled: bool = False) -> int:
    """How many people a tree means now; or how many of one person in ``sampling.ONE_IN``.

    Raises:
        Unavailable: counting took longer than ``SECONDS``.
    """
    sql, values = select_sql(workspace_id, group, is_sampled=is_sampled)
    with planned():
        found: int = session().execute(text(f"SELECT count(*) FROM ({sql}) AS people"), values).scalar_one()  # noqa: S608  bound values only
    return found


_EXAMPLES = text(
    "SELECT c.id, c.first_name, c.last_name, coalesce(a.address, '') FROM contacts c"
    " LEFT JOIN addresses a ON a.contact_id = c.id AND a.channel = 'email'"
    " WHERE c.workspace_id = :workspace_id AND c.id = ANY(:ids) ORDER BY c.id DESC"
)


def sample(workspace_id: UUID, group: Group, limit: int = SAMPLE, *, is_sampled: bool = False) -> list[Example]:
    """Some of the people whom a tree means; ``is_sampled``: found among one person in ``sampling.ONE_IN``.

    Raises:
        Unavailable: finding them took longer than ``SECONDS``.
    """
    sql, values = select_sql(workspace_id, group, is_sampled=is_sampled)
    with planned():
        some = session().execute(text(f"{sql} LIMIT :segment_limit"), {**values, "segment_limit": limit})
        ids = list(some.scalars())
    # By itself: a handful is looked up, and not hashed with everybody.
    rows = session().execute(_EXAMPLES, {"workspace_id": workspace_id, "ids": ids})
    return [Example(row[0], f"{row[1]} {row[2]}".strip(), row[3]) for row in rows]


_EVERYBODY = text(
    "SELECT count(*) FROM contacts WHERE workspace_id = :workspace_id AND erased_at IS NULL AND merged_into IS NULL"
)
_counted: Shared[int] = Shared()


def count_everybody(workspace_id: UUID) -> int:
    """All people of a workspace; of many some seconds old."""
    known = _counted.find(workspace_id)
    if known is not None:
        return known
    found: int = session().execute(_EVERYBODY, {"workspace_id": workspace_id}).scalar_one()
    return _counted.keep(workspace_id, found, found)


def guess(workspace_id: UUID, group: Group) -> Guess:
    """About how many people a tree means now.

    Raises:
        Unavailable: even that took longer than ``SECONDS``.
    """
    return Guess(count(workspace_id, group, is_sampled=True))


# With many conditions PostgreSQL expects next to nobody and loops over what it should hash: ten rules over 100,000
# people took more than 8 s instead of 1.
_PLANNING: Final = {
    "enable_nestloop": "off",
    "work_mem": "32MB",
}
_SET: Final = text("SELECT set_config(key, value, true) FROM jsonb_each_text(CAST(:settings AS jsonb))")
_RESET: Final = text("SELECT set_config(name, reset_val, true) FROM pg_settings WHERE name = ANY(:names)")


@contextmanager
def planned(seconds: float = 0) -> Iterator[None]:
    """Statements with a ``select_sql`` in them are planned well meanwhile, and may take so many seconds, or else ``SECONDS``.

    Raises:
        Unavailable: one took longer; whoever asked goes on as before it.
    """
    seconds = seconds or SECONDS
    try:
        with session().begin_nested():
            settings = {**_PLANNING, "statement_timeout": f"{seconds}s"}
            session().execute(_SET, {"settings": json.dumps(settings)})
            yield
            session().execute(_RESET, {"names": list(settings)})
    except OperationalError as error:
        if not isinstance(error.orig, errors.QueryCanceled):
            raise
        raise Unavailable(
            f"Counting took longer than {seconds} seconds and was stopped. Take a rule away, or look at fewer days."
        ) from None
