"""How soon a question is in the inbox under 50 posts a second while a mailing to 200,000 goes out, over real processes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import text

from app.kernel.db import session, transaction
from tests.bench import permission_forms, processes
from tests.bench.crowd import People
from tests.bench.house import House, sender
from tests.bench.permission_forms import Delays, Wrong
from tests.bench.sinks import sink

PEOPLE = 200_000
ALL_SECONDS = 120.0
_DELAYS = text(
    "SELECT CAST(extract(epoch FROM m.done_at - s.created_at) AS float8) FROM submissions s"
    " JOIN messages m ON m.dedupe_key = s.request_id WHERE m.state = 'sent'"
)
_GOES_OUT = text("SELECT EXISTS (SELECT FROM messages WHERE mailing_no = :no AND state = 'pending')")


def confirmation_seconds_beside(
    house: House, *, a_second: int = 50, seconds: float = 20, say: Callable[[str], None]
) -> Delays:
    """By the database's clock, from each post until the server's answer to its question was written down.

    Raises:
        Wrong: a question did not come, or the mailing was over before the last one.
    """
    where = sender()
    people = People(house.admin_url, say)
    people.fill(where.model, PEOPLE - 1)
    people.settle()
    paths = permission_forms.paths_of_forms()[: permission_forms.FEW_FORMS]
    with sink(None, house.folder, house.servers.postgres.place.account) as taker:
        settings = replace(house.settings, smtp_url=taker.url)
        with processes.workers(settings, house.folder), permission_forms.web_server(house, settings) as (port, _):
            number = where.launch()
            posted = permission_forms.post_steadily(port, paths, a_second, int(a_second * seconds))
            delays = _wait_for(len(posted), number)
    cuts = statistics.quantiles(delays, n=100)
    say(
        f"{a_second} posts a second while {PEOPLE:,} go out: a question is accepted after {cuts[49]:.2f} s, "
        f"99 of 100 within {cuts[98]:.2f} s"
    )
    return Delays(cuts[49], cuts[98], len(delays))


def _wait_for(count: int, number: int) -> list[float]:
    until = time.monotonic() + ALL_SECONDS
    while True:
        with transaction():
            delays = list(session().execute(_DELAYS).scalars())
            goes_out = session().execute(_GOES_OUT, {"no": number}).scalar_one()
        if len(delays) == count and goes_out:
            return delays
        if not goes_out:
            raise Wrong("The mailing was over before the last question was accepted.")
        if time.monotonic() > until:
            raise Wrong(f"{count - len(delays)} of {count} questions did not come.")
        time.sleep(0.5)
