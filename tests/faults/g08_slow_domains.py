"""G8: of ten domains one answers each command late and one turns us away; the other eight are hardly slower."""

from __future__ import annotations

from tests.faults.checker import Outcome, check
from tests.faults.script import Rule, tarpit
from tests.faults.site import Site
from tests.support.mailing import Setting

NAME = "G8"
SHORT = {"people": 200, "late_seconds": 20.0, "grace_seconds": 5.0}
LONG = {"people": 2_000, "late_seconds": 60.0, "grace_seconds": 0.5}
GOOD = tuple(f"good{number}.example" for number in range(8))
MOST_SECONDS = 45.0
"""After this it is too late in any case."""
MOST = 1.2
"""Times their undisturbed time."""


def run(site: Site, people: int, late_seconds: float, grace_seconds: float) -> Outcome:
    """One mailing with good domains only, once the workers are warm, then one with all ten.

    Args:
        site: where.
        people: how many, over all ten.
        late_seconds: each answer of the late one takes so long.
        grace_seconds: beside the factor, for cores that are busy with something else; far less than one late answer.
    """
    site.start_all()
    site.mail.behave()
    _seconds(site, site.place(people * 8 // 10, GOOD), people * 8 // 10)
    alone = _seconds(site, site.place(people * 8 // 10, GOOD), people * 8 // 10)
    site.mail.behave(
        *tarpit("late.example", late_seconds),
        Rule("RCPT", "busy.example", reply="421 4.3.2 too busy for you"),
    )
    # Theirs come first: an audience is in the order in which people came.
    place = site.place(people, ("late.example", "busy.example", *GOOD))
    beside = _seconds(site, place, people * 8 // 10)
    site.mail.behave()
    number = site.query("SELECT max(no) FROM mailings WHERE workspace_id = %s", place.id)[0][0]
    site.stop("bulk1", "bulk2")
    site.start("bulk1", "bulk", NOD_CLOCK_SHIFT_SECONDS=str(3600))
    site.until_ended(number, seconds=120)
    site.stop("bulk1")
    outcome = check(site, [number], doubt=people, is_shifted=True)
    outcome.with_figure("alone_seconds", alone)
    outcome.with_figure("beside_seconds", beside)
    outcome.with_figure("slower_by_factor", beside / alone)
    outcome.demand(beside <= MOST * alone + grace_seconds, f"the others took {beside:.1f} s instead of {alone:.1f} s")
    return outcome


def _seconds(site: Site, place: Setting, wanted: int) -> float:
    """From the first copy to the last one for a good domain."""
    known = len(site.seen.copies)

    def good() -> list[float]:
        return [copy.at for copy in site.seen.copies[known:] if copy.recipient.rpartition("@")[2] in GOOD]

    place.launch()
    site.has_waited(lambda: len(good()) >= wanted - len(GOOD), MOST_SECONDS)
    times = good()
    return times[-1] - times[0] if len(times) >= wanted - len(GOOD) else MOST_SECONDS
