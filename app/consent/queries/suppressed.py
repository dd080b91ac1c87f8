"""Who must not be written to: the list, page by page and whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text

from app.consent.rules import Reason
from app.kernel.db import session
from app.kernel.errors import BadRequest
from app.kernel.paging import Page, decode_cursor, encode_cursor

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
_LAST = "9999-12-31T00:00:00+00:00"


def list_suppressed(
    workspace_id: UUID, reason: Reason | None = None, cursor: str = "", at_once: int = 0
) -> Page[Suppressed]:
    """Addresses that must not be written to, the newest first; ``at_once`` or else ROWS of them."""
    at_once = at_once or ROWS
    way, at, last = decode_cursor(cursor, str, str, str) if cursor else ("older", _LAST, "ff" * 33)
    try:
        moment, position = datetime.fromisoformat(at), bytes.fromhex(last)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or way not in {"older", "newer"}:
        raise BadRequest("That page link is not whole. Go back to the first page.")
    values = {"workspace_id": workspace_id, "reason": reason, "at": moment, "hash": position, "limit": at_once + 1}
    found = [_suppressed(row) for row in session().execute(_NEWER if way == "newer" else _OLDER, values)]
    more, rows = len(found) > at_once, found[:at_once]
    if way == "newer":
        rows.reverse()
    has_newer, has_older = (more, True) if way == "newer" else (bool(cursor), more)
    return Page(
        rows,
        next_cursor=_cursor("older", rows[-1]) if rows and has_older else None,
        previous_cursor=_cursor("newer", rows[0]) if rows and has_newer else None,
    )


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


def _cursor(way: str, row: Suppressed) -> str:
    return encode_cursor(way, row.since.isoformat(), row.address_hash.hex())
