"""Taking an import back: what it wrote goes, what was decided or written since stays."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import bindparam, text

from app.consent import queries as consent_queries
from app.consent import service as consent
from app.consent.rules import By, Proof
from app.contacts import queries as contacts
from app.contacts import service as contacts_service
from app.imports import classing, jobs, undoing
from app.kernel import clock
from app.kernel.db import session, transaction
from app.people import queries as people_queries
from app.people import service as people
from tests.imports.conftest import Importer
from tests.imports.test_importing import claimed, person
from tests.support import make

DAY = 86400


@pytest.fixture
def mara(where):
    with transaction():
        contacts_service.define_field(where.id, "City", "text", key="city")
        contacts_service.define_field(where.id, "Beans", "text", key="beans")
    who = make.person(where.id, "mara@example.org", "Mara")
    with transaction():
        contacts_service.set_fields(where.id, who.id, {"city": "Kiel"})
    return who


def bring(staff, rows: str, **more) -> str:
    url = staff.give(f"email,first name,last name,City,Beans\n{rows}")
    staff.check(url, **more)
    staff.take(url)
    return url


def take_back(staff, url: str) -> None:
    assert staff.post(f"{url}/undo", page=url).status_code == 303
    jobs.run()
    session().expire_all()
    assert staff.found(url).state == "undone"


def test_values_go_back_unless_somebody_wrote_over_them(staff, where, mara):
    url = bring(staff, "mara@example.org,Maria,Alt,Bremen,dark\n")
    with transaction():
        contacts_service.set_fields(where.id, mara.id, {"city": "Lübeck"})
        contacts_service.update_profile(where.id, mara.id, last_name="Neu")
    take_back(staff, url)
    found = person(where, "mara@example.org")
    assert (found.name, found.name_folded, found.fields) == ("Mara Neu", "mara neu", {"city": "Lübeck"})
    assert "was taken back" in staff.get(url).text
    assert staff.post(f"{url}/undo", page="/people/import").status_code == 409


def test_whom_it_brought_in_goes_where_nothing_else_is_known_of_them(staff, where):
    url = staff.give("email\nnew@example.org\nasked@example.org\n")
    staff.check(url)
    staff.take(url)
    asked = person(where, "asked@example.org")
    make.asked(where, asked)
    take_back(staff, url)
    assert person(where, "new@example.org") is None
    assert person(where, "asked@example.org").id == asked.id
    assert session().execute(text("SELECT count(*) FROM contacts")).scalar_one() == 1
    assert staff.bring("email\nnew@example.org\n") == {"new": 1}, "they may come again"


def test_its_permissions_end_and_a_no_said_since_stays(staff, where, mara):
    url = bring(staff, "mara@example.org,,,,\nleft@example.org,,,,\nsaid@example.org,,,,\n", **claimed(where))
    topic = where.interests[0]
    left, said = person(where, "left@example.org"), person(where, "said@example.org")
    with transaction():
        consent.withdraw(where.id, left.id, [topic.id], by=By("person"), proof=Proof())
    make.confirmed(where, said)
    assert make.standing(where, mara)[topic.name] == "yes"
    take_back(staff, url)
    standing = {who.id: make.standing(where, who)[topic.name] for who in (mara, left, said)}
    assert standing == {mara.id: "no", left.id: "no", said.id: "yes"}
    again = staff.bring("email\nleft@example.org\n", **claimed(where))
    assert (again["yes"], again["no yes: has a no here"]) == (0, 1)


def test_after_thirty_days_it_stays_and_nothing_of_the_file_does(staff, where, mara):
    url = bring(staff, "mara@example.org,Maria,,,\nno address,,,,\n")
    clock.set_shift(31 * DAY)
    staff = Importer(staff.client, where)
    assert "Take this import back" not in staff.get(url).text
    assert staff.post(f"{url}/undo", page="/people/import").status_code == 409
    jobs.tidy()
    for table in ("import_rows", "import_changes", "import_chunks"):
        assert session().execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0
    assert staff.get(url).status_code == 200, "what became of it is still told"
    waiting = staff.give("email\nlater@example.org\n")
    clock.set_shift(39 * DAY)
    jobs.tidy()
    assert Importer(staff.client, where).get(waiting).status_code == 404, "nobody took it within a week"


def test_erasing_a_person_takes_them_out_of_files_that_wait(staff, where, mara):
    bring(staff, "mara@example.org,Maria,,,\n")
    waiting = staff.give("email,first name\nmara@example.org,Maria\nother@example.org,O\n")
    staff.check(waiting)
    with transaction():
        assert people_queries.export(where.id, mara.id)["imports"][0]["file"] == "people.csv"
        people.erase(where.id, mara.id, by=By("staff", str(where.owner_id)))
    assert session().execute(text("SELECT count(*) FROM import_changes WHERE contact_id = :id"), {"id": mara.id}).scalar_one() == 0
    assert session().execute(text("SELECT count(*) FROM import_rows WHERE key LIKE 'mara%'")).scalar_one() == 0
    assert staff.take(waiting) == {"new": 1}
    assert contacts.find_by_key(where.id, "mara@example.org") is None
    assert not consent_queries.choices(where.id, mara.id).interests


def test_what_is_known_of_a_person_is_looked_up_person_by_person(session, where):
    """A plan over whole tables, which may have ten million rows, took ten seconds for five hundred people."""
    classing.plan_by_index()
    query = text(f"EXPLAIN (COSTS OFF) {undoing.unknown_sql()}").bindparams(bindparam("people", expanding=True))
    plan = "\n".join(session.execute(query, {"workspace_id": where.id, "people": [where.id]}).scalars())
    assert [word for word in ("Seq Scan", "Hash", "Join", "Nested Loop") if word in plan] == []
    assert len(set(re.findall(r"^ +(SubPlan \d+)$", plan, re.MULTILINE))) == len(undoing.kept_in())
