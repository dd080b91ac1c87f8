"""A letter that has gone out to many people who let us see what they read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import psycopg

from app.kernel import clock
from app.kernel.db import transaction
from app.tracking import service, tokens
from tests.bench.crowd import People
from tests.bench.house import House, sender
from tests.support import reading

_MESSAGES = """INSERT INTO messages (mailing_no, n, workspace_id, contact_id, reach_id, dedupe_key, state, created_at,
due_at, began_at, done_at, attempts) SELECT %(no)s, row_number() OVER (ORDER BY r.contact_id), r.workspace_id,
r.contact_id, r.id, r.contact_id, 'sent', %(at)s, %(at)s, %(at)s, %(at)s, 1
FROM reach r WHERE r.workspace_id = %(workspace)s"""


@dataclass(frozen=True, slots=True)
class Sent:
    """Mailing ``no``, of which reader n (from 1 to ``readers``) holds message n."""

    no: int
    readers: int

    def paths(self) -> list[str]:
        """Each reader loads the picture and follows a link, one reader after the other."""
        found = []
        for n in range(1, self.readers + 1):
            token = tokens.make(self.no, n)
            found += [f"/o/{token}.gif", f"/r/{tokens.code(token, n % len(reading.LINKS))}"]
        return found


def sent_to(house: House, readers: int, say: Callable[[str], None]) -> Sent:
    """A workspace of its own whose letter went out an hour ago to so many."""
    where = sender()
    people = People(house.admin_url, say)
    people.fill(where.model, readers - 1)
    with transaction():
        at = clock.now() - timedelta(hours=1)
        number = reading.add_mailing(where.id, at)
        service.register(number, where.id, reading.LINKS)
    with psycopg.connect(house.admin_url) as connection:
        connection.execute(_MESSAGES, {"no": number, "at": at, "workspace": where.id})
    people.settle()
    return Sent(number, readers)
