"""A workspace with readers, whose owner is signed in and has a letter to send."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from app.campaigns import service
from app.campaigns.models import Campaign
from app.contacts.models import Contact
from app.content import queries as letters
from app.content import service as content
from app.kernel.db import transaction
from tests.conftest import ground
from tests.people.conftest import Staff, owner_of
from tests.support import make
from tests.support.letters import source
from tests.support.outbox import place_with_sender

LETTER = (
    '<mj-text>Hello {{ contact.first_name|default("there") }}, '
    '<a href="https://ostkai.example/guji">Guji</a></mj-text>'
)


@dataclass(frozen=True)
class Made:
    """A draft with a letter that can be sent, for everybody of the first interest."""

    where: make.Place
    campaign: Campaign

    @property
    def path(self) -> str:
        return f"/campaigns/{self.campaign.id}"

    @property
    def revision(self) -> int:
        return letters.get_letter(self.where.id, self.campaign.letter_id).revision


def draft(where: make.Place, name: str = "Autumn letter", *, inner: str = LETTER, interests: int = 1) -> Made:
    with transaction():
        made = service.create(where.id, name, "code", by=where.owner_id)
        content.save_draft(where.id, made.letter_id, "Three new coffees", "Plum and cocoa", source(inner))
        if interests:
            chosen = [found.id for found in where.interests[:interests]]
            service.choose(where.id, made.id, name, chosen)
    return Made(where, made)


def launched(made: Made, *, delay: int = 0, send_at=None) -> int:
    with transaction():
        return service.launch(
            made.where.id,
            made.campaign.id,
            revision=made.revision,
            send_at=send_at,
            delay_seconds=delay,
            by=made.where.owner_id,
        )


@dataclass(frozen=True)
class World:
    """What the tests of a module begin with: a place with nobody in it, and one with readers and a draft."""

    empty: make.Place
    readers: list[Contact]
    made: Made


def _world() -> World:
    empty, where = place_with_sender(), place_with_sender()
    people = [make.person(where.id, f"reader{i}@example.org", f"Reader{i}") for i in range(3)]
    for who in people:
        make.confirmed(where, who)
    make.asked(where, make.person(where.id, "waiting@example.org", "Wanda"))
    return World(empty, people, draft(where))


world = ground(_world)


@pytest.fixture
def where(request, world, session):
    """With the draft and its readers for those who ask for them."""
    return world.made.where if {"made", "readers"} & set(request.fixturenames) else world.empty


@pytest.fixture
def readers(world, where):
    """Three who said yes, one who was asked only."""
    return world.readers


@pytest.fixture
def made(world, where):
    return world.made


@pytest.fixture
def staff(where, client):
    return Staff(client, owner_of(where))
