"""G10: a mailing is paused again and again; it stops at once, and goes on where it stood."""

from __future__ import annotations

import time

from app.delivery import service
from app.kernel.db import transaction
from tests.faults.checker import Outcome, check
from tests.faults.script import Rule
from tests.faults.site import Site
from tests.support.workers import until

NAME = "G10"
SHORT = {"people": 150, "pauses": 2, "rate": 80}
LONG = {"people": 3_000, "pauses": 25, "rate": 80}
STILL_SECONDS = 2.0
MAIL_SECONDS = 1.0


def run(site: Site, people: int, pauses: int, rate: float) -> Outcome:
    """After a pause is answered a begin for each connection may be under way, and no MAIL comes a second later."""
    place = site.place(people)
    site.start_all()
    site.mail.behave(Rule("DOT", rate=rate))
    number = place.launch()
    before, paused, outcome = len(site.seen.copies), [], Outcome()
    for index in range(pauses):
        wanted = before + people * (index + 1) // (pauses + 2)
        until(lambda wanted=wanted: len(site.seen.copies) >= wanted, 60, site.logs)
        site.nemesis.pause(0.3)
        with transaction():
            service.pause(place.id, number)
        answered = time.time()
        time.sleep(STILL_SECONDS + 0.3)
        resumed = time.time()
        with transaction():
            service.resume(place.id, number)
        paused.append((answered, resumed))
    site.until_ended(number, seconds=120)
    site.mail.behave()
    outcome = check(site, [number])
    begins = _begins(site, number)
    late = [[at for at in begins if start < at < end] for start, end in paused]
    mails = [mail.wall for mail in site.seen.mails]
    slow = sum(start + MAIL_SECONDS < wall < end for start, end in paused for wall in mails)
    connections = max(site.seen.max_open, 1)
    outcome.with_figure("most_begins_after_a_pause", max(len(found) for found in late))
    outcome.demand(
        max(map(len, late)) <= connections, f"{max(map(len, late))} begins after a pause was answered"
    )
    still = [at - start for (start, _), found in zip(paused, late, strict=True) for at in found]
    outcome.demand(max(still, default=0) <= STILL_SECONDS, "something began two seconds after a pause")
    outcome.demand(slow == 0, f"{slow} MAIL FROM a second after a pause")
    return outcome


def _begins(site: Site, number: int) -> list[float]:
    """When transactions began messages, by the wall clock."""
    return [
        at
        for (at,) in site.query(
            "SELECT CAST(extract(epoch FROM min(at)) AS float8) FROM fault_moves"
            " WHERE no = %s AND new = 'attempting' GROUP BY txid",
            number,
        )
    ]
