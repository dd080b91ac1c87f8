"""G15: who takes a file of people in is killed again and again; every row comes in once."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from app.imports import service
from app.imports.rules import Permission, Plan
from app.kernel.db import transaction
from tests.bench.importing import file_of
from tests.conftest import environment_of
from tests.faults.checker import Outcome
from tests.faults.site import Site
from tests.support import make
from tests.support.workers import Process, until

NAME = "G15"
SHORT = {"rows": 1_000, "kills": 2, "slices": 50}
LONG = {"rows": 1_000_000, "kills": 10, "slices": 5_000}
"""Two processes die at each kill."""
# The work of the job, which is otherwise asked for again some seconds after its process is gone.
WORK = """
import sys
from app import create_app
from app.config import Settings
from app.imports import jobs, staging
staging.READ_AT_ONCE, staging.TAKE_AT_ONCE = 2 * int(sys.argv[1]), int(sys.argv[1])
with create_app(Settings.from_env(), for_workers=True).app_context():
    print("begun", flush=True)
    while True:
        jobs.run()
"""
_COUNTS = """
SELECT (SELECT count(*) FROM contacts WHERE workspace_id = %s), (SELECT count(DISTINCT key) FROM addresses WHERE workspace_id = %s),
 (SELECT count(*) FROM consent_events WHERE workspace_id = %s AND kind = 'imported'),
 (SELECT count(DISTINCT contact_id) FROM permissions WHERE workspace_id = %s AND state = 'yes'),
 (SELECT count(*) FROM import_rows WHERE import_id = %s)
"""


def run(site: Site, rows: int, kills: int, slices: int) -> Outcome:
    """Half of the kills while the file is read, half while it is taken."""
    site.stop()
    outcome = Outcome(messages=rows)
    place = make.place()
    permission = Permission((place.interests[0].id,), "Yes.", "From our book.", "the shop", "2026-05-01")
    with transaction():
        import_id = service.upload(place.id, "people.csv", io.BytesIO(file_of(rows)), by=place.owner_id)
        plan = Plan(("email", "first_name", "last_name", "language"), permission=permission)
        service.start_reading(place.id, import_id, plan)
    outcome.kills += _killed_until(site, import_id, "checked", kills // 2, slices)
    with transaction():
        service.take(place.id, import_id, by=place.owner_id)
    outcome.kills += _killed_until(site, import_id, "done", kills - kills // 2, slices)
    ((people, mailboxes, events, permitted, left),) = site.query(_COUNTS, *[place.id] * 4, import_id)
    outcome.lost = rows - mailboxes
    outcome.duplicates = people - mailboxes
    outcome.demand((people, mailboxes) == (rows, rows), f"{people} people and {mailboxes} mailboxes of {rows} rows")
    outcome.demand((events, permitted) == (rows, rows), f"{events} claims and {permitted} permissions")
    outcome.demand(left == 0, f"{left} rows are left in the stage")
    outcome.demand(outcome.kills >= kills, "too quick to be killed")
    return outcome


def _killed_until(site: Site, import_id: UUID, wanted: str, kills: int, slices: int) -> int:
    """So many at random moments of it, as long as it is not done; how many died."""
    killed = 0
    for wait in range(kills):
        with _workers(site, slices, 2) as workers:
            site.nemesis.pause(0.3 + wait / 5)  # so that also a slow machine comes to the end
            if _state(site, import_id) == wanted:
                break
            for worker in workers:
                worker.kill()
                killed += 1
    with _workers(site, slices, 1):
        until(lambda: _state(site, import_id) == wanted, 1_800, lambda: _state(site, import_id))
    return killed


@contextmanager
def _workers(site: Site, slices: int, count: int) -> Iterator[list[Process]]:
    command, environment = ("-c", WORK, str(slices)), environment_of(site.settings)
    workers = [Process(command, environment) for _ in range(count)]
    try:
        for worker in workers:
            worker.wait_for("begun")
        yield workers
    finally:
        for worker in workers:
            worker.close()


def _state(site: Site, import_id: UUID) -> str:
    return str(site.query("SELECT state FROM imports WHERE id = %s", import_id)[0][0])
