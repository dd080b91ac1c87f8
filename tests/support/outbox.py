"""Confirmation mails in the outbox, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask import Flask
from sqlalchemy import select, text

from app.contacts import queries as contacts
from app.delivery import outlets, service, taking
from app.delivery.models import Mailing, Message
from app.delivery.outbox import Held
from app.delivery.rules import Lane
from app.kernel import clock
from app.kernel.db import session, transaction
from app.kernel.ids import uuid7
from tests.support import make
from tests.support.smtp_sink import SmtpSink

FROM = "hello@ostkai.example"


@dataclass(frozen=True)
class Wish:
    """A confirmation that is to be sent."""

    where: make.Place
    contact_id: UUID
    address: str
    request_id: UUID

    def row(self) -> Message:
        """Its message, as committed."""
        session().commit()  # ends the reading, expires nothing
        query = select(Message).join(Mailing, Mailing.no == Message.mailing_no)
        query = query.where(Message.dedupe_key == self.request_id, Mailing.name == "confirm")
        return session().execute(query.execution_options(populate_existing=True)).scalar_one()

    @property
    def state(self) -> str:
        return self.row().state


def place_with_sender(sink: SmtpSink | None = None) -> make.Place:
    """A workspace whose mails come from FROM; with a sink its own mail server is that."""
    where = make.place()
    with transaction():
        service.set_sender(where.id, "Ostkai", FROM)
        if sink is not None:
            service.set_transport(where.id, "127.0.0.1", sink.port, "opportunistic")
    return where


def use_sink(sink: SmtpSink) -> None:
    """Make the sink the installation's mail server in this process."""
    outlets.configure(f"smtp://127.0.0.1:{sink.port}")


def wish(where: make.Place, address: str = "") -> Wish:
    """Somebody asked, so a confirmation is due."""
    who = make.person(where.id, address)
    request = make.asked(where, who)
    with transaction():
        service.send_system(where.id, "confirm", dedupe=request.id, contact_id=who.id)
        found = contacts.find_address(where.id, who.id)
    assert found is not None
    return Wish(where, who.id, found.address, request.id)


def begin(size: int = 1, owner: str = "test", lane: Lane = Lane.SYSTEM) -> list[Held]:
    """Begin so many messages that are due, for an owner who does nothing more about them."""
    with transaction():
        for head, _ in taking.choose(lane, clock.now()):
            found = [one.held for one in taking.take(head, size, clock.now()) if not one.refusal]
            if found:
                assert taking.begin(found, owner, "ostkai.example", clock.now())
                return found
    return []


def update(wished: Wish, sql: str, **values: object) -> None:
    """Change the row behind the back of the pump: ``update(w, "state = 'claimed'")``."""
    row = wished.row()
    with transaction():
        session().execute(
            text(f"UPDATE messages SET {sql} WHERE mailing_no = :no AND n = :n"),
            {"no": row.mailing_no, "n": row.n, **values},
        )


def note(user_id: UUID, where: make.Place, name: str) -> UUID:
    """A mail to somebody of the staff."""
    dedupe = uuid7()
    with transaction():
        service.send_system(where.id, name, dedupe=dedupe, user_id=user_id)
    return dedupe


def in_context(app: Flask, call, *args):
    """Run in an application context of its own, for threads."""
    with app.app_context():
        return call(*args)


def seconds_until(moment: datetime, other: datetime) -> float:
    return (moment - other).total_seconds()
