"""Keyset pages: stable under inserts, equally fast on the first and the last one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from app.kernel.errors import BadRequest

Row = TypeVar("Row")
MAX_PAGE = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page: its rows, and the cursors of its neighbours (None: there is none)."""

    rows: Sequence[Row]
    next_cursor: str | None
    previous_cursor: str | None = None


def encode_cursor(*values: Any) -> str:
    """The position after a row, as opaque text; values are strings, numbers, moments, ids, bytes or None."""
    written = json.dumps(values, separators=(",", ":"), default=_write)
    return base64.urlsafe_b64encode(written.encode()).rstrip(b"=").decode()


def _write(value: datetime | UUID | bytes) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)


def _moment(raw: str) -> datetime:
    found = datetime.fromisoformat(raw)
    if found.tzinfo is None:
        raise ValueError("a moment without its zone")
    return found


def _words(raw: str) -> str:
    if "\x00" in raw:
        raise ValueError("PostgreSQL has no text with a zero in it")
    raw.encode()  # half of a pair of surrogates is no text either
    return raw


_READ: Final[dict[Any, Callable[[str], Any]]] = {str: _words, datetime: _moment, UUID: UUID, bytes: bytes.fromhex}


def decode_cursor(cursor: str, *types: type) -> tuple[Any, ...]:
    """The values of a cursor, each of its type: text, a number, a moment with its zone, an id or bytes.

    Raises:
        BadRequest: not one of ours.
    """
    try:
        values = _read(json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))), list)
        return tuple(_read(value, kind) for value, kind in zip(values, types, strict=True))
    except (ValueError, RecursionError):
        raise BadRequest("That page link is not whole. Go back to the first page.") from None


def _read(value: Any, kind: type) -> Any:
    read = _READ.get(kind)
    is_of_kind = type(value) is (str if read else kind)  # True is an int to isinstance, and none to PostgreSQL
    if not is_of_kind:
        raise ValueError("a value of another kind")
    return read(value) if read else value


@dataclass(frozen=True, slots=True)
class Position:
    """Behind which row a page begins; ``is_back``: before which one it ends."""

    is_back: bool
    values: tuple[Any, ...]


def read_position(cursor: str, *types: type) -> Position | None:
    """The position of a cursor of ``turn``; None for the first page.

    Raises:
        BadRequest: not one of ours.
    """
    if not cursor:
        return None
    is_back, *values = decode_cursor(cursor, bool, *types)
    return Position(is_back, tuple(values))


def turn(
    rows: Sequence[Row], limit: int, at: Position | None, key: Callable[[Row], tuple[Any, ...]]
) -> Page[Row]:
    """A page with the cursors of its neighbours.

    Args:
        rows: up to ``limit`` + 1 from the position on, those of a page that goes back in their turned order.
        limit: rows of a page.
        at: where it begins.
        key: what a row's position is made of.
    """
    is_back, has_more, found = at is not None and at.is_back, len(rows) > limit, list(rows[:limit])
    if is_back:
        found.reverse()
    if not found:
        return Page(found, None)
    after = encode_cursor(False, *key(found[-1])) if has_more or is_back else None
    before = encode_cursor(True, *key(found[0])) if (has_more if is_back else at is not None) else None
    return Page(found, after, before)
