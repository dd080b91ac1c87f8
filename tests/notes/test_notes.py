"""Notes: in the timeline with who wrote them, written anew by them alone, part of the person's data."""

from __future__ import annotations

import re

import pytest

from app.accounts.rules.roles import Role
from app.consent.rules import By
from app.kernel.db import transaction
from app.kernel.errors import Conflict, Forbidden, NotFound
from app.notes import queries, service
from app.people import queries as people
from app.people import service as people_service
from tests.people.conftest import Staff
from tests.support import make
from tests.support.accounts import make_member, sign_in


def write(where, who, body="Met in Kiel", by=None):
    with transaction():
        return service.write(where.id, who.id, body, by=by or where.owner_id)


def bodies(where, who):
    return [note.body for note in queries.list_notes(where.id, who.id)]


def test_a_note_stands_in_the_timeline_and_is_changed_there(staff, where, mara):
    path = f"/people/{mara.id}"
    assert staff.post(f"{path}/notes", body="Wants <decaf>\r\nin autumn").status_code == 303
    make.asked(where, mara)
    page = staff.get(f"{path}?kind=note").text
    assert "Note by Jonna" in page
    assert "Wants &lt;decaf&gt;\nin autumn" in page
    assert "Asked" not in page.partition('id="entries"')[2], "narrowed to notes"
    assert "Note by Jonna" not in staff.get(f"{path}?kind=permission").text
    url = re.search(r'href="(/people/[^"]*/notes/[^"]*)"', page)[1]
    assert staff.post(url, page=url, body="Wants none").status_code == 303
    assert "Note by Jonna, changed since" in staff.get(path).text
    assert bodies(where, mara) == ["Wants none"]
    assert staff.post(f"{url}/delete", page=url).status_code == 303
    assert bodies(where, mara) == []
    assert staff.get(url).status_code == 404


def test_a_note_that_does_not_fit_is_kept_on_the_page(staff, where, mara):
    for body, words in (("", "Write something."), ("x" * 5001, "5000 characters")):
        answer = staff.post(f"/people/{mara.id}/notes", body=body)
        assert answer.status_code == 422
        assert words in answer.text
        assert body in answer.text
    assert bodies(where, mara) == []


def test_only_who_wrote_a_note_writes_it_anew(client, where, mara):
    note = write(where, mara)
    other = make_member(where.id, Role.OWNER)
    with pytest.raises(Forbidden):
        service.change(where.id, mara.id, note.id, "Never met", by=other.user_id)
    page = Staff(client, other)
    url = f"/people/{mara.id}/notes/{note.id}"
    assert "<textarea" not in page.get(url).text
    assert page.post(url, body="Never met").status_code == 403
    assert bodies(where, mara) == ["Met in Kiel"]
    assert page.post(f"{url}/delete").status_code == 303, "an owner deletes what somebody left behind"


def test_who_may_only_read_reads_notes(client, where, mara):
    note = write(where, mara)
    assert sign_in(client, make_member(where.id, Role.VIEWER)).status_code == 303
    page = client.get(f"/people/{mara.id}").text
    assert "Met in Kiel" in page
    assert "Write a note" not in page
    assert str(note.id) not in page
    assert client.get(f"/people/{mara.id}/notes/{note.id}").status_code == 403


def test_a_note_belongs_to_its_person(where, mara):
    note = write(where, mara)
    nils = make.person(where.id, "nils@example.org")
    other = make.place("Other")
    for workspace_id, contact_id in ((where.id, nils.id), (other.id, mara.id)):
        with pytest.raises(NotFound):
            service.remove(workspace_id, contact_id, note.id)


def test_who_asks_for_their_data_gets_the_notes_and_erasing_deletes_them(staff, where, mara):
    write(where, mara)
    (told,) = people.export(where.id, mara.id)["notes"]
    assert (told["note"], told["by"]) == ("Met in Kiel", "Jonna")
    with transaction():
        people_service.erase(where.id, mara.id, by=By("system"))
    assert bodies(where, mara) == []
    with pytest.raises(Conflict):
        write(where, mara)
    assert "Write a note" not in staff.get(f"/people/{mara.id}").text
    assert staff.post(f"/people/{mara.id}/notes", page="/settings/you", body="x").status_code == 409
