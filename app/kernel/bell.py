"""The bell over Dramatiq: tells a worker to look, and gives up at once when Redis is away."""

from __future__ import annotations

import logging

import dramatiq
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.kernel import redis as kernel_redis
from app.kernel.rings import Broker

log = logging.getLogger(__name__)
NAMESPACE = "nod"
ENOUGH = 100
"""With so many rings unheard, one more tells nobody anything that the clock will not say again."""


def make_broker(redis_url: str, middleware: list[dramatiq.Middleware] | None = None) -> Broker:
    """A broker on our Redis; without middleware it only enqueues."""
    return Broker(  # type: ignore[no-untyped-call]  # Dramatiq's own has no types
        # A client of our own: the broker drops time limits that stand beside an address, and redis-py would
        # wait for seconds between its own retries while a request waits behind the ring.
        client=Redis.from_url(
            redis_url, socket_connect_timeout=0.5, socket_timeout=5.0, retry=Retry(NoBackoff(), 1)
        ),
        middleware=middleware or [],
        namespace=NAMESPACE,
    )


class RedisBell:
    """Rings by enqueuing a message that carries a name and nothing else."""

    def __init__(self, redis_url: str) -> None:
        self._broker = make_broker(redis_url)

    def ring(self, queue: str, actor: str, argument: str) -> None:
        """Enqueue; when Redis is away the workers' own poll finds the rows."""
        message: dramatiq.Message[None] = dramatiq.Message(
            queue_name=queue, actor_name=actor, args=(argument,), kwargs={}, options={}
        )

        def enqueue(_: object) -> bool:
            self._broker.declare_queue(queue)
            if self._broker.client.llen(f"{NAMESPACE}:{queue}") < ENOUGH:
                self._broker.enqueue(message)
            return True

        if kernel_redis.attempt(enqueue) is None:
            log.warning("Redis is away: nobody was woken for %s, the workers will look by themselves", queue)
