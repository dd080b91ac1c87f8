"""G21: a dump taken in mid-mailing is restored elsewhere; who had it by then does not get it twice."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from app.delivery import service
from app.kernel.db import transaction
from tests.conftest import _drop, make_app, settings_for
from tests.faults.checker import Books, Outcome, is_lost
from tests.faults.script import Rule
from tests.faults.site import Site, make_database
from tests.support.workers import until

NAME = "G21"
SHORT = {"people": 150, "rate": 50}
LONG = {"people": 2_000, "rate": 60}
LATER = {"NOD_CLOCK_SHIFT_SECONDS": str(13 * 60)}
"""By then the leases of the machine that is gone are over."""


class NoProgram(Exception):
    """pg_dump and pg_restore that fit the server are not there."""


def run(site: Site, people: int, rate: float) -> Outcome:
    """Dump, send a little more, lose the machine, restore, go on.

    Raises:
        NoProgram: there is no pg_dump here.
    """
    place = site.place(people)
    site.start_all()
    site.mail.behave(Rule("DOT", rate=rate))
    number = place.launch()
    known = len(site.seen.copies)
    until(lambda: len(site.seen.copies) >= known + people // 3, 60, site.logs)
    dump = site.folder / f"dump-{number}"
    _run(site, "pg_dump", "--format=custom", f"--file={dump}", site.settings.database_url)
    dumped_at = time.time()
    until(lambda: len(site.seen.copies) >= known + people // 2, 60, site.logs)
    site.stop()
    site.mail.behave()
    return _go_on_elsewhere(site, place.id, number, dump, people, dumped_at)


def _go_on_elsewhere(
    site: Site, workspace_id, number: int, dump: Path, people: int, dumped_at: float
) -> Outcome:
    name = f"nod_restored_{number}_{site.mail.port}"
    url = make_database(site.servers, name)
    try:
        _run(site, "pg_restore", "--exit-on-error", f"--dbname={url}", str(dump))
        settings = settings_for(
            url, site.settings.redis_url, data_dir=str(site.folder / "elsewhere"), smtp_url=site.mail.url
        )
        app = make_app(settings)
        with app.app_context():
            other = Site(app, site.servers, site.mail, site.folder, site.nemesis)
            try:
                return _finish(other, workspace_id, number, people, dumped_at)
            finally:
                other.stop()
                other.let_go()
                other.acts.close()
    finally:
        _drop(site.servers, name)


def _finish(site: Site, workspace_id, number: int, people: int, dumped_at: float) -> Outcome:
    had = {
        n for (n,) in site.query("SELECT n FROM messages WHERE mailing_no = %s AND state = 'sent'", number)
    }
    site.start_all(**LATER)
    waits = site.has_waited(lambda: site.state(number) == "paused", 3.0)
    if waits:
        with transaction():
            service.resume(workspace_id, number)
    site.until_ended(number, seconds=120)
    books = Books(site, [number])
    outcome = Outcome(messages=len(books.rows), kills=1)
    outcome.lost = sum(is_lost(row, books) for row in books.rows)
    outcome.duplicates = sum(len(books.copies.get((number, n), ())) > 1 for n in had)
    outcome.unknown = sum(row.state == "unknown" for row in books.rows)
    again = sum(len(copies) > 1 for (_, n), copies in books.copies.items() if n not in had)
    outcome.with_figure("sent_in_the_dump", len(had))
    outcome.with_figure("sent_between_dump_and_loss_and_once_more", again)
    outcome.demand(outcome.lost == 0, f"{outcome.lost} lost")
    outcome.demand(len(books.rows) == people, f"{len(books.rows)} messages for {people} people")
    outcome.demand(outcome.duplicates == 0, f"{outcome.duplicates} who had it by the dump got it twice")
    outcome.demand(
        waits,
        "the restored mailing goes on by itself: it does not wait for a person, and nothing lists who is unknown",
    )
    return outcome


def _run(site: Site, program: str, *arguments: str) -> None:
    folder = site.servers.postgres.programs.folder
    found = folder / program if (folder / program).exists() else shutil.which(program)
    if not found:
        raise NoProgram(f"{program} is not on this machine")
    done = subprocess.run([str(found), *arguments], capture_output=True, text=True, check=False)
    if done.returncode and "server version" in done.stderr:
        raise NoProgram(done.stderr.strip())
    assert done.returncode == 0, done.stderr
