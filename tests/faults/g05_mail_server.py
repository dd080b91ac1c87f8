"""G5: the mail server is killed, refuses connections for half an hour, and has no name that resolves."""

from __future__ import annotations

from tests.faults.checker import Outcome, check
from tests.faults.script import Rule
from tests.faults.site import Site
from tests.support.workers import until

NAME = "G5"
SHORT = {"people": 120, "kills": 0, "rate": 50, "is_nameless": False}
LONG = {"people": 2_000, "kills": 12, "rate": 60, "is_nameless": True}
NO_SUCH_HOST = "smtp://mail.faults.invalid:25"


def run(site: Site, people: int, kills: int, rate: float, is_nameless: bool) -> Outcome:
    """Faults of the host are the host's: nobody is lost, nobody bounced, no attempt burned.

    Time passes by the workers' clock. In the last half hour the server dies in mid-mailing and refuses connections, after a quarter
    its name is unknown (is_nameless), after another it is back.
    """
    place = site.place(people)
    names = site.start_all()
    site.mail.behave(Rule("DOT", rate=rate))
    number = place.launch()
    before, most, minutes = len(site.seen.copies), 0, 0
    for kill in range(kills + 1):
        wanted = before + people * (kill + 1) // (kills + 2)
        until(lambda wanted=wanted: len(site.seen.copies) >= wanted, 90, site.logs)
        most += site.seen.max_open
        site.mail.kill()
        if kill < kills:
            known, minutes = _faults(site, number), minutes + 10
            until(lambda known=known: _faults(site, number) > known, 60, site.logs)
            site.mail.start()
            _start_anew(site, names, minutes)
    outcome = Outcome()
    known = _faults(site, number)
    until(lambda: _faults(site, number) > known, 60, site.logs)
    site.stop(*names)
    if is_nameless:
        known = _faults(site, number)
        _start_anew(site, ["bulk1"], minutes + 15, NOD_SMTP_URL=NO_SUCH_HOST)
        until(lambda: _faults(site, number) > known, 60, site.logs)
        site.stop("bulk1")
    ((burned,),) = site.query(
        "SELECT coalesce(max(attempts), 0) FROM messages WHERE mailing_no = %s AND state = 'pending'", number
    )
    outcome.demand(burned == 0, f"{burned} attempts were burned by a fault of the host")
    site.mail.behave()
    site.mail.start()
    _start_anew(site, ["bulk1"], minutes + 31)
    site.until_ended(number, seconds=60)
    site.stop("bulk1")
    outcome.add(check(site, [number], kills=kills + 1, doubt=most, is_shifted=True))
    outcome.bound = most
    _demand_no_blame(site, number, outcome)
    return outcome


def _start_anew(site: Site, names: list[str], minutes: int, **more: str) -> None:
    """Workers by whose clock so many minutes have passed: what rests after a fault is due again."""
    site.stop(*names)
    for name in names:
        site.start(name, "bulk", NOD_CLOCK_SHIFT_SECONDS=str(minutes * 60), **more)


def _faults(site: Site, number: int) -> int:
    """Of messages and of ways out, as far as they are remembered; one that fails when it is tried rests once more."""
    ((count,),) = site.query(
        "SELECT (SELECT coalesce(sum(host_faults), 0) FROM messages WHERE mailing_no = %s)"
        " + (SELECT coalesce(sum(faults + rests), 0) FROM paces)",
        number,
    )
    return int(count)


def _demand_no_blame(site: Site, number: int, outcome: Outcome) -> None:
    ((blamed,),) = site.query(
        "SELECT count(*) FROM messages m JOIN reach r ON r.id = m.reach_id WHERE m.mailing_no = %s"
        " AND (m.state IN ('bounced', 'failed', 'expired') OR r.suppressed_at IS NOT NULL)",
        number,
    )
    outcome.demand(blamed == 0, f"{blamed} people were blamed for a fault of the host")
