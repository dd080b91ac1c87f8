"""Who must not be written to: the list, page by page and whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text

from app.consent.rules import Reason
from app.kernel.db import session
from app.kernel.paging import Page, read_position, turn

ROWS: Final = 50


@dataclass(frozen=True, slots=True)
class Suppressed:
    """One address; whose it was and what it is called are known until the person is erased."""

    address_hash: bytes
    channel: str
    reason: Reason
    source: str
    since: datetime
    contact_id: UUID | None
    key: str
    """Of the address that the person has today, which may be another one."""


_COLUMNS = (
    "SELECT s.address_hash, s.channel, s.reason, s.source, s.created_at, s.contact_id, coalesce(a.key, '') AS key"
    " FROM suppressions s LEFT JOIN addresses a ON a.contact_id = s.contact_id AND a.channel = s.channel"
    " WHERE s.workspace_id = :workspace_id AND (CAST(:reason AS text) IS NULL OR s.reason = :reason)"
)
_OLDER = text(
    f"{_COLUMNS} AND (s.created_at, s.address_hash) < (:at, :hash)"
    " ORDER BY s.created_at DESC, s.address_hash DESC LIMIT :limit"
)
_NEWER = text(
    f"{_COLUMNS} AND (s.created_at, s.address_hash) > (:at, :hash) ORDER BY s.created_at, s.address_hash LIMIT :limit"
)
_ALL = text(f"{_COLUMNS} ORDER BY s.created_at, s.address_hash")
_COUNT = text("SELECT reason, count(*) FROM suppressions WHERE workspace_id = :workspace_id GROUP BY reason")
_LAST = (datetime(9999, 12, 31, tzinfo=UTC), b"\xff" * 33)


def list_suppressed(
    workspace_id: UUID, reason: Reason | None = None, cursor: str = "", at_once: int = 0
) -> Page[Suppressed]:
    """Addresses that must not be written to, the newest first; ``at_once`` or else ROWS of them."""
    at_once = at_once or ROWS
    at = read_position(cursor, datetime, bytes)
    moment, position = at.values if at else _LAST
    values = {"workspace_id": workspace_id, "reason": reason, "at": moment, "hash": position, "limit": at_once + 1}
    found = session().execute(_NEWER if at and at.is_back else _OLDER, values)
    return turn([_suppressed(row) for row in found], at_once, at, lambda row: (row.since, row.address_hash))


def iter_suppressed(workspace_id: UUID) -> Iterator[Suppressed]:
    """All of them, the oldest first; streamed."""
    values = {"workspace_id": workspace_id, "reason": None}
    for row in session().execute(_ALL, values, execution_options={"yield_per": 2_000}):
        yield _suppressed(row)


def count_suppressed(workspace_id: UUID) -> dict[Reason, int]:
    """How many by reason; every reason is there."""
    found = session().execute(_COUNT, {"workspace_id": workspace_id})
    return {**dict.fromkeys(Reason, 0), **{Reason(reason): count for reason, count in found}}


def _suppressed(row: Row[Any]) -> Suppressed:
    return Suppressed(
        bytes(row.address_hash), row.channel, Reason(row.reason), row.source, row.created_at, row.contact_id, row.key
    )  # fmt: skip
