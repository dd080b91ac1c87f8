"""Fewer people than the interests give: a mailing keeps what a room above says, and that room turns it into SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

Narrow = Callable[[UUID, Mapping[str, Any]], tuple[str, dict[str, Any]]]
_narrow: Narrow | None = None


def install(narrow: Narrow) -> None:
    """Let this one tell whom a mailing's ``narrowing`` means.

    Args:
        narrow: gives for (workspace, what the mailing keeps) a SELECT of contact ids and what it binds beside
            ``workspace_id`` and ``now``; raises a ``Problem`` where it means nobody any more.
    """
    global _narrow
    _narrow = narrow


def people_sql(workspace_id: UUID, told: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The SELECT, and what it binds.

    Raises:
        Problem: it cannot be told, in words for people.
    """
    if _narrow is None:
        raise RuntimeError("Nobody tells whom a mailing is narrowed to.")
    return _narrow(workspace_id, told)
