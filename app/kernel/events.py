"""Events between domains: handlers run at once, in the same transaction, and their failure fails it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

Handler = Callable[[Any], None]
_handlers: dict[type, list[Handler]] = defaultdict(list)


def subscribe(event_type: type, handler: Handler) -> None:
    """Call ``handler`` for each published event of exactly this type; a second time changes nothing."""
    if handler not in _handlers[event_type]:
        _handlers[event_type].append(handler)


def publish(event: object) -> None:
    """Tell everyone who subscribed; what may happen later belongs into a job instead."""
    for handler in _handlers[type(event)]:
        handler(event)
