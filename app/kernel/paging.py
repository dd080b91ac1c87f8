"""Keyset pages: stable under inserts, equally fast on the first and the last one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

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
    """The position after a row, as opaque text; values are strings, numbers or None."""
    return base64.urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).rstrip(b"=").decode()


def decode_cursor(cursor: str, *types: type) -> tuple[Any, ...]:
    """The values of a cursor.

    Raises:
        BadRequest: not one of ours.
    """
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, UnicodeDecodeError):
        raise BadRequest("That page link is not whole. Go back to the first page.") from None
    if (
        not isinstance(values, list)
        or len(values) != len(types)
        or not all(isinstance(value, kind) for value, kind in zip(values, types, strict=True))
    ):
        raise BadRequest("That page link is not whole. Go back to the first page.")
    return tuple(values)


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
