"""A letter that has been sent, and people who read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from flask.testing import FlaskClient
from sqlalchemy import insert

from app.consent import queries as consent_queries
from app.consent import service as consent
from app.consent.rules import By, Level, Proof
from app.contacts.models import Contact
from app.delivery.models import Mailing, Message
from app.kernel import clock
from app.kernel.db import session, transaction
from app.kernel.ids import uuid7
from app.tracking import jobs, queries, service
from app.tracking.models import Signal
from app.tracking.queries import PersonSignal
from tests.support import make

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
LINKS = (
    "https://ostkai.example/new",
    "https://ostkai.example/brewing?cup=1#top",
    "https://ostkai.example/shop",
)


@dataclass(frozen=True)
class Letter:
    """A mailing of three links, handed over an hour ago; person i holds message i + 1."""

    where: make.Place
    people: tuple[Contact, ...]
    no: int
    links: tuple[str, ...] = LINKS

    def n(self, who: Contact) -> int:
        return [person.id for person in self.people].index(who.id) + 1

    def pixel(self, who: Contact, level: Level = Level.INDIVIDUAL) -> str:
        url = service.pixel_url(self.no, self.n(who), level)
        assert url is not None
        return _path(url)

    def link(self, who: Contact, index: int = 0, level: Level = Level.INDIVIDUAL) -> str:
        return _path(service.links_for(self.no, self.n(who), level)(index, self.links[index]))

    def hidden(self, who: Contact) -> str:
        url = service.hidden_url(self.no, self.n(who), Level.INDIVIDUAL)
        assert url is not None
        return _path(url)

    def signals(self, who: Contact) -> list[PersonSignal]:
        """As committed, oldest first."""
        session().rollback()
        session().expire_all()
        return list(reversed(queries.list_signals(self.where.id, who.id)))


def _path(url: str) -> str:
    return "/" + url.split("/", 3)[3]


def reader(where: make.Place, level: Level = Level.INDIVIDUAL, address: str = "") -> Contact:
    """Somebody subscribed who lets us see that much."""
    who = make.person(where.id, address)
    make.confirmed(where, who)
    if level is not Level.NONE:
        allow(where, who, level)
    return who


def allow(where: make.Place, who: Contact, level: Level) -> None:
    """The person's own act on the preference page."""
    with transaction():
        consent.set_tracking(where.id, who.id, level, by=By(), proof=Proof(http_method="POST"))


def sent(
    where: make.Place,
    people: Sequence[Contact],
    *,
    links: Sequence[str] = LINKS,
    ago: timedelta = timedelta(hours=1),
) -> Letter:
    """A mailing to these people as it stands when it has gone out."""
    with transaction():
        at = clock.now() - ago
        number = add_mailing(where.id, at)
        for n, who in enumerate(people, 1):
            reach = consent_queries.find_reach(where.id, who.id)
            session().execute(
                insert(Message).values(
                    mailing_no=number, n=n, workspace_id=where.id, contact_id=who.id,
                    reach_id=reach.id, dedupe_key=who.id,
                    state="sent", created_at=at, due_at=at, began_at=at, done_at=at, attempts=1,
                )
            )  # fmt: skip
        service.register(number, where.id, links)
    return Letter(where, tuple(people), number, tuple(links))


def add_mailing(workspace_id: UUID, at: datetime) -> int:
    row = {
        "id": uuid7(), "workspace_id": workspace_id, "kind": "bulk", "name": "letter", "lane": "bulk",
        "purpose": "marketing", "channel": "email", "state": "done", "created_at": at,
    }  # fmt: skip
    return session().execute(insert(Mailing).values(row).returning(Mailing.no)).scalar_one()


def visit(client: FlaskClient, path: str, program: str = FIREFOX, *, method: str = "GET", **headers: str):
    """What a program asks for, and the answer."""
    return client.open(path, method=method, headers={"User-Agent": program, **headers})


def take_in() -> None:
    """What the job does each second."""
    jobs.ingest()


def count_signals() -> int:
    session().rollback()
    return session().query(Signal).count()
