"""The settings page of a workspace's own fields."""

from __future__ import annotations

from html import unescape

import pytest
from sqlalchemy import insert, text

from app.contacts import queries, service
from app.contacts.rules import index_name
from app.kernel import clock
from app.kernel.db import transaction
from app.segments.models import FieldIndex

PAGE = "/settings/fields"


def post(staff, path=PAGE, **form):
    return staff.post(path, page=PAGE, **form)


def labels(where, **more):
    return [found.label for found in queries.list_fields(where.id, **more)]


def test_a_field_is_added_and_asked_for(staff, where, mara):
    assert "No fields yet" in staff.get(PAGE).text
    assert post(staff, label="Größe (cm)", kind="number").status_code == 303
    (made,) = queries.list_fields(where.id)
    assert (made.label, made.key, made.kind) == ("Größe (cm)", "grosse_cm", "number")
    assert "Größe (cm)" in staff.get(PAGE).text
    assert 'name="c_grosse_cm"' in staff.get(f"/people/{mara.id}/edit").text
    assert 'name="c_grosse_cm"' in staff.get("/people/new").text


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"label": "", "kind": "text"}, "Write what the field is called."),
        ({"label": "Town", "kind": "secret"}, "Choose one of the kinds"),
        ({"label": "Town"}, "Choose one of the kinds"),
        ({"label": "Town", "kind": "text", "key": "Town!"}, "Use small letters"),
        ({"label": "生日", "kind": "date"}, "Use small letters"),
        ({"label": "Brews", "kind": "choice", "choices": "Filter"}, "at least two choices"),
        ({"label": "Town", "kind": "text", "workspace_id": "x"}, "not known here"),
    ],
)
def test_a_fault_is_told_beside_its_field(staff, where, form, words):
    answer = post(staff, **form)
    assert answer.status_code == 422
    assert words in unescape(answer.text)
    assert labels(where) == []


def test_a_key_is_taken_once(staff, where):
    post(staff, label="Town", kind="text")
    answer = post(staff, label="Town ", kind="text")
    assert answer.status_code == 409
    assert "There is a field with the key town already" in answer.text


def test_a_label_may_change_and_choices_may_grow_but_never_shrink(session, staff, where):
    post(staff, label="Brews", kind="choice", choices="Filter\r\nMoka\r\n\r\nMoka")
    (made,) = queries.list_fields(where.id)
    assert made.choices == ["Filter", "Moka"]
    assert post(staff, f"{PAGE}/{made.id}", label="Brews with", choices="Press\nFilter").status_code == 303
    session.expire_all()
    (made,) = queries.list_fields(where.id)
    assert (made.label, made.key, made.choices) == ("Brews with", "brews", ["Filter", "Moka", "Press"])
    answer = post(staff, f"{PAGE}/{made.id}", label=" ")
    assert answer.status_code == 422
    assert '<details class="check-row" open>' in answer.text


def test_an_archived_field_is_asked_no_longer_and_keeps_its_answers(session, staff, where, mara):
    with transaction():
        made = service.define_field(where.id, "Town", "text")
        service.set_fields(where.id, mara.id, {"town": "Kiel"})
    assert post(staff, f"{PAGE}/{made.id}/archive").status_code == 303
    session.expire_all()
    assert labels(where) == []
    assert 'name="c_town"' not in staff.get(f"/people/{mara.id}/edit").text
    assert "Kiel" in staff.get(f"/people/{mara.id}").text
    assert post(staff, f"{PAGE}/{made.id}/restore").status_code == 303
    session.expire_all()
    assert labels(where) == ["Town"]


def test_the_page_is_one_click_from_the_settings(staff):
    assert f'href="{PAGE}"' in staff.get("/settings").text


def test_a_field_that_segments_find_people_by_says_so(session, staff, where):
    post(staff, label="Town", kind="text")
    post(staff, label="Age", kind="number")
    (town,) = (found for found in queries.list_fields(where.id) if found.key == "town")
    assert "ndexed" not in staff.get(PAGE).text
    session.execute(insert(FieldIndex).values(field_id=town.id, workspace_id=where.id, used_at=clock.now()))
    assert "Being indexed" in staff.get(PAGE).text
    session.execute(text("SET ROLE NONE"))
    session.execute(text(f"CREATE INDEX {index_name(town.id)} ON contacts ((fields ->> 'town'))"))
    page = staff.get(PAGE).text
    assert page.count("<small>Text, indexed</small>") == page.count("Indexed: segments find people by it") == 1
    assert "<small>Number</small>" in page
