"""Hosts: of three machines one stands still, one is cut off from the servers, both for longer than their leases.

Both come back and find their messages in other hands. What they know late is taken where it says sent, and else left
alone; nobody is lost, nobody gets it twice.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from tests.faults.checker import Outcome, check
from tests.faults.hosts import Host, behind_proxies, in_namespaces
from tests.faults.nemesis import connections, freeze, members, thaw
from tests.faults.script import Rule
from tests.faults.site import Site
from tests.support.workers import until

NAME = "hosts"
SHORT = {"people": 160, "rate": 40, "is_apart": False}
LONG = {"people": 3_000, "rate": 60, "is_apart": True}
LATER = {"NOD_CLOCK_SHIFT_SECONDS": str(13 * 60)}
"""By then every lease that was taken now is over."""
MOST_BEGUN = 20
"""By one connection."""


def run(site: Site, people: int, rate: float, is_apart: bool) -> Outcome:
    """Behind proxies, then (is_apart) in network namespaces.

    Raises:
        CannotSeparate: there may be none.
    """
    outcome = _run(site, behind_proxies(site, 3), people, rate)
    if is_apart:
        outcome.add(_run(site, in_namespaces(site, 3), people, rate))
    return outcome


def _run(site: Site, machines: AbstractContextManager[list[Host]], people: int, rate: float) -> Outcome:
    place = site.place(people)
    site.stop("bulk1", "bulk2")
    site.start_all(workers=0)
    site.mail.behave(Rule("DOT", rate=rate))
    with machines as (still, cut, whole):
        hosts = (still, cut, whole)
        for host in hosts:
            host.start(site)
        for host in hosts:
            until(lambda host=host: _is_ready(site, host), 60, site.logs)
        number = place.launch()
        known = len(site.seen.copies)
        until(lambda: len(site.seen.copies) >= known + people // 4, 60, site.logs)
        freeze(site.processes[still.name])
        cut.cut()
        open_lines = site.seen.max_open
        held = site.query(
            "SELECT count(*) FROM messages WHERE mailing_no = %s AND lease_owner IS NOT NULL", number
        )
        lost = connections(site.processes[whole.name], site.mail.port)
        site.stop(whole.name)
        whole.start(site, **LATER)
        until(lambda: site.query(_LEASED, number) == [(0,)] or site.is_over(number), 60, site.logs)
        cut.mend()
        thaw(site.processes[still.name])
        site.until_ended(number, seconds=60 + people / rate)
        site.has_waited(lambda: False, 2.0)
        site.stop(*(host.name for host in hosts))
    site.mail.behave()
    outcome = check(site, [number], kills=1, doubt=MOST_BEGUN * open_lines + lost, is_shifted=True)
    outcome.demand(held[0][0] > 0, "those who were cut off had nothing in hand")
    outcome.with_figure("in_hand_when_cut_off", held[0][0])
    return outcome


_LEASED = "SELECT count(*) FROM messages WHERE mailing_no = %s AND state IN ('claimed', 'attempting')"


def _is_ready(site: Site, host: Host) -> bool:
    """Whether its worker has said that it lives."""
    names = {name for (name,) in site.query("SELECT name FROM heartbeats WHERE kind = 'worker'")}
    return any(name.endswith(f":{pid}") for name in names for pid in members(site.processes[host.name]))
