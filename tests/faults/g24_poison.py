"""G24: one person's mail ends the process that makes it; that one is set aside, the others get theirs.

What other lines had in flight when a worker ended is in doubt, as with any kill: a person lets those go once more.
"""

from __future__ import annotations

import time
from pathlib import Path

from app.contacts import service as contacts
from app.delivery import service
from app.kernel.db import transaction
from tests.faults import readers
from tests.faults.checker import Outcome, check
from tests.faults.site import Site
from tests.support import letters
from tests.support.mailing import Setting

NAME = "G24"
SHORT = {"people": 50, "workers": 1}
LONG = {"people": 1_000, "workers": 2}
MOST_DEATHS = 3
"""After two it is made in a process of its own; a worker at work may take it before the first death is read in a journal."""
POISON = "Poison"
LETTER = (
    '<mj-text>Hello {{ contact.first_name|upper }}, <a href="https://ostkai.example/new">look</a></mj-text>'
)
HOOK = {"PYTHONPATH": str(Path(__file__).with_name("hooks")), "FAULTS_POISON": POISON}


def run(site: Site, people: int, workers: int) -> Outcome:
    """A worker that dies is started again, as whoever looks after it would."""
    made = site.place(people)
    place = Setting(made.where, letters.version(made.id, LETTER).id)
    who, _ = site.nemesis.chance.choice(readers.permissions(site, place.id))
    with transaction():
        contacts.update_profile(place.id, who, first_name=POISON)
    site.stop("bulk1", "bulk2")
    site.start_all(workers=0)
    site.mail.behave()
    number = place.launch()
    names = [f"frail{number}" for number in range(workers)]
    deaths = 0
    deadline = time.monotonic() + 60 + people / 20
    while not site.is_over(number) and time.monotonic() < deadline:
        for name in names:
            # Dramatiq's main process ends with the worker that it started.
            if name not in site.processes or not site.processes[name].is_alive:
                deaths += name in site.processes
                site.start(name, "bulk", **HOOK)
        time.sleep(0.05)
    unknown = site.query("SELECT count(*) FROM messages WHERE mailing_no = %s AND state = 'unknown'", number)[0][0]
    # One of them may be about to end with its children.
    site.stop(*names)
    if unknown:
        with transaction():
            service.send_unknown(place.id, number)
        site.start(names[0], "bulk", **HOOK)
        site.until_ended(number)
    site.stop(*names)
    bound = deaths * site.seen.max_open
    outcome = check(site, [number], kills=deaths, bound=bound, doubt=0)
    outcome.demand(unknown <= bound, f"{unknown} in doubt, more than {bound}")
    outcome.with_figure("in_doubt_until_a_person_chose", unknown)
    rows = dict(
        site.query("SELECT state, count(*) FROM messages WHERE mailing_no = %s GROUP BY state", number)
    )
    outcome.demand(rows == {"sent": people - 1, "poison": 1}, f"it ended as {rows}")
    said = site.query(
        "SELECT reply_text FROM messages WHERE mailing_no = %s AND contact_id = %s AND state = 'poison'",
        number,
        who,
    )
    outcome.demand(bool(said and said[0][0]), "nothing says why it was set aside")
    outcome.demand(0 < deaths <= MOST_DEATHS, f"{deaths} workers ended")
    outcome.with_figure("workers_ended", deaths)
    return outcome
