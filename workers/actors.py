"""What a ring starts. There are no retries: a row that is still due is found by the next ring."""

from __future__ import annotations

import dramatiq

from app.delivery.rules import Lane
from app.kernel import jobs
from workers import work

# A slice takes new messages for half a minute, and its last one may wait ten minutes for the final answer, after
# several for the steps before. The limit is far above, for it strikes in the middle of whatever is being done.
TIME_LIMIT_MS = 60 * 60 * 1000


@dramatiq.actor(actor_name=jobs.SEND_SLICE, queue_name=Lane.SYSTEM.value, time_limit=TIME_LIMIT_MS)
def send_slice(lane: str) -> None:
    """Send what is due in a lane, and ring again while something is left."""
    if work.send(lane):
        jobs.ring_now(lane, jobs.SEND_SLICE, lane)


# The worker finds an actor by its name, whatever queue the message lay in: one actor serves every lane, and a
# lane only needs its queue to be listened to.
dramatiq.get_broker().declare_queue(Lane.BULK.value)


@dramatiq.actor(actor_name=jobs.RUN_JOB, queue_name=jobs.JOBS_QUEUE, time_limit=TIME_LIMIT_MS)
def run_job(name: str) -> None:
    """Run a job, unless it is running or was run a moment ago."""
    work.run_job(name)
