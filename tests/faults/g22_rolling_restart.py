"""G22: workers are asked to end, one after the other, and others take their place; nothing is in doubt."""

from __future__ import annotations

from tests.faults.checker import Outcome, check
from tests.faults.script import Rule
from tests.faults.site import Site
from tests.support.workers import until

NAME = "G22"
SHORT = {"people": 150, "restarts": 1, "rate": 25}
LONG = {"people": 3_000, "restarts": 20, "rate": 40}
DRAIN_SECONDS = 30.0


def run(site: Site, people: int, restarts: int, rate: float) -> Outcome:
    """SIGTERM, wait, start another."""
    place = site.place(people)
    names = site.start_all()
    site.mail.behave(Rule("DOT", rate=rate))
    number = place.launch()
    before, took = len(site.seen.copies), []
    for restart in range(restarts):
        until(lambda restart=restart: len(site.seen.copies) >= before + 10 * (restart + 1), 60, site.logs)
        site.nemesis.pause(0.3)
        name = names[restart % len(names)]
        took += site.drain(name, seconds=DRAIN_SECONDS + 10)
        site.start(name, "bulk")
    was_over = site.is_over(number)
    site.mail.behave()
    site.until_ended(number, seconds=120)
    outcome = check(site, [number])
    outcome.demand(not was_over, "all sent before the last restart")
    outcome.with_figure("longest_drain_seconds", max(took))
    outcome.demand(max(took) <= DRAIN_SECONDS, f"a worker took {max(took):.0f} s to end")
    return outcome
