"""G4: PostgreSQL crashes again and again; what was acknowledged is there, and all go on by themselves."""

from __future__ import annotations

import time

from sqlalchemy.exc import OperationalError

from app.consent import service as consent
from app.consent.rules import By, Proof
from app.kernel.db import transaction
from tests.faults import readers
from tests.faults.checker import Outcome, check
from tests.faults.script import Rule
from tests.faults.site import Site
from tests.support.workers import until

NAME = "G4"
SHORT = {"people": 200, "crashes": 2, "rate": 50}
LONG = {"people": 4_000, "crashes": 20, "rate": 60}
BACK_SECONDS = 10.0


def run(site: Site, people: int, crashes: int, rate: float) -> Outcome:
    """Somebody leaves before each crash; whoever was told so is not written to, and stays out."""
    place = site.place(people)
    names = [*site.start_all(), "senders", "clock"]
    site.mail.behave(Rule("DOT", rate=rate))
    leavers = readers.permissions(site, place.id)
    number = place.launch()
    before, left, backs, most = len(site.seen.copies), [], [], 0
    for crash in range(crashes):
        wanted = before + people * (crash + 1) // (crashes + 2)
        until(lambda wanted=wanted: len(site.seen.copies) >= wanted, 90, site.logs)
        contact_id, _ = leavers.pop()
        if _withdraw(site, place, contact_id):
            left.append(contact_id)
        site.let_go()
        most += site.seen.max_open
        site.nemesis.crash_postgres(site.servers.postgres, 1.0, lambda: None)
        backs.append(_seconds_until_more(site, number))
    site.mail.behave()
    site.until_ended(number, seconds=120)
    outcome = check(site, [number], kills=crashes, doubt=most)
    outcome.bound = most
    outcome.with_figure("longest_way_back_seconds", max(backs))
    outcome.demand(max(backs) <= BACK_SECONDS, f"sending began again only after {max(backs):.0f} s")
    dead = [name for name in names if not site.processes[name].is_alive]
    outcome.demand(not dead, f"{dead} had to be started again")
    ((kept,),) = site.query(
        "SELECT count(*) FROM permissions WHERE contact_id = ANY(%s) AND state = 'no' AND interest_id IS NOT NULL",
        left,
    )
    outcome.demand(kept == len(left), f"{len(left) - kept} acknowledged withdrawals are gone")
    return outcome


def _withdraw(site: Site, place, contact_id) -> bool:
    interests = [place.where.interests[0].id]
    try:
        with transaction():
            consent.withdraw(place.id, contact_id, interests, by=By(), proof=Proof(http_method="POST"))
    except OperationalError:
        site.let_go()
        return False
    site.acts.answered("unsubscribe", contact_id)
    return True


def _seconds_until_more(site: Site, number: int) -> float:
    """From the database's return to the next copy."""
    began, count = time.monotonic(), len(site.seen.copies)
    until(lambda: len(site.seen.copies) > count or site.is_over(number), 60, site.logs)
    return time.monotonic() - began
