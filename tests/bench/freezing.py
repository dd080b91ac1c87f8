"""How long it takes to make a large audience."""

from __future__ import annotations

import time

from sqlalchemy import text

from app.delivery import schedule, service
from app.kernel.db import session, transaction
from tests.bench.house import Sender
from tests.bench.sending import Wrong


def freeze(sender: Sender, people: int) -> float:
    """Launch, make the audience in this process, stop there; the seconds of the middle part.

    No worker may run: what is measured is one freeze beside nothing else.

    Raises:
        Wrong: the audience is not everybody.
    """
    number = sender.launch()
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
