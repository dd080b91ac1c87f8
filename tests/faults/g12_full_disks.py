"""G12: the senders' folder is full, and so is the database's volume; nothing is half done, and it goes on by itself."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from app.local.servers import throwaway_servers
from tests.faults import readers
from tests.faults.checker import Books, Outcome, check
from tests.faults.disks import CannotMount, fill, small_disk
from tests.faults.script import Rule
from tests.faults.site import Site, make_template
from tests.faults.site import site as make_site
from tests.support import mailing, signup
from tests.support.workers import until

NAME = "G12"
SHORT = {"people": 60, "database_megabytes": 0}
LONG = {"people": 600, "database_megabytes": 400}
BACK_SECONDS = 60.0
FULL = {503, 507}


def run(site: Site, people: int, database_megabytes: int) -> Outcome:
    """First the folder of journals, then (0: not) the volume of PostgreSQL.

    Raises:
        CannotMount: no small file system can be made here.
    """
    outcome = _journals(site, people)
    if database_megabytes:
        outcome.add(_database(site, people, database_megabytes))
    return outcome


def _journals(site: Site, people: int) -> Outcome:
    """A sender that cannot write its journal begins nothing."""
    place = site.place(people)
    site.stop("bulk1", "bulk2")
    site.start_all(workers=0)
    site.mail.behave(Rule("DOT", rate=100))
    with small_disk(site.folder / "small", 1) as folder:
        ballast = fill(folder)
        site.start("full", "bulk", NOD_DATA_DIR=str(folder))
        number = place.launch()
        until(lambda: mailing.states(number), 20, site.logs)
        site.has_waited(lambda: False, 3.0)
        begun = len(Books(site, [number]).mails)
        ballast.unlink()
        freed = time.monotonic()
        site.until_ended(number, seconds=BACK_SECONDS + people / 20)
        site.stop("full")
    outcome = check(site, [number])
    outcome.demand(begun == 0, f"{begun} mails were begun without a journal")
    outcome.with_figure("journal_back_seconds", time.monotonic() - freed)
    return outcome


def _database(site: Site, people: int, megabytes: int) -> Outcome:
    """A PostgreSQL of its own on a small volume, which fills up in mid-mailing while people sign up."""
    with (
        # Not below our own folder, which the account that PostgreSQL runs as may not enter.
        TemporaryDirectory(prefix="nod-volume-", dir="/var/tmp") as mount,
        small_disk(Path(mount), megabytes) as folder,
        throwaway_servers(folder, fast=False) as servers,
    ):
        if not servers.postgres.place.folder.is_relative_to(folder):
            raise CannotMount(f"PostgreSQL's data lie in {servers.postgres.place.folder}")
        apart = site.folder / "apart"
        apart.mkdir()
        with make_site(servers, make_template(servers), apart, site.nemesis.seed) as own:
            return _fill_up(own, people, folder)


def _fill_up(site: Site, people: int, folder: Path) -> Outcome:
    place, stage = site.place(people), signup.stage()
    port = site.start_web(**readers.BEHIND_PROXY)
    names = [*site.start_all(), "senders", "clock"]
    site.mail.behave(Rule("DOT", rate=40))
    number = place.launch()
    until(lambda: len(site.seen.copies) >= people // 10, 60, site.logs)
    ballast = fill(folder)
    answers = []
    for count in range(40):
        fields = stage.fields(f"full{count}@form.example")
        answers.append(readers.post(port, stage.url, fields, f"198.51.100.{count}"))
        time.sleep(0.1)
    ballast.unlink()
    freed = time.monotonic()
    if (
        not site.servers.postgres.is_running()
    ):  # it gives up where it cannot write its log; whoever runs it starts it
        site.servers.postgres.stop()
        site.servers.postgres.start()
    known = len(site.seen.copies)
    until(lambda: len(site.seen.copies) > known or site.is_over(number), BACK_SECONDS + 5, site.logs)
    back = time.monotonic() - freed
    site.mail.behave()
    site.until_ended(number, seconds=120)
    outcome = check(site, [number], doubt=site.seen.max_open)
    outcome.demand(back <= BACK_SECONDS, f"sending went on only after {back:.0f} s")
    strange = [answer for answer in answers if answer not in FULL | {303, 0}]
    outcome.demand(not strange, f"on a full volume the web answered {sorted(set(strange))}")
    outcome.with_figure("refused_while_full", sum(answer in FULL for answer in answers))
    with psycopg.connect(site.settings.database_url) as connection:
        ((kept,),) = connection.execute(
            "SELECT count(*) FROM addresses WHERE workspace_id = %s", [stage.place.id]
        ).fetchall()
    outcome.demand(
        kept == answers.count(303), f"{kept} sign-ups are kept, {answers.count(303)} were answered"
    )
    outcome.with_figure("database_back_seconds", back)
    dead = [name for name in names if not site.processes[name].is_alive]
    outcome.demand(not dead, f"{dead} had to be started again")
    return outcome
