"""The queue in Redis, read with distrust: whoever can write there can only make a worker look for work.

A message is believed in two words, the actor and one argument. All else (queue, options, times, ids) is made
anew, because Dramatiq acts on it: a foreign queue name would end a worker thread, a far ``eta`` would fill its
prefetch for ever.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import Any

import dramatiq
import redis
from dramatiq.broker import Consumer
from dramatiq.brokers.redis import RedisBroker

log = logging.getLogger(__name__)

MAX_OCTETS = 4096
MAX_WORD = 100
ID = "redis_message_id"
LOOK_MS = 100
"""An idle worker looks at its queues at least so often."""


class Broker(RedisBroker):
    """Dramatiq's broker, which drops what is not a ring, and rings of which it has one in hand."""

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        """As Dramatiq's, which lets an idle worker sleep for up to a second: somebody waits before an inbox.

        It would also have each process hold two rings for each thread, half of them unheard while others are idle.
        """
        return super().consume(queue_name, max(1, prefetch // 2), min(timeout, LOOK_MS))

    def do_fetch(self, queue_name: str, count: int) -> list[bytes]:
        """Messages of a queue as clean bytes; the rest is taken out of Redis.

        Raises:
            redis.ConnectionError: Redis is away; Dramatiq waits and asks again.
        """
        try:
            found: Iterable[Any] = super().__getattr__("do_fetch")(queue_name, count)  # type: ignore[no-untyped-call]
        except redis.TimeoutError as error:
            raise redis.ConnectionError(str(error)) from error
        rings: dict[tuple[str, str], bytes] = {}
        for raw in found:
            message_id, ring = read(raw)
            if ring is None or ring[0] not in self.actors:
                log.warning("queue %s held something that is no ring of ours, it was dropped", queue_name)
                self.do_ack(queue_name, message_id)
            elif ring in rings:
                self.do_ack(queue_name, message_id)
            else:
                rings[ring] = _message(queue_name, ring, message_id).encode()
        return list(rings.values())

    def do_ack(self, queue_name: str, message_id: str) -> None:
        """Take a message out of Redis; with Redis away it may ring a second time, which does no harm."""
        try:
            super().__getattr__("do_ack")(queue_name, message_id)  # type: ignore[no-untyped-call]
        except redis.RedisError:
            log.info("Redis is away: a ring may come twice")

    def do_nack(self, queue_name: str, message_id: str) -> None:
        """As ``do_ack``: a ring that failed is not worth keeping, the rows are still due."""
        self.do_ack(queue_name, message_id)


def read(raw: object) -> tuple[str, tuple[str, str] | None]:
    """The id of a message as far as it has one, and its actor and argument; None: it is no ring."""
    if not isinstance(raw, bytes) or len(raw) > MAX_OCTETS:
        return "", None
    try:
        fields = json.loads(raw)
        actor, arguments, options = fields["actor_name"], fields["args"], fields["options"]
        message_id = options[ID]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "", None
    if not _is_word(message_id):
        return "", None
    is_ring = isinstance(arguments, list) and len(arguments) == 1 and fields.get("kwargs") == {}
    if not is_ring or not _is_word(actor) or not _is_word(arguments[0]):
        return message_id, None
    return message_id, (actor, arguments[0])


def _is_word(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_WORD


def _message(queue_name: str, ring: tuple[str, str], message_id: str) -> dramatiq.Message[None]:
    return dramatiq.Message(
        queue_name=queue_name,
        actor_name=ring[0],
        args=(ring[1],),
        kwargs={},
        options={ID: message_id},
        message_id=message_id,
    )
