"""Saying that an event is wrong: another event, which only takes away; for who may, and for what gives something."""

from __future__ import annotations

import re
from html import unescape

import pytest

from app.accounts.rules.roles import Role
from app.consent import history
from app.consent import service as consent
from app.consent.rules import By, Kind, Level, Proof, State
from app.kernel.db import transaction
from tests.people.conftest import Staff
from tests.support import make
from tests.support.accounts import make_member


def page_of(staff, who) -> str:
    return unescape(staff.get(f"/people/{who.id}").text)


def event_of(where, who, kind: Kind):
    return next(entry for entry in history.list_history(where.id, who.id) if entry.kind is kind)


def path_of(who, entry) -> str:
    return f"/people/{who.id}/events/{entry.event_id}/wrong"


def linked(page: str) -> set[str]:
    return set(re.findall(r'href="([^"]+/wrong)"', page))


def enter(staff, who, entry, **form):
    return staff.post(path_of(who, entry), **form)


def test_a_yes_of_the_wrong_person_is_taken_away_and_stays_to_be_read(session, staff, where, mara):
    make.confirmed(where, mara, tracking=Level.INDIVIDUAL)
    yes, asked = event_of(where, mara, Kind.CONFIRMED), event_of(where, mara, Kind.REQUESTED)
    assert linked(page_of(staff, mara)) == {path_of(mara, yes), path_of(mara, asked)}
    page = unescape(staff.get(path_of(mara, yes)).text)
    assert "Said yes" in page
    assert "Nothing more goes out about New coffees by email." in page
    assert "Opens and clicks are not measured any more." in page
    assert "nothing is deleted" in page
    answer = enter(staff, mara, yes, remark=" ")
    assert answer.status_code == 422
    assert "Say what is wrong about it." in answer.text
    assert make.standing(where, mara) == {"New coffees": "yes", "Brewing letters": "yes"}

    answer = enter(staff, mara, yes, remark="It was her sister's address.")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/people/{mara.id}#timeline")
    assert make.standing(where, mara) == {"New coffees": "no", "Brewing letters": "no"}
    made, before, *_ = history.list_history(where.id, mara.id)
    assert history.tracking_level(where.id, mara.id) == (Level.NONE, made.event_id)
    assert (made.kind, made.body["corrects"], made.body["actor"]) == (
        Kind.CORRECTED, str(yes.event_id), {"id": str(where.owner_id), "kind": "staff"},
    )  # fmt: skip
    assert before == yes
    page = page_of(staff, mara)
    assert "Corrected" in page
    assert "It was her sister's address." in page
    assert linked(page) == {path_of(mara, asked)}
    # Once, and never back.
    for entry in (yes, made):
        assert staff.get(path_of(mara, entry)).status_code == 409
        assert enter(staff, mara, entry, remark="Again.").status_code == 409
    assert "No permission stands on this event now" in unescape(staff.get(path_of(mara, asked)).text)


def test_a_question_that_was_wrong_gets_no_answer_any_more(session, staff, where, mara):
    request = make.asked(where, mara)
    entry = event_of(where, mara, Kind.REQUESTED)
    assert "The question about New coffees by email is called off." in unescape(
        staff.get(path_of(mara, entry)).text
    )
    assert enter(staff, mara, entry, remark="Another Mara.").status_code == 303
    assert set(make.standing(where, mara).values()) == {State.NO}
    with pytest.raises(consent.RequestOver), transaction():
        consent.confirm(request.id, by=By(), proof=Proof())


def test_a_no_and_who_was_erased_offer_nothing(session, staff, where, mara):
    make.confirmed(where, mara)
    with transaction():
        consent.withdraw(where.id, mara.id, [where.interests[0].id], by=By(), proof=Proof())
        consent.set_tracking(where.id, mara.id, Level.INDIVIDUAL, by=By(), proof=Proof())
        consent.set_tracking(where.id, mara.id, Level.NONE, by=By(), proof=Proof())
    no, yes = event_of(where, mara, Kind.WITHDRAWN), event_of(where, mara, Kind.CONFIRMED)
    refused = event_of(where, mara, Kind.CHANGED)
    assert linked(page_of(staff, mara)).isdisjoint({path_of(mara, no), path_of(mara, refused)})
    for entry in (no, refused):
        assert enter(staff, mara, entry, remark="She meant yes.").status_code == 409
    other = make.person(where.id)
    assert enter(staff, other, yes, remark="Not hers.").status_code == 404
    staff.post(f"/people/{mara.id}/erase", page=f"/people/{mara.id}/erase", word="erase")
    assert not linked(page_of(staff, mara))
    assert enter(staff, mara, yes, remark="Too late.").status_code == 409


def test_who_may_not_change_people_sees_no_link_and_is_refused(app, where, mara):
    make.confirmed(where, mara)
    viewer = Staff(app.test_client(), make_member(where.id, Role.VIEWER, "viewer@ostkai.example"))
    assert not linked(page_of(viewer, mara))
    yes = event_of(where, mara, Kind.CONFIRMED)
    assert viewer.get(path_of(mara, yes)).status_code == 403
    assert enter(viewer, mara, yes, remark="x").status_code == 403
    assert make.standing(where, mara)["New coffees"] == "yes"
