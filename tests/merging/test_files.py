"""Files that bring the address of somebody who was merged: it is who they are now, and nobody comes back."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.consent import service as consent
from app.consent.rules import By, Reason
from app.contacts import queries as contacts
from app.imports import jobs
from app.kernel.db import transaction
from app.merging import service
from tests.imports.conftest import Importer
from tests.imports.test_importing import claimed
from tests.support import make

OTHER = "mara.lindqvist@example.net"


@pytest.fixture
def staff(where, client):
    return Importer(client, where)


@pytest.fixture
def done(where, mara, double):
    with transaction():
        return service.merge(where.id, mara.id, double.id, by=By("system"), takes=())


def people(session):
    return session.execute(text("SELECT count(*) FROM contacts")).scalar_one()


def test_a_row_with_the_other_address_changes_the_survivor_once(session, staff, where, mara, done):
    before = people(session)
    found = staff.bring(f"email,first name\n{OTHER},Maria\nmara@example.org,Marla\nnew@example.org,Neu\n")
    assert (found["changed"], found["new"]) == (1, 1)
    assert sum(n for word, n in found.items() if "twice" in word.lower()) == 1
    assert people(session) == before + 1
    assert contacts.get_contact(where.id, mara.id).first_name == "Maria"
    assert contacts.find_address(where.id, mara.id).address == "mara@example.org"


def test_a_claim_with_the_other_address_is_the_survivors_and_stands_against_no_word_of_either(
    session, staff, where, mara, double, done
):
    found = staff.bring(f"email,signed up at\n{OTHER},2026-01-05\n", **claimed(where))
    assert found["yes"] == 1
    assert make.standing(where, mara) == {"New coffees": "yes"}
    assert make.standing(where, double) == {}
    with transaction():
        consent.suppress(where.id, mara.id, Reason.NEVER, by=By("system"))
    again = staff.bring(f"email,signed up at\n{OTHER},2026-01-05\n", **claimed(where))
    assert again.get("yes", 0) == 0, "the other mailbox is suppressed as well"


def test_merged_while_the_file_is_taken_nobody_is_lost(session, staff, where, mara, double):
    url = staff.give(f"email,first name,signed up at\n{OTHER},Maria,2026-01-05\nmara@example.org,Maria,2026-01-05\n")
    staff.check(url, **claimed(where))
    with transaction():
        service.merge(where.id, mara.id, double.id, by=By("system"), takes=())
    staff.take(url)
    assert staff.found(url).state == "done"
    assert contacts.get_contact(where.id, mara.id).first_name == "Maria"
    assert make.standing(where, mara) == {"New coffees": "yes"}


def test_taking_a_file_back_keeps_who_was_merged_since(session, staff, where, mara):
    url = staff.give(f"email,first name,signed up at\n{OTHER},Maria,2026-01-05\n")
    staff.check(url, **claimed(where))
    staff.take(url)
    other = contacts.find_by_key(where.id, OTHER)
    with transaction():
        done = service.merge(where.id, mara.id, other.id, by=By("system"), takes={"email"})
    assert make.standing(where, mara) == {"New coffees": "yes"}
    assert staff.post(f"{url}/undo", page=url).status_code == 303
    jobs.run()
    session.expire_all()
    assert staff.found(url).state == "undone"
    assert make.standing(where, mara) == {"New coffees": "no"}
    with transaction():
        service.undo(where.id, done.merge_id, by=By("system"))
    assert make.standing(where, other) == {"New coffees": "no"}
