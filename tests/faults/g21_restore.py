"""G21: a dump taken in mid-mailing is restored elsewhere; the mailing waits, and nobody gets it twice unasked."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from uuid import UUID

from app.delivery import queries, service
from app.kernel.db import transaction
from tests.conftest import _drop, make_app, settings_for
from tests.faults.checker import Books, Outcome, check
from tests.faults.script import Rule
from tests.faults.site import Site, make_database
from tests.support.workers import until

NAME = "G21"
SHORT = {"people": 150, "rate": 25, "witnesses": ("redis",)}
LONG = {"people": 2_000, "rate": 60, "witnesses": ("redis", "folder", "nobody")}
REST_SECONDS = 40.0


class NoProgram(Exception):
    """pg_dump and pg_restore that fit the server are not there."""


def run(site: Site, people: int, rate: float, witnesses: tuple[str, ...]) -> Outcome:
    """Dump, send a little more, lose the machine, restore, let a person decide.

    Args:
        site: where.
        people: how many, each time.
        rate: of the mail server while the dump is taken.
        witnesses: who still knows how far the installation had come: redis, folder, nobody (an empty machine).

    Raises:
        NoProgram: there is no pg_dump here.
    """
    outcome = Outcome()
    for witness in witnesses:
        # The copy that was restored goes on under the same name: from now on this one is another installation.
        site.query("DELETE FROM installation RETURNING id")
        outcome.add(_lose(site, people, rate, witness))
    return outcome


def _lose(site: Site, people: int, rate: float, witness: str) -> Outcome:
    place = site.place(people)
    site.start_all()
    site.mail.behave(Rule("DOT", rate=rate))
    number = place.launch()
    known = len(site.seen.copies)
    until(lambda: len(site.seen.copies) >= known + people // 3, 60, site.logs)
    dump = site.folder / f"dump-{number}"
    _run(site, "pg_dump", "--format=custom", f"--file={dump}", site.settings.database_url)
    # At least one beat later: what is lost within one is not noticed.
    beat = site.query("SELECT beat FROM installation")[0][0]
    wanted = len(site.seen.copies) + people // 6
    until(lambda: site.query("SELECT beat FROM installation")[0][0] > beat, 60, site.logs)
    until(lambda: len(site.seen.copies) >= min(wanted, known + people - 20), 60, site.logs)
    site.stop()
    site.mail.behave()
    if witness != "redis":
        site.nemesis.empty_redis()
    folder = site.settings.data_dir if witness == "folder" else str(site.folder / f"elsewhere-{number}")
    return _go_on_elsewhere(site, place.id, number, dump, folder)


def _go_on_elsewhere(site: Site, workspace_id: UUID, number: int, dump: Path, data_dir: str) -> Outcome:
    name = f"nod_restored_{number}_{site.mail.port}"
    url = make_database(site.servers, name)
    try:
        _run(site, "pg_restore", "--exit-on-error", f"--dbname={url}", str(dump))
        settings = settings_for(
            url, site.settings.redis_url, data_dir=data_dir, smtp_url=site.mail.url
        )
        app = make_app(settings)
        with app.app_context():
            other = Site(app, site.servers, site.mail, site.folder, site.nemesis)
            try:
                return _finish(other, workspace_id, number)
            finally:
                other.stop()
                other.let_go()
                other.acts.close()
    finally:
        _drop(site.servers, name)


def _finish(site: Site, workspace_id: UUID, number: int) -> Outcome:
    had = _numbers(site, number, "sent")
    copies = len(site.seen.copies)
    site.start_all(workers=1)
    waits = site.has_waited(lambda: site.state(number) == "paused" and bool(_numbers(site, number, "unknown")), REST_SECONDS)
    alone = site.has_waited(lambda: len(site.seen.copies) > copies, 2.0)
    outcome = Outcome()
    outcome.demand(waits and not alone, "the restored mailing goes on by itself")
    outcome.demand(bool(queries.restore_words()), "nobody is told that the database was restored")
    if not waits:
        return outcome
    # Whoever was sent theirs between dump and loss is among the unknown, and going on gives nobody a second copy.
    listed = _numbers(site, number, "unknown")
    lost_track = {n for (no, n), _ in Books(site, [number]).copies.items() if no == number} - had
    outcome.demand(lost_track <= listed, f"{len(lost_track - listed)} who may have it are not listed")
    site.has_waited(lambda: _is_listed(site, number), 60)
    with transaction():
        service.resume(workspace_id, number)
    site.until_ended(number, seconds=120)
    outcome.demand(len(site.seen.copies) == copies, "going on sent what was in doubt")
    with transaction():
        service.send_unknown(workspace_id, number)
    site.until_ended(number, seconds=120)
    judged = check(site, [number], kills=1, bound=len(lost_track), doubt=0)
    # What had begun before the loss was forgotten with the database.
    judged.broken = [words for words in judged.broken if not words.startswith("I3")]
    outcome.add(judged)
    twice = {n for (_, n), found in Books(site, [number]).copies.items() if len(found) > 1}
    outcome.demand(not twice & had, f"{len(twice & had)} who had it by the dump got it twice")
    outcome.demand(bool(had) and bool(lost_track), "the dump was not taken in mid-mailing")
    outcome.with_figure("sent_in_the_dump", len(had))
    outcome.with_figure("sent_between_dump_and_loss", len(lost_track))
    outcome.with_figure("listed_as_unknown", len(listed))
    return outcome


def _is_listed(site: Site, number: int) -> bool:
    return site.query("SELECT again IS NULL FROM mailings WHERE no = %s", number) == [(True,)]


def _numbers(site: Site, number: int, state: str) -> set[int]:
    query = "SELECT n FROM messages WHERE mailing_no = %s AND state = %s"
    return {n for (n,) in site.query(query, number, state)}


def _run(site: Site, program: str, *arguments: str) -> None:
    folder = site.servers.postgres.programs.folder
    found = folder / program if (folder / program).exists() else shutil.which(program)
    if not found:
        raise NoProgram(f"{program} is not on this machine")
    done = subprocess.run([str(found), *arguments], capture_output=True, text=True, check=False)
    if done.returncode and "server version" in done.stderr:
        raise NoProgram(done.stderr.strip())
    assert done.returncode == 0, done.stderr
