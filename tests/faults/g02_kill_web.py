"""G2: the web server is killed while people sign up, leave, and a mailing goes out."""

from __future__ import annotations

from app.delivery import service
from app.kernel.db import transaction
from tests.faults import readers
from tests.faults.checker import Outcome, check
from tests.faults.script import Rule
from tests.faults.site import Site
from tests.support import signup
from tests.support.workers import until

NAME = "G2"
SHORT = {"people": 100, "kills": 1, "rate": 30}
LONG = {"people": 2_500, "kills": 15, "rate": 40}
LEFT_OUT = "imports and incoming webhooks are not part of G2 here: Nod takes in neither yet"

_HALF = """
SELECT count(*) FROM consent_requests r WHERE r.workspace_id = %s AND (NOT EXISTS (
    SELECT FROM messages m JOIN mailings g ON g.no = m.mailing_no WHERE g.name = 'confirm' AND m.dedupe_key = r.id
) OR NOT EXISTS (SELECT FROM consent_events e WHERE e.id = r.event_id))
"""
_WAITING = "SELECT count(*) FROM submissions WHERE workspace_id = %s AND post IS NOT NULL"
_KNOWN = """
SELECT a.address FROM addresses a JOIN consent_requests r ON r.contact_id = a.contact_id WHERE a.workspace_id = %s
"""


def run(site: Site, people: int, kills: int, rate: float) -> Outcome:
    """Every answer stands in the database, nothing stands there by half, and nobody who left is written to."""
    place = site.place(people)
    stage = signup.stage()
    with transaction():
        service.set_sender(stage.place.id, "Ostkai", "hello@ostkai.example")
    port = site.start_web(**readers.BEHIND_PROXY)
    site.start_all()
    site.mail.behave(Rule("DOT", rate=rate))
    leavers = readers.permissions(site, place.id)
    with readers.Crowd(port, site.acts, stage, leavers, site.nemesis.seed) as crowd:
        number = place.launch()
        for _ in range(kills):
            known = len(crowd.signed_up) + 5
            until(lambda known=known: len(crowd.signed_up) >= known, 60, site.logs)
            site.nemesis.pause(0.5)
            site.nemesis.kill(site.processes.pop("web"))
            site.start_web(port=port, **readers.BEHIND_PROXY)
        until(lambda: len(crowd.left) >= 10, 30, site.logs)
    site.mail.behave()
    site.until_ended(number, seconds=120)
    # An answer is a row that waits for a worker; what was answered is whole when none waits any more.
    until(lambda: site.query(_WAITING, stage.place.id) == [(0,)], 60, site.logs)
    outcome = check(site, [number], kills=kills)
    known = {address for (address,) in site.query(_KNOWN, stage.place.id)}
    missing = set(crowd.signed_up) - known
    outcome.demand(not missing, f"{len(missing)} answered sign-ups are missing")
    ((half,),) = site.query(_HALF, stage.place.id)
    outcome.demand(half == 0, f"{half} sign-ups by half")
    still = site.query(
        "SELECT count(*) FROM permissions WHERE contact_id = ANY(%s) AND state = 'yes' AND interest_id IS NOT NULL",
        crowd.left,
    )
    outcome.demand(still == [(0,)], f"{still} answered unsubscribes are missing")
    outcome.with_figure("answered_sign_ups", len(crowd.signed_up))
    outcome.with_figure("answered_unsubscribes", len(crowd.left))
    outcome.with_figure("requests_without_an_answer", crowd.unanswered)
    return outcome
