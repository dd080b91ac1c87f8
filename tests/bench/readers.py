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
from tests.bench.house import House, Sender, sender
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


def crowd(house: House, readers: int, say: Callable[[str], None]) -> Sender:
    """A workspace of its own with so many who let us see."""
    where = sender()
    people = People(house.admin_url, say)
    people.fill(where.model, readers - 1)
    return where


def sent_to(house: House, where: Sender, readers: int) -> Sent:
    """A letter that went out to all of them an hour ago."""
    with transaction():
        at = clock.now() - timedelta(hours=1)
        number = reading.add_mailing(where.id, at)
        service.register(number, where.id, reading.LINKS)
    with psycopg.connect(house.admin_url) as connection:
        connection.execute(_MESSAGES, {"no": number, "at": at, "workspace": where.id})
    with psycopg.connect(house.admin_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE messages")
    return Sent(number, readers)
