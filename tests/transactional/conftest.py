"""A workspace with a published receipt, its shop, and its owner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from sqlalchemy import text

from app.content import service as content
from app.content.service import blocks
from app.delivery import outlets, pump
from app.kernel.db import session, transaction
from app.transactional import queries, service
from tests.people.conftest import Staff, owner_of
from tests.support import make, programs
from tests.support.letters import source
from tests.support.outbox import place_with_sender

PATH = "/api/v1/transactional"
SCOPES = ("campaigns.read", "campaigns.write")
NAMES = "order.number = OK-1\norder.url = https://ostkai.example/orders/OK-1\nnote = Thank you\nitems[].name = Gedeo\nitems[].price = 9.50"
INNER = (
    '<mj-text>Hello {{ contact.first_name|default("there") }}, order {{ data.order.number }}'
    '{% if data.note %}: {{ data.note }}{% endif %}<br />{% for item in data.items %}{{ item.name }} {{ item.price|money("EUR") }}; {% endfor %}</mj-text>'
    '<mj-button href="{{ data.order.url }}">See it</mj-button>'
)
SUBJECT = "Order {{ data.order.number }}"
FOOTER = '<mj-include path="footer-plain" />'
DATA = {
    "order": {"number": "OK-20418", "url": "https://ostkai.example/orders/OK-20418"},
    "items": [{"name": "Gedeo", "price": 9.5}, {"name": "White cup", "price": "17"}],
}


def write(where: make.Place, template_id: UUID, inner: str = INNER, subject: str = SUBJECT) -> None:
    """Another draft."""
    letter = queries.get_template(where.id, template_id)[1]
    content.save_draft(where.id, letter.id, subject, "What you ordered", source(inner, footer=FOOTER))


def receipt(where: make.Place, *, name: str = "Receipt", language: str = "en", inner: str = INNER, subject: str = SUBJECT) -> UUID:
    """A template that is published."""
    with transaction():
        made = service.create(where.id, name, language=language, by=where.owner_id)
        blocks.turn_into_code(where.id, made.letter_id)
        content.declare_data(where.id, made.letter_id, NAMES)
        write(where, made.id, inner, subject)
        service.publish(where.id, made.id)
    return made.id


@dataclass
class Shop:
    """A program that sends mails."""

    client: object
    where: make.Place
    header: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.header = programs.key_of(self.where.id, SCOPES)

    def send(self, key: str | None = "k-1", *, to="mara@example.org", template="receipt", data=None, **more):
        headers = self.header | ({"Idempotency-Key": key} if key is not None else {})
        body = {"template": template, "to": to, "data": DATA if data is None else data, **more}
        return self.client.post(PATH, headers=headers, json=body)  # type: ignore[attr-defined]

    def state(self, mail_id: str):
        return self.client.get(f"{PATH}/{mail_id}", headers=self.header)  # type: ignore[attr-defined]


@pytest.fixture
def where(session):
    return place_with_sender()


@pytest.fixture
def template_id(where):
    return receipt(where)


@pytest.fixture
def shop(where, client, template_id):
    return Shop(client, where)


@pytest.fixture
def staff(where, client):
    return Staff(client, owner_of(where))


@pytest.fixture
def run(smtp) -> Callable[[], bool]:
    """The system lane works until nothing is due; its mails go to the sink."""
    outlets.configure(f"smtp://127.0.0.1:{smtp.port}")
    return lambda: pump.run_slice("system", deadline_seconds=20)


def rows(sql: str, **values):
    with transaction():
        return session().execute(text(sql), values).all()
