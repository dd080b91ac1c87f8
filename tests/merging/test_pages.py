"""The pages and the API of doubles, and whoever tries to use them for something else."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.accounts.rules.roles import Role
from app.consent import service as consent
from app.consent.rules import By, Proof
from app.contacts import queries as contacts
from app.contacts import service as contacts_service
from app.kernel.db import transaction
from app.kernel.ids import uuid7
from tests.people.conftest import Staff
from tests.support import make, programs
from tests.support.accounts import make_member

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def key(where):
    return programs.key_of(where.id)


def merged_into(session, who):
    session.expire_all()
    return contacts.get_contact(who.workspace_id, who.id).merged_into


def test_an_empty_page_says_what_is_compared(staff, where, mara):
    page = staff.get("/people/doubles").text
    assert "No doubles" in page
    assert "customer_id" in page
    assert 'href="/people/doubles"' in staff.get("/people").text


def test_from_the_list_of_doubles_to_one_person_and_back(session, staff, where):
    mara = make.person(where.id, "mara.l@gmail.com", "Mara")
    other = make.person(where.id, "maral@gmail.com", EVIL)
    make.confirmed(where, mara)
    make.confirmed(where, other)
    with transaction():
        consent.withdraw(where.id, other.id, [where.interests[0].id], by=By(), proof=Proof())
    page = staff.get("/people/doubles").text
    assert "Same mailbox, written differently" in page
    assert EVIL not in page
    path = f"/people/{mara.id}/merge/{other.id}"
    assert path in page
    page = staff.get(path).text
    assert EVIL not in page
    assert "alert(1)" in page
    assert "New coffees" in page
    for value in ("own", "other"):
        assert f'name="take-first_name" value="{value}"' in page
    answer = staff.post(path, page=path, **{"take-first_name": "own", "take-email": "other"})
    assert answer.headers["Location"] == f"/people/{mara.id}"
    assert merged_into(session, other) == mara.id
    page = staff.get(f"/people/{mara.id}").text
    assert "maral@gmail.com" in page
    assert "Merged entries" in page
    assert EVIL not in page
    assert "Merged with another entry, and a no of either stands" in page
    assert staff.get(f"/people/{other.id}").headers["Location"] == f"/people/{mara.id}"
    assert staff.get(path).headers["Location"] == f"/people/{mara.id}"

    (undo,) = {part.split('"')[0] for part in page.split('href="')[1:] if part.startswith("/people/merges/")}
    assert EVIL not in staff.get(undo).text
    assert staff.post(undo, page=undo).headers["Location"] == f"/people/{mara.id}"
    assert merged_into(session, other) is None
    assert "Merged entries" not in staff.get(f"/people/{mara.id}").text
    assert staff.get(undo).status_code == 409
    assert "No doubles" in staff.get("/people/doubles").text


def test_from_a_persons_page_by_address(staff, where, mara, double):
    find = f"/people/{mara.id}/merge"
    assert find in staff.get(f"/people/{mara.id}").text
    assert staff.get(find).status_code == 200
    answer = staff.get(f"{find}?email=Mara.Lindqvist@Example.net")
    assert answer.headers["Location"] == f"/people/{mara.id}/merge/{double.id}"
    assert "Nobody here has this address." in staff.get(f"{find}?email=x@example.org").text
    for typed, status in (("mara@example.org", 422), ("nonsense", 422), ("", 422), ("x@example.org", 404)):
        assert staff.get(find, query_string={"email": typed}).status_code == status


def test_the_page_says_for_which_mailbox_a_yes_holds(staff, where, mara, double):
    make.confirmed(where, double, interests=1)
    page = staff.get(f"/people/{mara.id}/merge/{double.id}").text
    assert "nothing said</span><br><small>with the other mailbox: yes" in page
    turned = staff.get(f"/people/{double.id}/merge/{mara.id}").text
    assert "yes</span><br><small>with the other mailbox: nothing said" in turned


def test_saying_that_they_are_two_is_remembered(staff, where):
    one, other = make.person(where.id, "m.l@gmail.com"), make.person(where.id, "ml@gmail.com")
    page = "/people/doubles"
    assert "These are two people" in staff.get(page).text
    answer = staff.post("/people/doubles/apart", page=page, one=str(one.id), other=str(other.id))
    assert answer.status_code == 303
    assert "Remembered" in staff.get(answer.headers["Location"]).text
    assert "No doubles" in staff.get(page).text
    assert staff.post("/people/doubles/apart", page=page, one="x", other="y").status_code == 422


def test_the_erased_oneself_and_strangers_are_refused(session, staff, where, mara, double):
    stranger = make.person(make.place("Theirs").id)
    page = f"/people/{mara.id}/merge/{double.id}"
    for other, status in ((stranger.id, 404), (uuid7(), 404), (mara.id, 409)):
        assert staff.get(f"/people/{mara.id}/merge/{other}").status_code == status
        assert staff.post(f"/people/{mara.id}/merge/{other}", page=page).status_code in {404, 409, 422}
        assert staff.post(f"/people/{other}/merge/{mara.id}", page=page).status_code in {404, 409, 422}
    with transaction():
        from app.people import service as people

        people.erase(where.id, double.id, by=By("system"))
    assert staff.get(page).status_code == 409
    assert staff.post(page, page="/people").status_code == 409
    assert session.execute(text("SELECT count(*) FROM merges")).scalar_one() == 0


def test_a_post_needs_the_token_and_the_right(session, staff, client, where, mara, double):
    path = f"/people/{mara.id}/merge/{double.id}"
    for posted in (path, "/people/doubles/apart"):
        assert staff.client.post(posted, data={"one": mara.id, "other": double.id}).status_code in {400, 403}
    reader = Staff(client.application.test_client(), make_member(where.id, Role.VIEWER))
    assert reader.get("/people/doubles").status_code == 200
    assert reader.get(path).status_code == 403
    assert reader.post(path).status_code == 403
    assert merged_into(session, double) is None


def test_a_field_that_is_not_asked_for_is_refused_and_nothing_happens(session, staff, where, mara, double):
    path = f"/people/{mara.id}/merge/{double.id}"
    for name, value in (("take-id", "other"), ("take-erased_at", "other"), ("workspace_id", "1"), ("take-email", "x")):
        assert staff.post(path, page=path, **{name: value}).status_code == 422
    assert merged_into(session, double) is None


def test_programs_merge_once_and_take_it_back(session, client, key, where, mara, double):
    with transaction():
        contacts_service.update_profile(where.id, double.id, last_name="Lindqvist")
    body = {"survivor": str(mara.id), "merged": str(double.id)}
    first = client.post("/api/v1/people/merge", json=body, headers=key)
    assert first.status_code == 201
    assert first.json["person"] == str(mara.id)
    session.expire_all()
    assert contacts.get_contact(where.id, mara.id).last_name == "Lindqvist", "what is offered first"
    swapped = {"survivor": str(double.id), "merged": str(mara.id)}
    for again in (body, swapped):
        answer = client.post("/api/v1/people/merge", json=again, headers=key)
        assert (answer.status_code, answer.json) == (200, first.json)
    # What programs know them by still leads to them.
    make.confirmed(where, mara)
    assert client.post(f"/api/v1/people/{double.id}/objection", json={}, headers=key).status_code == 201
    assert set(make.standing(where, mara).values()) == {"no"}
    assert client.get(f"/api/v1/people/{double.id}/evidence", headers=key).json["person"] == str(mara.id)
    undo = f"/api/v1/people/merges/{first.json['merge']}/undo"
    assert client.post(undo, headers=key).json == {"undone": True}
    assert client.post(undo, headers=key).json == {"undone": False}


def test_programs_are_told_what_is_wrong(session, client, key, where, mara):
    stranger = make.person(make.place("Theirs").id)
    for merged, take, status in (
        (mara.id, None, 422), (stranger.id, None, 404), (uuid7(), None, 404), ("x", None, 422),
        (make.person(where.id).id, ["erased_at"], 422), (make.person(where.id).id, "email", 422),
    ):  # fmt: skip
        body = {"survivor": str(mara.id), "merged": str(merged)} | ({"take": take} if take else {})
        assert client.post("/api/v1/people/merge", json=body, headers=key).status_code == status
    assert client.post("/api/v1/people/merge", json={}, headers=key).status_code == 422
    assert client.post("/api/v1/people/merge", json={"survivor": str(mara.id)}).status_code == 401


def test_programs_list_doubles_and_tell_them_apart(session, client, key, where):
    one, other = make.person(where.id, "m.l@gmail.com"), make.person(where.id, "ml@gmail.com")
    answer = client.get("/api/v1/people/doubles", headers=key).json
    assert answer == {"doubles": [{"people": [str(one.id), str(other.id)], "reasons": ["mailbox"]}], "next": None}
    body = {"one": str(one.id), "other": [str(other.id)]}
    assert client.post("/api/v1/people/doubles/apart", json=body, headers=key).status_code == 200
    assert client.get("/api/v1/people/doubles", headers=key).json["doubles"] == []
