"""G11: the machines' clocks are wrong by seconds, an hour, a day; only the database's counts."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.faults.checker import Books, Outcome, check
from tests.faults.script import Rule
from tests.faults.site import Site
from tests.support.workers import until

NAME = "G11"
SHORT = {"people": 100, "wrongs": ((90, -3600, 86400, -86400),), "rate": 60}
LONG = {
    "people": 600,
    "wrongs": (
        (90, -90, 90, -90),
        (3600, -3600, -3600, 3600),
        (-86400, 86400, 90, -86400),
        (0, -86400, 3600, 86400),
    ),
    "rate": 60,
}
SOON_SECONDS = 6.0
EARLY_SECONDS = 1.0
HOOK = {"PYTHONPATH": str(Path(__file__).with_name("hooks"))}


def run(site: Site, people: int, wrongs: tuple[tuple[int, int, int, int], ...], rate: float) -> Outcome:
    """A mailing is planned; scheduler, senders and two workers each believe another time."""
    outcome = Outcome()
    for wrong in wrongs:
        outcome.add(_believe(site, people, wrong, rate))
    site.stop("clock", "senders", "bulk1", "bulk2")
    return outcome


def _believe(site: Site, people: int, wrong: tuple[int, int, int, int], rate: float) -> Outcome:
    site.stop("clock", "senders", "bulk1", "bulk2")
    place = site.place(people)
    site.mail.behave(Rule("DOT", rate=rate))
    send_at = time.time() + SOON_SECONDS
    number = place.launch(send_at=datetime.fromtimestamp(send_at, UTC))
    for name, seconds in zip(("clock", "senders", "bulk1", "bulk2"), wrong, strict=True):
        site.start(name, name.rstrip("12"), FAULTS_CLOCK_SECONDS=str(seconds), **HOOK)
    until(lambda: site.is_over(number), 60 + people / rate, site.logs)
    outcome = check(site, [number])
    first = min(mail.wall for mails in Books(site, [number]).mails.values() for mail in mails)
    outcome.demand(first >= send_at - EARLY_SECONDS, f"it began {send_at - first:.1f} s too early")
    ((frozen,),) = site.query("SELECT frozen_at FROM mailings WHERE no = %s", number)
    early = datetime.fromtimestamp(send_at, UTC) - frozen
    outcome.demand(early <= timedelta(seconds=EARLY_SECONDS), f"its audience was made {early} too early")
    outcome.with_figure("began_seconds_after_its_time", first - send_at)
    return outcome
