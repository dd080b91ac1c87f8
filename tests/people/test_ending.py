"""Permission that ends: staff are warned, people are asked once whether we may go on, and silence is a no."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.consent import queries as consent_queries
from app.consent import service as consent
from app.consent.queries import ending
from app.consent.rules import Basis, By
from app.consent.rules.grounds import Act, Claim
from app.content.systemmail import render_system
from app.delivery.rules import Prepared, Skip
from app.kernel import clock
from app.kernel.db import transaction
from app.kernel.errors import Conflict
from app.people import askable, renewing
from app.people.askable import Why
from tests.people.conftest import place_in
from tests.support import make, signup

PAGE = "/people/ending"


@pytest.fixture
def where(session):
    return place_in("CA", session)


def customer(where, ends_in: int = 30, **more):
    """Somebody whose inquiry lets us write for so many days more."""
    who = make.person(where.id, **more)
    with transaction():
        happened = clock.now() - timedelta(days=181 - ends_in)
        claim = Claim(Basis.IMPLIED_CASL, Act.INQUIRY, happened, reference="mail 7")
        assert consent.grant(where.id, who.id, where.interests[0].id, claim, by=By("staff", "7"))
    return who


def state(session, where, who) -> str:
    session.expire_all()
    with transaction():
        return consent_queries.choices(where.id, who.id).interests[where.interests[0].id].value


def start(where, why: Why | None = None) -> None:
    with transaction():
        renewing.start(where.id, why or askable.ending_soon(clock.now()), by=where.owner_id)
    renewing.run()


def ask_all_of_them(staff, why: str, **more):
    return staff.post(f"{PAGE}/ask", page=PAGE, why=why, **more)


def question(where, session) -> Prepared | Skip:
    """What the newest question's mail says."""
    session.expire_all()
    return signup.prepared(signup.messages("confirm")[-1], "confirm")


def test_staff_see_who_and_why_and_ask_with_one_button(staff, where, session):
    assert "No permission ends within 60 days" in staff.get(PAGE).text
    soon = customer(where, address="mara@example.org")
    customer(where, ends_in=90)
    make.confirmed(where, make.person(where.id))
    page = staff.get(PAGE).text
    assert "mara@example.org" in page
    assert "implied consent, CASL" in page
    assert "Ask 1 person" in page
    assert "1 person’s permission ends" in staff.get("/people").text
    assert ask_all_of_them(staff, "ending").status_code == 303
    assert "The question goes out" in staff.get(PAGE).text
    assert ask_all_of_them(staff, "ending").status_code == 409
    renewing.run()
    assert [message.contact_id for message in signup.messages("confirm")] == [soon.id]
    page = staff.get(PAGE).text
    assert "All of them were asked in the last six months." in page
    assert "Ask 1 person" not in page


def test_the_mail_only_asks_and_names_the_end(where, session):
    customer(where)
    start(where)
    made = question(where, session)
    assert isinstance(made, Prepared)
    mail = render_system(made.template, made.language, made.values)
    assert made.template == "renew"
    assert "May we go on" in mail.subject
    assert "without your own yes" in mail.text
    assert made.unsubscribe_url in mail.text
    assert "/o/" not in mail.html + mail.text
    assert "/r/" not in mail.html + mail.text


def test_a_yes_becomes_a_consent_without_an_end(where, client, session):
    who = customer(where)
    start(where)
    made = question(where, session)
    path = signup.path_of(made.values["links"]["confirm"])
    assert client.get(path).status_code == 200
    assert state(session, where, who) == "yes"
    assert client.post(path).status_code == 200
    clock.set_shift(40 * 86400)
    assert state(session, where, who) == "yes"
    with transaction():
        assert consent.lapse() == 0


def test_silence_is_a_no_by_itself(where, session):
    who = customer(where)
    start(where)
    clock.set_shift(40 * 86400)
    assert state(session, where, who) == "no"
    made = question(where, session)
    assert isinstance(made, Skip)


def test_a_no_counts_at_once_and_nobody_is_asked_twice_in_six_months(where, client, session):
    who, other = customer(where), customer(where)
    start(where)
    assert len(signup.messages("confirm")) == 2
    (message,) = [found for found in signup.messages("confirm") if found.contact_id == who.id]
    made = signup.prepared(message, "confirm")
    assert client.post(signup.path_of(made.unsubscribe_url), data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert state(session, where, who) == "no"
    assert state(session, where, other) == "yes"
    with transaction(), pytest.raises(Conflict):
        renewing.start(where.id, askable.ending_soon(clock.now()), by=where.owner_id)
    # Even where a new ground stands, half a year must have passed since the question.
    third = customer(where, ends_in=170)
    for days, wanted in ((150, {third.id}), (90, set())):
        clock.set_shift(days * 86400)
        with transaction():
            now = clock.now()
            found = askable.list_askable(where.id, askable.ending_soon(now), now)
        assert {one.contact_id for one in found} == wanted
    session.execute(text("UPDATE permissions SET valid_until = now() + interval '220 days'"))
    for days, number in ((170, 1), (200, 2)):
        clock.set_shift(days * 86400)
        with transaction():
            now = clock.now()
            assert ending.count_ending(where.id, now + ending.SOON, now) == (2, number)
            assert askable.count_askable(where.id, askable.ending_soon(now), now) == number


def test_a_round_asks_in_slices_and_leaves_out_who_stopped(where, session, monkeypatch):
    monkeypatch.setattr(renewing, "SLICE", 2)
    people = [customer(where) for _ in range(4)]
    with transaction():
        renewing.start(where.id, askable.ending_soon(clock.now()), by=where.owner_id)
        consent.stop_everything(where.id, people[3].id, by=By(), proof=consent.Proof())
    renewing.run()
    assert len(signup.messages("confirm")) == 2
    renewing.run()
    renewing.run()
    assert len(signup.messages("confirm")) == 3
    with transaction():
        assert renewing.find_open(where.id) is None
        assert renewing.find_last(where.id).asked == 3
