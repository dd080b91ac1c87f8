"""G23: "send now" is pressed many times at once while two schedulers run; there is one mailing and one audience."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from app.kernel.db import db
from app.kernel.ids import uuid7
from tests.faults.checker import Outcome, check
from tests.faults.site import Site

NAME = "G23"
SHORT = {"people": 60, "presses": 12, "rounds": 1}
LONG = {"people": 300, "presses": 50, "rounds": 10}
THREADS = 8


def run(site: Site, people: int, presses: int, rounds: int) -> Outcome:
    """Each round is another campaign."""
    site.start_all()
    site.start("clock2", "clock")
    site.mail.behave()
    outcome = Outcome()
    for _ in range(rounds):
        place, key = site.place(people), uuid7()

        def press(_count: int, place=place, key=key) -> int:
            with site.app.app_context():
                try:
                    return place.launch(dedupe=key)
                finally:
                    db.session.remove()

        with ThreadPoolExecutor(THREADS) as pool:
            numbers = set(pool.map(press, range(presses)))
        outcome.demand(len(numbers) == 1, f"{len(numbers)} mailings were made of one")
        site.until_ended(*numbers, seconds=60)
        outcome.add(check(site, sorted(numbers)))
        ((made,),) = site.query(
            "SELECT count(*) FROM mailings WHERE kind = 'bulk' AND workspace_id = %s", place.id
        )
        outcome.demand(made == 1, f"{made} mailings of one campaign")
        ((mailed,),) = site.query("SELECT count(*) FROM messages WHERE mailing_no = ANY(%s)", list(numbers))
        outcome.demand(mailed == people, f"{mailed} messages for {people} people")
    site.stop("clock2")
    return outcome
