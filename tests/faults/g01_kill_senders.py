"""G1: workers are killed again and again while the server takes up to 200 ms for its last answer."""

from __future__ import annotations

from app.delivery import service
from app.kernel.db import transaction
from tests.faults.checker import Outcome, check
from tests.faults.script import Rule
from tests.faults.site import Site
from tests.support import mailing
from tests.support.workers import until

NAME = "G1"
SHORT = {"people": 120, "kills": 2}
LONG = {"people": 12_000, "kills": 60}


def run(site: Site, people: int, kills: int) -> Outcome:
    """Kill, look at the doubt, then let a person send what is in doubt."""
    place = site.place(people)
    site.mail.behave(Rule("DOT", delay=(0.0, 0.2)))
    before = len(site.seen.copies)
    names = site.start_all()
    number = place.launch()
    most, done = 0, 0
    for kill in range(kills):
        wanted = before + int(people * (kill + 0.5) / (kills * 2))
        until(lambda wanted=wanted: len(site.seen.copies) >= wanted or site.is_over(number), 90, site.logs)
        if site.is_over(number):
            break
        site.nemesis.pause(0.2)
        name = site.nemesis.chance.choice(names)
        most += site.nemesis.kill(site.processes.pop(name), site.mail.port)
        site.start(name, "bulk")
        done += 1
    site.mail.behave()
    site.until_ended(number, seconds=240)
    first = check(site, [number], kills=done, doubt=most)
    first.bound = most
    first.demand(done == kills, f"all sent before kill {done + 1}")
    doubt = first.unknown
    if doubt:
        with transaction():
            service.send_unknown(place.id, number)
        site.until_ended(number)
    second = check(site, [number], bound=doubt, doubt=0)
    first.duplicates = second.duplicates
    first.broken += second.broken
    first.demand(mailing.states(number) == {"sent": people}, "somebody is left without it")
    first.with_figure("in_doubt_before_they_were_sent_again", doubt)
    return first
