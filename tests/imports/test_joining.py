"""Columns that put people into something: tags, told at the check as they are taken, and taken out again."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.accounts.rules import acts
from app.groups import queries as companies
from app.groups import service as groups
from app.groups.rules import Kind
from app.imports import exporting
from app.kernel.db import session, transaction
from app.tags import module, queries, rules, service
from tests.imports.test_importing import person
from tests.imports.test_undoing import take_back
from tests.support import make


@pytest.fixture
def mara(where):
    who = make.person(where.id, "mara@example.org", "Mara")
    with transaction():
        service.add(where.id, who.id, rules.fold(["VIP"]))
    return who


def tags_of(where, address):
    return [word for _, word in queries.tags_of(where.id, person(where, address).id)]


def words(where):
    return [word for _, word in queries.list_words(where.id)]


def test_a_file_adds_tags_and_takes_none_away(staff, where, mara):
    found = staff.bring(
        'email,tags\nmara@example.org,"vip, wholesale"\nnew@example.org,"""Wholesale"",""met in Kiel"""\nplain@example.org,\nmore@example.org,wholesale\n'
    )
    assert found == {"new": 3, "changed": 1}
    assert tags_of(where, "mara@example.org") == ["VIP", "wholesale"], "as most rows write it"
    assert tags_of(where, "new@example.org") == ["met in Kiel", "wholesale"]
    assert tags_of(where, "plain@example.org") == []
    assert staff.bring("email,tags\nmara@example.org,WHOLESALE;vip\nnew@example.org,\n") == {"unchanged": 2}
    assert words(where) == ["met in Kiel", "VIP", "wholesale"]


@pytest.mark.parametrize("known", ["fill", "skip"])
def test_people_who_are_left_as_they_are_get_no_tag(staff, where, mara, known):
    staff.bring("email,tags\nmara@example.org,wholesale\n", known=known)
    assert tags_of(where, "mara@example.org") == (["VIP", "wholesale"] if known == "fill" else ["VIP"])


def test_a_row_with_what_is_no_tag_says_so(staff, where):
    url = staff.give(f"email,tags\na@example.org,{'x' * 41}\nb@example.org,{';'.join(map(str, range(51)))}\n")
    staff.check(url)
    assert dict(staff.found(url).checked) == {
        "tags: Write a tag of at most 40 characters.": 1,
        "tags: A person carries 50 tags at most.": 1,
    }


def test_a_column_of_something_else_does_not_flood_the_list(staff, where, mara, monkeypatch):
    monkeypatch.setattr("app.imports.joining.MAX_TAGS", 3)
    url = staff.give("email,tags\na@example.org,one\nb@example.org,two\nc@example.org,three\n")
    staff.check(url)
    assert staff.found(url).state == "failed"
    assert "would bring 3 new tags" in staff.get(url).text
    assert words(where) == ["VIP"]


def test_taken_back_its_tags_go_and_those_of_others_stay(staff, where, mara):
    url = staff.give("email,tags\nmara@example.org,vip;wholesale\nnew@example.org,fresh\nkept@example.org,fresh;seen\n")
    staff.check(url)
    staff.take(url)
    with transaction():
        service.add(where.id, person(where, "kept@example.org").id, rules.fold(["by hand", "seen"]))
    take_back(staff, url)
    assert tags_of(where, "mara@example.org") == ["VIP"]
    assert person(where, "new@example.org") is None
    assert tags_of(where, "kept@example.org") == ["by hand"]
    assert words(where) == ["by hand", "VIP"], "what it brought and nobody carries is gone"
    module._tidy()
    assert session().execute(text("SELECT count(*) FROM tags")).scalar_one() == 2


def test_an_export_of_people_has_their_tags(where, mara):
    with transaction():
        export_id = exporting.start(where.id, "people", "csv", by=where.owner_id)
        service.add(where.id, mara.id, rules.fold(["wholesale"]))
    exporting.run()
    found = exporting.get_export(where.id, where.owner_id, export_id)
    written = b"".join(exporting.iter_octets(export_id, found.chunks)).decode()
    heading, row = written.splitlines()
    assert heading.split(",")[6] == '"tags"'
    assert '"VIP, wholesale"' in row


def employed(where, address):
    return companies.companies_of(where.id, [person(where, address).id]).get(person(where, address).id, ("",))[0]


def test_a_file_puts_people_into_companies_found_or_made_by_name(staff, where, mara):
    assert staff.bring("email,Company\nmara@example.org,Acme GmbH\nnew@example.org,ACME gmbh\nb@example.org,Acme GmbH\nc@example.org,\n") == {
        "new": 3,
        "changed": 1,
    }
    assert [employed(where, f"{who}@example.org") for who in ("mara", "new", "c")] == ["Acme GmbH", "Acme GmbH", ""]
    assert staff.bring("email,Company\nmara@example.org,acme gmbh\n") == {"unchanged": 1}
    assert staff.bring("email,Company\nmara@example.org,Bolt\nc@example.org,Bolt\n", known="fill") == {"changed": 1, "unchanged": 1}
    assert [employed(where, f"{who}@example.org") for who in ("mara", "c")] == ["Acme GmbH", "Bolt"]
    assert staff.bring("email,Company\nmara@example.org,Bolt\n") == {"changed": 1}
    assert employed(where, "mara@example.org") == "Bolt"


def test_taken_back_everybody_is_where_they_were_unless_put_elsewhere_since(staff, where, mara):
    staff.bring("email,Company\nmara@example.org,Old\nnils@example.org,Old\n")
    old = companies.find_by_name(where.id, Kind.COMPANY, "Old")
    with transaction():
        groups.join(where.id, Kind.COMPANY, old.id, mara.id, role="Buyer")
    url = staff.give("email,Company\nmara@example.org,Fresh\nnils@example.org,Fresh\nnew@example.org,Fresh\n")
    staff.check(url)
    staff.take(url)
    with transaction():
        other = groups.find_or_create(where.id, Kind.COMPANY, "Other", by=acts.COMMAND)
        groups.join(where.id, Kind.COMPANY, other.id, person(where, "nils@example.org").id)
    take_back(staff, url)
    assert companies.companies_of(where.id, [mara.id])[mara.id] == ("Old", "Buyer")
    assert employed(where, "nils@example.org") == "Other"
    assert person(where, "new@example.org") is None
    assert [row.name for row in companies.list_groups(where.id, Kind.COMPANY).rows] == ["Old", "Other"]
