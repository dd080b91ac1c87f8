"""Fewer people than the interests give: a mailing keeps what a room above says, and that room turns it into SQL.

A mailing may also be for a part of them only. Everybody has one slot of a million for each key, whatever else is
known of them: so parts that lie side by side are disjoint and together everybody, whenever each of them is made and
whoever joins in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

Narrow = Callable[[UUID, Mapping[str, Any]], tuple[str, dict[str, Any]]]
SLOTS: Final = 1_000_000
_PART: Final = "part"
_EVERYBODY: Final = "SELECT c.id AS contact_id FROM contacts c WHERE c.workspace_id = :workspace_id"
_narrow: Narrow | None = None


def install(narrow: Narrow) -> None:
    """Let this one tell whom a mailing's ``narrowing`` means.

    Args:
        narrow: gives for (workspace, what the mailing keeps) a SELECT of contact ids and what it binds beside
            ``workspace_id`` and ``now``; raises a ``Problem`` where it means nobody any more.
    """
    global _narrow
    _narrow = narrow


def part(
    key: UUID, start: int, stop: int, of: Mapping[str, Any] | None = None, without: Sequence[int] = ()
) -> dict[str, Any]:
    """What a mailing keeps that is for a part only.

    Args:
        key: whose parts these are.
        start: the first slot.
        stop: the slot behind the last one.
        of: who of the interests' people at all, as the room above says it; None: all of them.
        without: numbers of mailings; whom one of them was made for gets nothing of this one.
    """
    return {_PART: {"key": key.hex, "start": start, "stop": stop, "without": list(without)}, "of": of}


def slot_sql(contact_id: str) -> str:
    """In which slot a person is, from 0 to ``SLOTS`` - 1; binds ``slot_key``, the key's bytes.

    A digest that says the same on every server and in every version: the parts of one trial may be made weeks apart.
    """
    digest = f"sha256(CAST(:slot_key AS bytea) || uuid_send({contact_id}))"
    first = f"CAST(CAST('x' || encode(substr({digest}, 1, 4), 'hex') AS bit(32)) AS bigint)"
    return f"({first} * {SLOTS} >> 32)"


def people_sql(workspace_id: UUID, told: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The SELECT, and what it binds.

    Raises:
        Problem: it cannot be told, in words for people.
    """
    if _PART not in told:
        return _people(workspace_id, told)
    people, binds = (_EVERYBODY, {}) if told["of"] is None else _people(workspace_id, told["of"])
    mine = told[_PART]
    sql = (
        f"SELECT whole.contact_id FROM ({people}) AS whole"  # noqa: S608  no input in it
        f" WHERE {slot_sql('whole.contact_id')} <@ int8range(:slot_start, :slot_stop)"
        " AND NOT EXISTS (SELECT FROM messages had WHERE had.mailing_no = ANY(CAST(:had_by AS bigint[]))"
        " AND had.contact_id = whole.contact_id)"
    )
    slots = {"slot_key": UUID(mine["key"]).bytes, "slot_start": mine["start"], "slot_stop": mine["stop"]}
    return sql, {**binds, **slots, "had_by": mine["without"]}


def _people(workspace_id: UUID, told: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if _narrow is None:
        raise RuntimeError("Nobody tells whom a mailing is narrowed to.")
    return _narrow(workspace_id, told)
