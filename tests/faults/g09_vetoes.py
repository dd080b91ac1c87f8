"""G9: people leave, complain and are erased while a mailing goes out; none of them is begun a second later."""

from __future__ import annotations

import time
from collections import Counter

from app.consent import service as consent
from app.consent.rules import By, Reason
from app.kernel.db import transaction
from app.people import service as people_service
from tests.faults import readers
from tests.faults.checker import Outcome, check
from tests.faults.script import Rule
from tests.faults.site import Site
from tests.support.mailing import Setting
from tests.support.workers import until

NAME = "G9"
SHORT = {"people": 260, "leave": 16, "complain": 4, "erase": 4, "rate": 50}
LONG = {"people": 5_000, "leave": 500, "complain": 50, "erase": 50, "rate": 60}
MOST_IN_FLIGHT = 20


def run(site: Site, people: int, leave: int, complain: int, erase: int, rate: float) -> Outcome:
    """Those whose turn comes last say no, one after the other, until the mailing is over."""
    place = site.place(people)
    port = site.start_web(**readers.BEHIND_PROXY)
    site.start_all()
    site.mail.behave(Rule("DOT", rate=rate))
    said = ["leave"] * leave + ["complain"] * complain + ["erase"] * erase
    site.nemesis.chance.shuffle(said)
    people_of_place = readers.permissions(site, place.id)
    site.nemesis.chance.shuffle(people_of_place)
    number = place.launch()
    known = len(site.seen.copies)
    until(lambda: len(site.seen.copies) > known, 60, site.logs)
    began, pause = time.monotonic(), people / rate / len(said) / 2
    for turn, (what, (contact_id, permission_id)) in enumerate(zip(said, people_of_place, strict=False)):
        if site.is_over(number):
            break
        if _say(place, port, what, contact_id, permission_id):
            site.acts.answered(what, contact_id)
        time.sleep(max(0.0, began + (turn + 1) * pause - time.monotonic()))
    site.mail.behave()
    site.until_ended(number, seconds=120)
    outcome = check(site, [number])
    kinds = Counter(act.what for act in site.acts.read() if act.contact_id in dict(people_of_place))
    outcome.demand(sum(kinds.values()) >= len(said) * 0.8, f"only {dict(kinds)} could be said in time")
    ((skipped,),) = site.query(
        "SELECT count(*) FROM messages WHERE mailing_no = %s AND state IN ('suppressed', 'cancelled')", number
    )
    outcome.demand(skipped > 0, "everybody's no came too late to count")
    outcome.with_figure("said_no", sum(kinds.values()))
    outcome.with_figure("left_out", skipped)
    most = _in_flight(site, number)
    outcome.with_figure("most_in_flight_a_connection", most)
    outcome.demand(most <= MOST_IN_FLIGHT, f"{most:.1f} in flight for each connection")
    return outcome


def _say(place: Setting, port: int, what: str, contact_id, permission_id) -> bool:
    if what == "leave":
        return readers.leave(port, permission_id)
    with transaction():
        if what == "complain":
            consent.suppress(place.id, contact_id, Reason.COMPLAINT, by=By("system"))
        else:
            people_service.erase(place.id, contact_id, by=By("staff", str(place.where.owner_id)))
    return True


def _in_flight(site: Site, number: int) -> float:
    """The most messages that stood as begun at any moment, for each connection that the server had open at most."""
    changes = site.query(
        "SELECT CAST(extract(epoch FROM at) AS float8), CASE WHEN new = 'attempting' THEN 1 ELSE -1 END"
        " FROM fault_moves WHERE no = %s AND 'attempting' IN (old, new) ORDER BY at",
        number,
    )
    begun = most = 0
    for _, change in changes:
        begun += change
        most = max(most, begun)
    return most / max(site.seen.max_open, 1)
