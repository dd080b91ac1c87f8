"""Keyset pages: stable under inserts, equally fast on the first and the last one."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
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
