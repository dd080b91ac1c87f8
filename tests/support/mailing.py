"""A mailing to many: people who said yes, a letter, a launch; and what became of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.consent.rules import Level
from app.delivery import queries, schedule, service
from app.delivery.queries import Counted
from app.delivery.rules import Sums
from app.kernel import shared
from app.kernel.db import session, transaction
from app.kernel.ids import uuid7
from tests.support import letters, make
from tests.support.outbox import place_with_sender

LETTER = (
    '<mj-text>Hello {{ contact.first_name|default("there") }}, <a href="https://ostkai.example/new">look</a>'
    ' and <a href="https://ostkai.example/brewing?cup=1">brew</a></mj-text>'
)


@dataclass(frozen=True)
class Setting:
    """A workspace with a sender and a letter that can go out."""

    where: make.Place
    version_id: UUID

    @property
    def id(self) -> UUID:
        return self.where.id

    def launch(self, *, interests: int = 1, dedupe: UUID | None = None, **more) -> int:
        """Launch to the first of the interests; its audience is made by ``due``."""
        with transaction():
            return service.launch(
                self.id,
                dedupe=dedupe or uuid7(),
                title="November",
                version_id=self.version_id,
                interests=[found.id for found in self.where.interests[:interests]],
                **more,
            )


def setting() -> Setting:
    where = place_with_sender()
    return Setting(where, letters.version(where.id, LETTER).id)


def due() -> None:
    """What the job does each second."""
    schedule.run()


def running(place: Setting, **more) -> int:
    """A mailing whose audience is made."""
    number = place.launch(**more)
    due()
    return number


def crowd(
    place: Setting, count: int, *, tracking: Level | None = None, domain: str = "crowd.example"
) -> list[UUID]:
    """Many people who said yes to the first interest, as copies of one who did; in one statement each table."""
    first = make.person(place.id)
    make.confirmed(place.where, first, tracking=tracking, interests=1)
    if count == 1:
        return [first.id]
    with transaction():
        ids = [uuid7() for _ in range(count - 1)]
        values = {"ids": ids, "first": first.id, "domain": domain}
        for statement in _COPIES:
            session().execute(text(statement), values)
    return [first.id, *ids]


_IDS = "FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS new (id, i)"
_COPIES = (
    f"""INSERT INTO contacts (id, workspace_id, first_name, last_name, name_folded, language, created_at, updated_at)
    SELECT new.id, c.workspace_id, 'Person', new.i::text, 'person ' || new.i, 'en', c.created_at, c.updated_at {_IDS}
    JOIN contacts c ON c.id = :first""",
    f"""INSERT INTO addresses (id, workspace_id, contact_id, channel, raw, address, key, folded, domain, created_at)
    SELECT gen_random_uuid(), c.workspace_id, new.id, 'email', a, a, a, a, :domain, c.created_at
    {_IDS} JOIN contacts c ON c.id = :first
    CROSS JOIN LATERAL (SELECT 'p' || replace(new.id::text, '-', '') || '@' || :domain) AS made (a)""",
    f"""INSERT INTO reach (id, workspace_id, contact_id, channel)
    SELECT gen_random_uuid(), r.workspace_id, new.id, 'email' {_IDS} JOIN reach r ON r.contact_id = :first""",
    f"""INSERT INTO permissions (id, workspace_id, contact_id, purpose, channel, interest_id, state, level, basis,
    event_id, updated_at) SELECT gen_random_uuid(), p.workspace_id, new.id, p.purpose, p.channel, p.interest_id,
    p.state, p.level, p.basis, p.event_id, p.updated_at {_IDS} JOIN permissions p ON p.contact_id = :first""",
)


def states(number: int) -> Counter[str]:
    """Messages of a mailing by state, as committed now."""
    session().rollback()
    found = session().execute(
        text("SELECT state, count(*) FROM messages WHERE mailing_no = :no GROUP BY state"), {"no": number}
    )
    return Counter(dict(found.all()))


def sums(number: int) -> Sums:
    """As committed now."""
    session().rollback()
    found = queries.sums(number)
    session().rollback()
    return found


def state(number: int) -> str:
    """Of the mailing, as committed now."""
    session().rollback()
    return str(
        session().execute(text("SELECT state FROM mailings WHERE no = :no"), {"no": number}).scalar_one()
    )


def grow(number: int, audience: int) -> None:
    """Make a mailing of one to many more who are nobody, for what never asks who they are."""
    with transaction():
        session().execute(text(_MORE), {"no": number, "audience": audience})
        values = {"no": number, "audience": audience}
        session().execute(text("UPDATE mailings SET audience = :audience WHERE no = :no"), values)
        session().execute(text("SELECT learn_messages()"))


_MORE = """INSERT INTO messages (mailing_no, n, workspace_id, contact_id, permission_id, reach_id, dedupe_key,
    domain_group, state, created_at, due_at)
    SELECT m.mailing_no, i, m.workspace_id, made.id, m.permission_id, m.reach_id, made.id,
    'host' || i % 50 || '.example', m.state, m.created_at, m.due_at FROM messages m
    CROSS JOIN generate_series(2, CAST(:audience AS bigint)) AS i
    CROSS JOIN LATERAL (SELECT gen_random_uuid() AS id WHERE i > 0) AS made WHERE m.mailing_no = :no AND m.n = 1"""


def sent_letter(where: make.Place, subject: str) -> int:
    """A letter about the first interest that has gone out to its audience, as far as anybody asks."""
    with transaction():
        service.set_sender(where.id, "Ostkai", "hello@ostkai.example")
    number = Setting(where, letters.version(where.id, LETTER, subject=subject).id).launch()
    due()
    return number


def counted_as_kept(workspace_id: UUID, number: int) -> Counted:
    """How its messages ended, from what is kept, however small it is; where that is in doubt from the messages."""
    with _beyond(-1):
        return queries.count_ends(workspace_id, [number])[number]


def counted_over_messages(workspace_id: UUID, number: int) -> Counted:
    """The same from the messages themselves."""
    with _beyond(10**9):
        return queries.count_ends(workspace_id, [number])[number]


def is_in_doubt(number: int) -> bool:
    """Whether it is to be counted anew."""
    query = text("SELECT EXISTS (SELECT FROM mailing_recounts WHERE mailing_no = :no)")
    return bool(session().execute(query, {"no": number}).scalar_one())


@contextmanager
def _beyond(people: int) -> Iterator[None]:
    """What is kept is read for mailings to more people than these."""
    before, shared.ALWAYS = shared.ALWAYS, people
    try:
        yield
    finally:
        shared.ALWAYS = before
