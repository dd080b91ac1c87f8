"""Rings in Redis: shared between processes, and never more of them than help."""

from __future__ import annotations

from app.kernel.bell import ENOUGH, NAMESPACE, RedisBell, make_broker


def test_an_unheard_queue_holds_no_more_rings_than_help(servers):
    bell = RedisBell(servers.redis_url)
    client = bell._broker.client
    client.delete(f"{NAMESPACE}:deaf")
    for _ in range(ENOUGH + 20):
        bell.ring("deaf", "send_slice", "bulk")
    assert client.llen(f"{NAMESPACE}:deaf") == ENOUGH


def test_a_process_takes_one_ring_for_each_thread_and_leaves_the_rest_to_others(servers):
    broker = make_broker(servers.redis_url)
    broker.declare_queue("shared")
    # Dramatiq asks for two for each of its threads.
    for threads in (1, 4):
        assert broker.consume("shared", prefetch=2 * threads, timeout=5000).prefetch == threads


