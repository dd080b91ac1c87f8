"""Case 45: whoever can write into Redis can make a worker look for work, and nothing else."""

from __future__ import annotations

import json
import pickle
from uuid import uuid4

import pytest

from app.kernel import redis
from app.kernel.rings import read
from tests.support.outbox import place_with_sender, wish
from tests.support.workers import until, worker


class Bomb:
    """Would write a file when it is unpickled."""

    def __reduce__(self):
        return (open, ("/nonexistent/nod-was-unpickled", "w"))


def message(**changes: object) -> dict[str, object]:
    made: dict[str, object] = {
        "queue_name": "system", "actor_name": "send_slice", "args": ["system"], "kwargs": {},
        "options": {"redis_message_id": str(uuid4())}, "message_id": str(uuid4()), "message_timestamp": 1,
    }  # fmt: skip
    return made | changes


def with_options(**options: object) -> dict[str, object]:
    return message(options={"redis_message_id": str(uuid4()), **options})


HOSTILE: dict[str, object] = {
    "unknown actor": message(actor_name="os.system"),
    "actor of Python": message(actor_name="__class__"),
    "actor that is no word": message(actor_name=["send_slice"]),
    "no arguments": message(args=[]),
    "too many arguments": message(args=["system", 30]),
    "arguments that are no list": message(args="system"),
    "an argument that is no word": message(args=[{"lane": "system"}]),
    "a number": message(args=[7]),
    "named arguments": message(args=[], kwargs={"lane": "system"}),
    "deadline as argument": message(kwargs={"deadline_seconds": 1e9}),
    "no options": message(options=None),
    "no id": message(options={}),
    "an id that is no word": message(options={"redis_message_id": {"a": 1}}),
    "a list": [1, 2, 3],
    "a word": "system",
    "nothing": None,
    "a lane that is none": message(args=["../../etc"]),
    "a job that is none": message(actor_name="run_job", args=["os.system"]),
    "deep": json.loads("[" * 400 + "]" * 400),
}
BYTES = [
    b"", b"{", b"\x80\x04.", b"null", b"\xff\xfe", b"[" * 100_000, b'{"actor_name":' + b'"x"' * 5000,
    pickle.dumps(Bomb()), pickle.dumps(message()),
]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in HOSTILE if "none" not in name and name != "unknown actor"])
def test_what_is_no_ring_is_not_read_as_one(name: str):
    _, ring = read(json.dumps(HOSTILE[name]).encode())
    assert ring is None or ring[0] == "__class__"


@pytest.mark.parametrize("raw", [*BYTES, None, 7])
def test_bytes_that_are_no_ring_are_not_read_as_one(raw: object):
    assert read(raw)[1] is None


def test_case_45_a_worker_outlives_a_hostile_queue(live, smtp):
    """Each hostile message alone and all at once; then a true ring is heard as fast as ever."""
    where = place_with_sender()
    client = redis.client()
    hostile = [json.dumps(found).encode() for found in HOSTILE.values()] + BYTES
    # Those that look right but for what Dramatiq itself acts on: their lane is real, so each may cost one look.
    hostile += [
        json.dumps(found).encode()
        for found in (
            message(queue_name="elsewhere"),
            with_options(eta=9e15),
            with_options(eta="soon"),
            with_options(retries=-1, max_retries=10**9, time_limit="x", pipe_target={"actor_name": "x"}),
            message(message_id=["no", "hash"]),
            message(message_timestamp="yesterday"),
            message(more="fields"),
        )
    ]
    with worker(live, smtp) as working:
        for queue in ("system", "jobs"):
            for raw in hostile:
                put(client, queue, raw)
            client.rpush(f"nod:{queue}", "an id without a message")
        until(lambda: not client.llen("nod:system") and not client.llen("nod:jobs"), 20, lambda: working.log)
        wished = wish(where)
        smtp.wait_for(1, seconds=4)
        until(lambda: wished.state == "sent", 5)
        assert working.is_alive
        assert "Traceback" not in working.log, working.log
        assert "critical" not in working.log.lower(), working.log
        assert "nod-was-unpickled" not in working.log
    assert len(smtp.copies) == 1


def put(client, queue: str, raw: bytes) -> None:
    """As Dramatiq lays a message down."""
    try:
        message_id = json.loads(raw)["options"]["redis_message_id"]
        key = message_id if isinstance(message_id, str) else str(uuid4())
    except (ValueError, TypeError, KeyError, RecursionError):
        key = str(uuid4())
    client.hset(f"nod:{queue}.msgs", key, raw)
    client.rpush(f"nod:{queue}", key)
