"""G7: for half an hour everybody gets a 451, then each recipient is greylisted; all get it in the end."""

from __future__ import annotations

import bisect
import time
from collections import Counter
from collections.abc import Sequence

from app.delivery.pacing.rules import CIRCUIT
from tests.faults.checker import Outcome, check, number_in
from tests.faults.script import Rule, greylist
from tests.faults.site import Site
from tests.support import mailing
from tests.support.workers import until

NAME = "G7"
SHORT = {"people": 36, "minutes": (0, 12)}
LONG = {"people": 1_000, "minutes": (0, 12, 30, 60)}
MOST_ATTEMPTS = 6
GREY_SECONDS = 2.0
ONLY_BUSY = 2
"""From this step on."""
WATCH_SECONDS = 1.5
MOST_LINES = 1
"""Opened for a mail within any second and by all workers, while the domain cools down."""
WORKERS = ("bulk1", "bulk2")


def run(site: Site, people: int, minutes: tuple[int, ...]) -> Outcome:
    """Minutes of the workers' clock pass between one try and the next.

    Args:
        site: where.
        people: how many.
        minutes: by the clock, at which workers are started; only the last ones meet a willing server. At the second
            the greylisted get theirs, from the third on nobody is due but who was told to wait.
    """
    place = site.place(people, ("notnow.example", "grey.example"))
    site.start_all(workers=0)
    number = place.launch()
    busy = 0
    for step, minute in enumerate(minutes):
        is_last = step == len(minutes) - 1
        busy_now = [] if is_last else [Rule("RCPT", "notnow.example", reply="451 4.2.0 not now")]
        site.mail.behave(*busy_now, greylist(GREY_SECONDS, "grey.example"))
        tried, since = len(site.seen.mails), time.monotonic()
        for name in WORKERS:
            site.start(name, "bulk", NOD_CLOCK_SHIFT_SECONDS=str(minute * 60))
        if is_last:
            site.until_ended(number, seconds=60)
        else:
            # Who says so to twenty in a row is asked by one mail at a time from then on.
            least = people // 2 + min(people // 2, CIRCUIT) if step == 0 else 1
            until(lambda tried=tried, least=least: len(site.seen.mails) >= tried + least, 60, site.logs)
            until(lambda minute=minute: not _due(site, number, minute), 60, site.logs)
            since = time.monotonic() if step < ONLY_BUSY else since
            site.has_waited(lambda: False, WATCH_SECONDS)
            busy = max(busy, most_in_a_second(_opened(site, since)))
        site.stop(*WORKERS)
    outcome = check(site, [number], is_shifted=True)
    tries = Counter(mail.sender for mail in site.seen.mails)
    most = max(
        tries[copy.sender] for copy in site.seen.copies if (number_in(copy.message_id) or (0,))[0] == number
    )
    outcome.with_figure("most_attempts", most)
    outcome.with_figure("lines_a_second_while_cooling", busy)
    outcome.demand(most <= MOST_ATTEMPTS, f"{most} attempts for one message")
    outcome.demand(busy <= MOST_LINES, f"{busy} lines within a second to a domain that says not now")
    outcome.demand(mailing.states(number) == {"sent": people}, "not everybody got it")
    return outcome


def _opened(site: Site, since: float) -> list[float]:
    """When lines were opened that brought a mail: of those open since then, the moment of their first."""
    first: dict[int, float] = {}
    for mail in site.seen.mails:
        first.setdefault(mail.connection, mail.at)
    return sorted(at for at in first.values() if at >= since)


def _due(site: Site, number: int, minute: int) -> int:
    """How many wait for a worker by whose clock so many minutes have passed, or are in its hands."""
    query = (
        "SELECT count(*) FROM messages WHERE mailing_no = %s AND (state IN ('claimed', 'attempting')"
        " OR state = 'pending' AND due_at <= now() + make_interval(mins => %s))"
    )
    return site.query(query, number, minute)[0][0]


def most_in_a_second(times: Sequence[float]) -> int:
    """The most of these moments, in their order, that lie within one second."""
    return max((bisect.bisect_left(times, began + 1.0) - index for index, began in enumerate(times)), default=0)
