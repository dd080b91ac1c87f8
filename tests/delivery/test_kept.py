"""What a message names cannot go, though no foreign key says so."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import text

from app.consent.rules import By
from app.kernel.db import session, transaction
from app.people import service as people
from tests.conftest import grown
from tests.support import mailing
from tests.support.mailing import crowd, running, sums

DELETES = {
    "mailings": "DELETE FROM mailings WHERE no = (SELECT max(mailing_no) FROM messages)",
    "contacts": "DELETE FROM contacts WHERE id = (SELECT contact_id FROM messages WHERE permission_id IS NOT NULL LIMIT 1)",
    "permissions": "DELETE FROM permissions WHERE id = (SELECT permission_id FROM messages WHERE permission_id IS NOT NULL LIMIT 1)",
    "reach": "DELETE FROM reach WHERE id = (SELECT reach_id FROM messages WHERE permission_id IS NOT NULL LIMIT 1)",
}
RENUMBERS = {
    "contacts": "UPDATE contacts SET id = gen_random_uuid() WHERE id = (SELECT contact_id FROM messages WHERE permission_id IS NOT NULL LIMIT 1)",
    "permissions": "UPDATE permissions SET id = gen_random_uuid()"
    " WHERE id = (SELECT permission_id FROM messages WHERE permission_id IS NOT NULL LIMIT 1)",
    "reach": "UPDATE reach SET id = gen_random_uuid() WHERE id = (SELECT reach_id FROM messages WHERE permission_id IS NOT NULL LIMIT 1)",
    "mailings": "UPDATE mailings SET no = DEFAULT WHERE no = (SELECT max(mailing_no) FROM messages)",
}


def _crowded() -> mailing.Setting:
    made = mailing.setting()
    crowd(made, 3)
    return made


seed, world = grown(_crowded)


@pytest.fixture
def place(world, live):
    return world


@pytest.fixture
def owner(live):
    """The tables' owner, who may delete what the application may not."""
    with psycopg.connect(live.config["NOD"].database_url) as connection:
        yield connection
        connection.rollback()


@pytest.mark.parametrize("table", DELETES)
def test_even_the_owner_deletes_nothing_that_a_message_names(table, place, owner):
    running(place)
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match=f"a message names this row of {table}"):
        owner.execute(DELETES[table])


@pytest.mark.parametrize("table", RENUMBERS)
def test_nor_gives_it_another_number(table, place, owner):
    running(place)
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match=f"a message names this row of {table}"):
        owner.execute(RENUMBERS[table])


@pytest.mark.parametrize("table", DELETES)
def test_nor_empties_its_table(table, place, owner):
    running(place)
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match=f"messages name rows of {table}"):
        owner.execute(f"TRUNCATE {table} CASCADE")  # PostgreSQL asks this table's triggers first


@pytest.mark.parametrize("table", ["mailings", "permissions", "reach"])
def test_the_application_may_not_even_ask(table, place):
    running(place)
    with pytest.raises(Exception, match=f"permission denied for table {table}"), transaction():
        session().execute(text(DELETES[table]))


def test_the_application_deletes_no_contact_that_a_message_names(place):
    running(place)
    with pytest.raises(Exception, match="a message names this row of contacts"), transaction():
        session().execute(text(DELETES["contacts"]))


def test_what_no_message_names_can_go(place, owner):
    assert owner.execute("DELETE FROM permissions").rowcount == 3


def test_erasure_leaves_all_that_a_message_names(place):
    number = running(place)
    session().rollback()
    contact_id = (
        session()
        .execute(text("SELECT contact_id FROM messages WHERE permission_id IS NOT NULL LIMIT 1"))
        .scalar_one()
    )
    with transaction():
        assert people.erase(place.id, contact_id, by=By("system", "a test"))
    missing = (
        session()
        .execute(
            text(
                "SELECT count(*) FROM messages m WHERE NOT EXISTS (SELECT FROM contacts c WHERE c.id = m.contact_id)"
                " OR (m.permission_id IS NOT NULL AND NOT EXISTS (SELECT FROM permissions p WHERE p.id = m.permission_id AND p.contact_id = m.contact_id))"
                " OR NOT EXISTS (SELECT FROM reach r WHERE r.id = m.reach_id AND r.contact_id = m.contact_id)"
                " OR NOT EXISTS (SELECT FROM mailings g WHERE g.no = m.mailing_no AND g.workspace_id = m.workspace_id)"
            )
        )
        .scalar_one()
    )
    assert missing == 0
    assert sums(number).audience == 3
