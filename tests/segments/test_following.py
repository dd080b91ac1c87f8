"""Who comes into a followed segment and who goes: exactly the difference, once, and nothing of who is gone for good."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.accounts.rules import acts
from app.contacts import service as contacts
from app.kernel import clock
from app.kernel.db import transaction
from app.kernel.errors import NotFound
from app.segments import following, service
from tests.people.conftest import Staff, owner_of
from tests.segments.test_api import PATH, program  # noqa: F401  a fixture
from tests.segments.test_service import tree
from tests.support import make


@pytest.fixture
def maras(where):
    with transaction():
        made = service.create(where.id, "Maras", tree(), by=acts.COMMAND)
        following.follow(where.id, made.id, by=acts.COMMAND)
    return made.id


def look(later=timedelta(minutes=3)):
    with transaction() as session:
        session.execute(text("UPDATE segment_follows SET next_look_at = next_look_at - :later"), {"later": later})
    following.run()


def called(where, who, name):
    with transaction():
        contacts.update_profile(where.id, who.id, first_name=name)


def told(where, segment_id):
    with transaction():
        return [(one.contact_id, one.entered) for one in following.list_changes(where.id, segment_id)]


def members():
    with transaction() as session:
        return set(session.execute(text("SELECT contact_id FROM segment_members")).scalars())


def test_the_first_look_tells_of_nobody_and_the_next_ones_of_the_difference(where, maras):
    mara, nils, ada = (make.person(where.id, f"{n}@example.org", n) for n in ("Mara", "Nils", "Ada"))
    look()
    assert (members(), told(where, maras)) == ({mara.id}, [])
    look()
    assert told(where, maras) == []
    called(where, mara, "Mia")
    called(where, nils, "Mara")
    look()
    assert sorted(told(where, maras)) == sorted([(mara.id, False), (nils.id, True)])
    called(where, mara, "Mara")
    look()
    assert told(where, maras)[2:] == [(mara.id, True)]
    assert members() == {mara.id, nils.id}
    assert ada.id not in members()


def test_other_rules_are_a_difference_too(where, maras):
    mara, nils = (make.person(where.id, f"{n}@example.org", n) for n in ("Mara", "Nils"))
    look()
    with transaction():
        service.change(where.id, maras, "Maras", tree("Nils"), version=1, by=acts.COMMAND)
    look()
    assert sorted(told(where, maras)) == sorted([(mara.id, False), (nils.id, True)])
    with transaction() as session:
        assert set(session.execute(text("SELECT version FROM segment_changes")).scalars()) == {2}


def test_a_look_that_comes_to_nothing_says_why_and_changes_nothing(where, maras):
    mara = make.person(where.id, "mara@example.org")
    look()
    with transaction() as session:
        session.execute(text("UPDATE segment_versions SET tree = replace(tree::text, 'first_name', 'gone')::jsonb"))
    look()
    with transaction():
        found = following.find(where.id, maras)
        assert "cannot be told any more" in found.fault
        assert found.next_look_at > clock.now() + timedelta(minutes=10)
    assert members() == {mara.id}
    # And keeps no other one up.
    with transaction():
        other = service.create(where.id, "Others", tree("Nils"), by=acts.COMMAND).id
        following.follow(where.id, other, by=acts.COMMAND)
    following.run()
    with transaction():
        assert following.find(where.id, other).looked_at is not None


def test_a_look_that_took_long_is_taken_more_seldom(where, maras, monkeypatch):
    ticks = iter([0.0, 0.0, 30.0, 30.0])
    monkeypatch.setattr(following.time, "monotonic", lambda: next(ticks, 100.0))
    with transaction():
        assert following.look_once()
        assert following.find(where.id, maras).next_look_at >= clock.now() + timedelta(minutes=9)


def test_erasure_forgets_and_tells_of_nobody(where, maras):
    mara = make.person(where.id, "mara@example.org", "Nils")
    look()
    called(where, mara, "Mara")
    look()
    assert len(told(where, maras)) == 1
    with transaction():
        entry = following.timeline(where.id, mara.id, None, 10)[0]
        assert (entry.title, entry.detail) == ("Came into a segment", "Maras")
        assert following.export(where.id, mara.id)[0] == {"segment": "Maras", "is": "in it"}
        following.erase(where.id, mara.id)
        contacts.erase(where.id, mara.id)
    look()
    assert (members(), told(where, maras)) == (set(), [])


def test_who_stops_following_forgets(where, maras):
    make.person(where.id, "mara@example.org")
    look()
    with transaction():
        following.unfollow(where.id, maras, by=acts.COMMAND)
        following.unfollow(where.id, maras, by=acts.COMMAND)
        assert following.find(where.id, maras) is None
    look()
    assert members() == set()
    with pytest.raises(NotFound), transaction():
        following.follow(make.place().id, maras, by=acts.COMMAND)


def test_old_changes_are_forgotten(where, maras):
    mara = make.person(where.id, "mara@example.org", "Nils")
    look()
    called(where, mara, "Mara")
    look()
    following.tidy()
    assert len(told(where, maras)) == 1
    with transaction() as session:
        session.execute(text("UPDATE segment_changes SET at = at - interval '91 days'"))
    following.tidy()
    assert told(where, maras) == []


def test_the_page_shows_who_came_and_went(where, maras, client):
    staff = Staff(client, owner_of(where))
    page = f"/people/segments/{maras}"
    mara = make.person(where.id, "mara@example.org", "Nils")
    assert "The first look is being taken" in staff.get(page).text
    look()
    assert "Nobody has entered or left since" in staff.get(page).text
    called(where, mara, "Mara")
    look()
    shown = staff.get(page).text
    assert f'href="/people/{mara.id}">Mara</a> entered' in shown
    assert "Who entered and who left, each of the last 30 days" in shown
    assert staff.post(f"{page}/unfollow", page=page).status_code == 303
    assert "Nobody writes that down yet" in staff.get(page).text
    assert staff.post(f"{page}/follow", page=page).status_code == 303


def test_programs_read_on_where_they_were(where, maras, program):  # noqa: F811
    one = f"{PATH}/{maras}"
    people = [make.person(where.id, f"p{n}@example.org", "Nils") for n in range(3)]
    look()
    for who in people[:2]:
        called(where, who, "Mara")
    look()
    first = program("GET", f"{one}/changes").json
    assert [change["is"] for change in first["changes"]] == ["entered", "entered"]
    assert program("GET", f"{one}/changes?after={first['last']}").json == {"changes": [], "last": first["last"]}
    called(where, people[0], "Nils")
    look()
    rest = program("GET", f"{one}/changes?after={first['last']}").json["changes"]
    assert [(change["person"], change["is"]) for change in rest] == [(str(people[0].id), "left")]
    assert program("GET", f"{one}/changes?after=-1").status_code == 422
    assert program("DELETE", f"{one}/follow").json["followed"] is False
    assert program("PUT", f"{one}/follow").json["followed"] is True
