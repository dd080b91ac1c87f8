"""How long it takes to make a large audience."""

from __future__ import annotations

import time

from sqlalchemy import text

from app.delivery import schedule, service
from app.delivery.rules.hours import PLAIN, Timing
from app.kernel.db import session, transaction
from tests.bench.house import Sender
from tests.bench.sending import Wrong


def freeze(sender: Sender, people: int, timing: Timing = PLAIN) -> float:
    """Launch, make the audience in this process, stop there; the seconds of the middle part.

    No worker may run: what is measured is one freeze beside nothing else.

    Raises:
        Wrong: the audience is not everybody.
    """
    number = sender.launch(timing)
    began = time.monotonic()
    schedule.run()
    took = time.monotonic() - began
    with transaction():
        query = text("SELECT audience FROM mailings WHERE no = :no")
        audience = session().execute(query, {"no": number}).scalar_one()
        service.pause(sender.id, number)
    if audience != people:
        raise Wrong(f"The audience is {audience}, not {people}.")
    return took


ZONES = ("Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "Asia/Tokyo", "Australia/Sydney")


def spread(sender: Sender) -> None:
    """Let the people of a sender live in six time zones."""
    with transaction():
        session().execute(text("SET LOCAL statement_timeout = 0"))
        session().execute(
            text(
                "UPDATE contacts SET fields = jsonb_build_object('time_zone', (CAST(:zones AS text[]))"
                "[1 + abs(hashtext(CAST(id AS text))) % cardinality(CAST(:zones AS text[]))]) WHERE workspace_id = :id"
            ),
            {"zones": list(ZONES), "id": sender.id},
        )
