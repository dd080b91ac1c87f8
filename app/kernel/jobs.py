"""Jobs: named work that may happen later. The tables say what is due; a ring only says "look now".

A ring carries no data and no promise: a lost one costs seconds and loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

JOBS_QUEUE = "jobs"
RUN_JOB = "run_job"
SEND_SLICE = "send_slice"


@dataclass(frozen=True, slots=True)
class Job:
    """Work known by name.

    Args:
        name: ``domain.verb``.
        run: does what is due now, in its own transactions, and may be called at any time.
        every_seconds: how often the scheduler asks for it; None: only when rung.
        is_rung: people's acts ring for it too, and somebody waits for what it does.
    """

    name: str
    run: Callable[[], None]
    every_seconds: int | None = None
    is_rung: bool = False


class Bell(Protocol):
    """Something that can wake a worker."""

    def ring(self, queue: str, actor: str, argument: str) -> None:
        """Wake ``actor`` on ``queue``; never raises, never waits long."""


class SilentBell:
    """For processes that wake nobody (commands, tests)."""

    def ring(self, queue: str, actor: str, argument: str) -> None:
        """Do nothing."""


_bell: Bell = SilentBell()
_jobs: dict[str, Job] = {}


def install_bell(bell: Bell) -> None:
    """Choose the bell of this process."""
    global _bell
    _bell = bell


def register(job: Job) -> None:
    """Make a job known; names are unique."""
    known = _jobs.setdefault(job.name, job)
    if known != job:
        raise ValueError(f"Two jobs are named {job.name}.")


def get(name: str) -> Job | None:
    """The job of that name, if any."""
    return _jobs.get(name)


def all_jobs() -> tuple[Job, ...]:
    """Every job known, in the order of the registry."""
    return tuple(_jobs.values())


def ring_lane(lane: str) -> None:
    """After commit, wake the senders of a lane (each lane is a queue of that name)."""
    _remember(lane, SEND_SLICE, lane)


def ring_job(name: str) -> None:
    """After commit, wake the job of that name."""
    _remember(JOBS_QUEUE, RUN_JOB, name)


def _remember(queue: str, actor: str, argument: str) -> None:
    from app.kernel.db import session  # the database module calls us back after commit

    session().info.setdefault("rings", {})[(queue, actor, argument)] = True


def forget_rings(info: MutableMapping[Any, Any]) -> None:
    """What was rolled back rings nobody."""
    info.pop("rings", None)


def ring_all(info: MutableMapping[Any, Any]) -> None:
    """Ring what was asked for in the transaction that has just been committed."""
    for queue, actor, argument in info.pop("rings", {}):
        _bell.ring(queue, actor, argument)


def ring_now(queue: str, actor: str, argument: str) -> None:
    """Ring without a transaction, for the scheduler and for slices that found more to do."""
    _bell.ring(queue, actor, argument)
