"""G6: the line to the mail server is cut at ten points; only after the final dot is there doubt."""

from __future__ import annotations

import time

from app.delivery import service
from app.delivery.sending import LINGER_SECONDS
from app.kernel import clock
from app.kernel.db import transaction
from tests.faults.checker import Outcome, check, number_in
from tests.faults.script import POINTS, Rule
from tests.faults.site import Site
from tests.support import mailing
from tests.support.outbox import wish
from tests.support.workers import until

NAME = "G6"
SHORT = {"people": 140, "cuts": 3, "rounds": 1}
LONG = {"people": 3_000, "cuts": 50, "rounds": 5}
LATER_SECONDS = 16 * 60
LATER = {"NOD_CLOCK_SHIFT_SECONDS": str(LATER_SECONDS)}
SERVER = {"login": "nod:secret", "tls": True}
"""The mail server asks for a name and a password, and offers TLS."""
OPENING, IN_A_MAIL = POINTS[:5], POINTS[5:]


def run(site: Site, people: int, cuts: int, rounds: int) -> Outcome:
    """Cut before there is a mail, then within mails, then a system mail; then a person sends what is in doubt."""
    site.start_all()
    asked = _cut_a_question(site)
    numbers = _cut_openings(site, rounds)
    place = site.place(people)
    done = site.seen.cuts["DOT"]
    site.mail.behave(*(Rule(point, is_drop=True, times=cuts, share=0.3) for point in IN_A_MAIL))
    number = place.launch()
    until(lambda: _are_cut(site, {point: cuts + done * (point == "DOT") for point in IN_A_MAIL}), 180, lambda: site.seen.cuts)
    _a_quarter_later(site)
    site.until_ended(number, *numbers, seconds=90)
    # Where all of a mail fits into buffers, a client cannot know how much of it the server read after its 354.
    outcome = check(site, [number, *numbers], doubt=3 * cuts, is_shifted=True)
    doubtful = _cut_behind_the_dot(site, [number, *numbers])
    outcome.demand(doubtful > 0, "no mail of a mailing was cut behind the final dot")
    outcome.demand(
        outcome.unknown >= doubtful, f"{outcome.unknown} unknown after {doubtful} cuts behind the final dot"
    )
    outcome.add(_send_again(site, [number, *numbers]))
    until(lambda: asked.state == "sent", 30, site.logs)
    question = check(site, [asked.row().mailing_no], bound=1, doubt=0, is_shifted=True)
    outcome.demand(question.duplicates == 1, "a question in doubt was not asked once more")
    outcome.add(question)
    for point in POINTS:
        outcome.with_figure(f"cuts_at_{point.lower()}", site.seen.cuts[point])
        outcome.demand(site.seen.cuts[point] > 0, f"nothing was cut at {point}")
    return outcome


def _cut_openings(site: Site, rounds: int) -> list[int]:
    """One small mailing after the other, each of which meets a cut before its first mail."""
    numbers, place = [], site.place(5)
    for point in OPENING * rounds:
        site.mail.behave(Rule(point, is_drop=True))
        known = site.seen.cuts[point]
        while site.seen.cuts[point] == known:
            # A line that is still open from the mailing before carries this one, and then nobody opens another.
            time.sleep(LINGER_SECONDS + 1)
            numbers.append(place.launch())
            until(
                lambda point=point, known=known: site.seen.cuts[point] > known or site.is_over(numbers[-1]),
                60,
                site.logs,
            )
        site.mail.behave()
        _end_rests(site)
        site.until_ended(numbers[-1], seconds=60)
    return numbers


def _cut_behind_the_dot(site: Site, numbers: list[int]) -> int:
    """How many mails of these mailings were; a system mail may meet such a cut as well."""
    cut = [end for end in site.seen.ends if end.point == "DOT" and not end.reply]
    return sum((number_in(end.message_id) or (0,))[0] in numbers for end in cut)


def _are_cut(site: Site, wanted: dict[str, int]) -> bool:
    _end_rests(site)
    return all(site.seen.cuts[point] >= times for point, times in wanted.items())


def _end_rests(site: Site) -> None:
    """A server that is away rests for longer each time; here it is back in between."""
    site.query("UPDATE paces SET rest_until = now() WHERE rest = 'away' RETURNING 1")


def _cut_a_question(site: Site):
    """A system mail that is cut off behind the final dot."""
    place = mailing.setting()
    site.mail.behave(Rule("DOT", "asked.example", is_drop=True, times=1))
    asked = wish(place.where, "mara@asked.example")
    until(lambda: asked.state == "unknown", 30, site.logs)
    return asked


def _a_quarter_later(site: Site) -> None:
    """Pauses are over by the clock, and a system mail in doubt may go out once more."""
    site.mail.behave()
    site.stop("bulk1", "bulk2", "senders")
    site.start("senders", **LATER)
    site.start("bulk1", "bulk", **LATER)


def _send_again(site: Site, numbers: list[int]) -> Outcome:
    """A person sends what is in doubt: each may arrive a second time, under the Message-ID of the first."""
    doubtful = site.query(
        "SELECT DISTINCT workspace_id, mailing_no FROM messages WHERE mailing_no = ANY(%s) AND state = 'unknown'",
        numbers,
    )
    count = 0
    # The person lives when the workers do: doubt that came up since then is decided too.
    clock.set_shift(LATER_SECONDS)
    for workspace_id, number in doubtful:
        with transaction():
            count += service.send_unknown(workspace_id, number)
    clock.set_shift(0)
    site.until_ended(*numbers)
    again = check(site, numbers, bound=count, doubt=0, is_shifted=True)
    return Outcome(duplicates=again.duplicates, bound=count, broken=again.broken)
