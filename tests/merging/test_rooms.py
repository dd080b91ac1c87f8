"""What other rooms keep of a person goes over once, and comes back as it was: tags, notes, companies, signals of programs."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.accounts.rules import acts
from app.consent.rules import By
from app.groups import queries as groups
from app.groups import service as groups_service
from app.groups.rules import Details, Kind
from app.kernel.db import transaction
from app.merging import service
from app.notes import queries as notes
from app.notes import service as notes_service
from app.tags import queries as tags
from app.tags import rules as tag_rules
from app.tags import service as tags_service
from tests.support import programs

BY = By("system")


@pytest.fixture
def key(where):
    return programs.key_of(where.id)


def tag(where, who, *words):
    with transaction():
        tags_service.add(where.id, who.id, tag_rules.fold(words))


def carried(where, who):
    return [word for _, word in tags.tags_of(where.id, who.id)]


def merge(session, where, own, other):
    with transaction():
        done = service.merge(where.id, own.id, other.id, by=BY)
    session.expire_all()
    return done


def undo(session, where, done):
    with transaction():
        service.undo(where.id, done.merge_id, by=BY)
    session.expire_all()


def test_tags_of_both_are_carried_once_and_each_has_their_own_again(session, where, mara, double):
    tag(where, mara, "retail", "kiel")
    tag(where, double, "wholesale", "kiel", "old")
    done = merge(session, where, mara, double)
    assert carried(where, mara) == ["kiel", "old", "retail", "wholesale"]
    assert carried(where, double) == []
    tag(where, mara, "since")
    with transaction():
        (gone,) = (tag_id for tag_id, word in tags.tags_of(where.id, mara.id) if word == "kiel")
        session.execute(text("DELETE FROM contact_tags WHERE tag_id = :id"), {"id": gone})
        session.execute(text("DELETE FROM tags WHERE id = :id"), {"id": gone})
    undo(session, where, done)
    assert carried(where, mara) == ["retail", "since"]
    assert carried(where, double) == ["old", "wholesale"], "a tag that is gone from the list stays gone"


def test_the_survivors_company_stands_and_the_other_ones_comes_back(session, where, mara, double):
    with transaction():
        acme, other = (
            groups_service.create(where.id, Kind.COMPANY, Details(name), by=acts.COMMAND) for name in ("Acme", "Zoo")
        )
        home = groups_service.create(where.id, Kind.HOUSEHOLD, Details("Lindqvist"), by=acts.COMMAND)
        groups_service.join(where.id, Kind.COMPANY, acme.id, mara.id, role="Buyer")
        groups_service.join(where.id, Kind.COMPANY, other.id, double.id, role="Keeper")
        groups_service.join(where.id, Kind.HOUSEHOLD, home.id, double.id)

    def belonging(who):
        found = groups.belonging(where.id, who.id)
        return {one.kind: (one.name, one.role) for one in found if not one.is_guess}

    before = belonging(double)
    done = merge(session, where, mara, double)
    assert belonging(mara) == {Kind.COMPANY: ("Acme", "Buyer"), Kind.HOUSEHOLD: ("Lindqvist", "")}
    assert groups.list_members(where.id, other.id).rows == []
    assert [row.contact_id for row in groups.list_members(where.id, home.id).rows] == [mara.id]
    undo(session, where, done)
    assert belonging(mara) == {Kind.COMPANY: ("Acme", "Buyer")}
    assert belonging(double) == before == {Kind.COMPANY: ("Zoo", "Keeper"), Kind.HOUSEHOLD: ("Lindqvist", "")}


def test_notes_go_over_and_come_back(session, where, mara, double):
    with transaction():
        notes_service.write(where.id, double.id, "Met in Kiel", by=where.owner_id)
    done = merge(session, where, mara, double)
    assert [note.body for note in notes.list_notes(where.id, mara.id)] == ["Met in Kiel"]
    undo(session, where, done)
    assert [note.body for note in notes.list_notes(where.id, double.id)] == ["Met in Kiel"]
    assert notes.list_notes(where.id, mara.id) == []


def test_what_programs_tell_of_either_is_the_survivors(session, client, key, where, mara, double):
    def told(who):
        query = text("SELECT count(*) FROM signals WHERE contact_id = :id AND kind = 'own.visited'")
        return session.execute(query, {"id": who.id}).scalar_one()

    def tell(name, **whom):
        body = {"signals": [{"id": name, "kind": "visited", **whom}]}
        answer = client.post("/api/v1/signals", json=body, headers=key)
        assert answer.json["stored"] == 1, answer.json

    tell("before", person=str(double.id))
    done = merge(session, where, mara, double)
    tell("by id", person=str(double.id))
    tell("by address", email="mara.lindqvist@example.net")
    assert (told(mara), told(double)) == (3, 0)
    tag(where, mara, "kiel")
    assert client.get(f"/api/v1/people/{double.id}/tags", headers=key).json == {"tags": ["kiel"]}
    body = {"add": ["new"], "remove": ["kiel"]}
    assert client.post(f"/api/v1/people/{double.id}/tags", json=body, headers=key).json == {"tags": ["new"]}
    assert carried(where, mara) == ["new"]
    undo(session, where, done)
    assert (told(mara), told(double)) == (2, 1)


def test_nothing_is_written_on_an_entry_that_is_somebody_else_now(session, staff, where, mara, double):
    merge(session, where, mara, double)
    for path, form in (("notes", {"body": "x"}), ("tags", {"tag": "x"}), ("edit", {"first_name": "x"})):
        assert staff.post(f"/people/{double.id}/{path}", page="/people", **form).status_code == 409
