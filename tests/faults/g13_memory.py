"""G13: a worker's memory does not grow with the audience, and neither does that of whoever makes the audience."""

from __future__ import annotations

import time
from pathlib import Path

from app.delivery import service
from app.kernel.db import transaction
from tests.faults.checker import Outcome, check
from tests.faults.nemesis import members
from tests.faults.site import Site
from tests.support.workers import Process, until

NAME = "G13"
SHORT = {"people": 1_000, "sent": 450, "slope": 6.0}
LONG = {"people": 100_000, "sent": 12_000, "slope": 12.0}
MOST_MEGABYTES = 256.0


def run(site: Site, people: int, sent: int, slope: float) -> Outcome:
    """Begin a mailing to many, send some, cancel it; memory is read from the kernel.

    Args:
        site: where.
        people: the audience.
        sent: so many are sent before it is cancelled.
        slope: megabytes that a worker may grow by between a third of them and all.
    """
    place = site.place(people)
    site.stop("bulk1", "bulk2")
    site.start_all(workers=1)
    site.mail.behave()
    small = site.place(20)
    site.until_ended(small.launch())
    workers, makers = site.processes["bulk1"], site.processes["senders"]
    before = peak(makers)
    began = time.monotonic()
    number = place.launch()
    until(lambda: site.state(number) == "running", 300, site.logs)
    frozen = time.monotonic() - began
    grown = peak(makers) - before
    known = len(site.seen.copies)
    until(lambda: len(site.seen.copies) >= known + sent // 3, 300, site.logs)
    early = resident(workers)
    until(lambda: len(site.seen.copies) >= known + sent, 300, site.logs)
    late = resident(workers)
    with transaction():
        service.cancel(place.id, number)
    site.until_ended(number, seconds=120)
    outcome = check(site, [number])
    outcome.with_figure("freeze_seconds", frozen)
    outcome.with_figure("worker_megabytes", peak(workers), 0)
    outcome.with_figure("worker_growth_megabytes", late - early, 1)
    outcome.with_figure("freeze_growth_megabytes", grown, 1)
    outcome.demand(peak(workers) <= MOST_MEGABYTES, f"a worker took {peak(workers):.0f} MB")
    outcome.demand(late - early <= slope, f"a worker grew by {late - early:.0f} MB")
    outcome.demand(grown <= 32, f"making the audience took {grown:.0f} MB")
    return outcome


def resident(process: Process) -> float:
    """Megabytes of the largest process of a group now."""
    return _largest(process, "VmRSS:")


def peak(process: Process) -> float:
    """Megabytes of the largest process of a group at most until now."""
    return _largest(process, "VmHWM:")


def _largest(process: Process, word: str) -> float:
    lines = [
        line for pid in members(process) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    ]
    return max(int(line.split()[1]) / 1024 for line in lines if line.startswith(word))
