"""Who a message was for: a higher room knows, and says so here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Recipient(NamedTuple):
    """Whose message it was, when its hand-over to the mail server began, and when the server had it.

    ``first_at``: before that no copy of it can have been read; None: an earlier hand-over may have arrived.
    """

    workspace_id: UUID
    contact_id: UUID
    began_at: datetime | None
    ended_at: datetime | None
    first_at: datetime | None


Number = tuple[int, int]
"""A message: mailing and number within it."""
Resolver = Callable[[Collection[Number]], Mapping[Number, Recipient]]
"""The recipients of these messages; messages to nobody we know are missing. One query, in the caller's transaction."""

_resolver: Resolver | None = None


def set_resolver(resolver: Resolver) -> None:
    """Whoever keeps the messages tells here how to find whom they were for."""
    global _resolver
    _resolver = resolver


def resolve(numbers: Collection[Number]) -> Mapping[Number, Recipient]:
    """The recipients of these messages.

    Raises:
        RuntimeError: nobody has told how to find them.
    """
    if not numbers:
        return {}
    if _resolver is None:
        raise RuntimeError("No room has told tracking whom messages were for.")
    return _resolver(numbers)
