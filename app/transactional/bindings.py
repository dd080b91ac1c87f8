"""What this room does when something happens elsewhere."""

from __future__ import annotations

from typing import Final

from app.delivery.events import MessagesFinished
from app.delivery.rules import MessageState
from app.transactional import service
from app.transactional.rules import MAIL

_OVER: Final = frozenset({MessageState.SENT.value, MessageState.SUPPRESSED.value})
"""Ends after which nobody can have it sent again."""


def forget_told(event: MessagesFinished) -> None:
    """What a program told goes with the mail."""
    if event.name == MAIL:
        over = [row.dedupe for row in event.rows if row.outcome in _OVER]
        if over:
            service.forget_data(over)
