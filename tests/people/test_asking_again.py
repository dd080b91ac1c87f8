"""Who fell silent, and who said yes to other words, is asked again: without an answer their yes ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.consent import history
from app.consent import service as consent
from app.consent.rules import By, Kind, Level, Proof, Renewal, Shown
from app.content.systemmail import render_system
from app.kernel import clock
from app.kernel.db import transaction
from app.kernel.errors import Conflict
from app.people import askable, renewing
from app.people.askable import Why
from tests.people.conftest import place_in
from tests.people.test_ending import PAGE, ask_all_of_them, question, start, state
from tests.support import make, signup

DAY = 86400
SILENT, WORDS = Why(Renewal.SILENT), Why(Renewal.WORDS)


@pytest.fixture
def where(session):
    return place_in("DE", session)


def said_yes(where, address: str = ""):
    who = make.person(where.id, address) if address else make.person(where.id)
    make.confirmed(where, who)
    return who


def reword(where, *, is_material: bool = True) -> None:
    first = where.interests[0]
    with transaction():
        consent.change_interest(where.id, first.id, "Everything we sell", is_material=is_material)


def whom(where, why: Why) -> set:
    with transaction():
        now = clock.now()
        found = {one.contact_id for one in askable.list_askable(where.id, why, now)}
        assert askable.count_askable(where.id, why, now) == len(found)
    return found


def test_silence_is_as_long_as_the_persons_law_lets_a_yes_sleep(where, session):
    german = said_yes(where)
    session.execute(text("UPDATE workspaces SET country = 'FR'"))
    session.expire_all()
    french = said_yes(where)
    session.execute(text("UPDATE workspaces SET country = 'US'"))
    session.expire_all()
    said_yes(where)
    for days, wanted in ((700, set()), (740, {german.id}), (1090, {german.id}), (1100, {german.id, french.id})):
        clock.set_shift(days * DAY)
        assert whom(where, SILENT) == wanted, days


@pytest.mark.parametrize("sign", ["open", "day", "choice", "yes"])
def test_who_was_heard_from_in_between_is_not_silent(where, session, sign):
    quiet, heard = said_yes(where), said_yes(where)
    clock.set_shift(400 * DAY)
    if sign == "open":
        session.execute(
            text(
                "INSERT INTO engagement_scores (contact_id, workspace_id, s, human_signals, last_signal_at)"
                " VALUES (:who, :where, 1, 1, :now)"
            ),
            {"who": heard.id, "where": where.id, "now": clock.now()},
        )
    elif sign == "day":
        session.execute(
            text("INSERT INTO last_opens (contact_id, workspace_id, day) VALUES (:who, :where, :day)"),
            {"who": heard.id, "where": where.id, "day": clock.now().date()},
        )
    elif sign == "choice":
        with transaction():
            consent.set_tracking(where.id, heard.id, Level.INDIVIDUAL, by=By(), proof=Proof(), shown=Shown())
    else:
        make.confirmed(where, heard)
    session.commit()
    clock.set_shift(740 * DAY)
    assert whom(where, SILENT) == {quiet.id}


def test_silence_after_the_question_ends_the_yes_and_an_answer_keeps_it(where, client, session):
    quiet, awake, leaves = said_yes(where), said_yes(where), said_yes(where)
    clock.set_shift(740 * DAY)
    start(where, SILENT)
    mails = {found.contact_id: signup.prepared(found, "confirm") for found in signup.messages("confirm")}
    assert set(mails) == {quiet.id, awake.id, leaves.id}
    written = render_system("renew", "en", mails[quiet.id].values)
    assert "has not heard from you for a long time" in written.text
    assert "without your own yes" not in written.text
    assert state(session, where, quiet) == "yes", "until the question is over we may still write"
    client.post(signup.path_of(mails[leaves.id].unsubscribe_url), data={"List-Unsubscribe": "One-Click"})
    assert state(session, where, leaves) == "no", "a no counts at once"
    assert client.post(signup.path_of(mails[awake.id].values["links"]["confirm"])).status_code == 200
    clock.set_shift(769 * DAY)
    assert state(session, where, quiet) == "yes"
    clock.set_shift(771 * DAY)
    assert state(session, where, quiet) == "no"
    with transaction():
        consent.lapse()
        consent.expire_requests()
    assert state(session, where, awake) == "yes"
    told = history.list_history(where.id, quiet.id)
    assert next(one for one in told if one.kind is Kind.REQUESTED).body["renewal"] == "silent"
    assert Kind.LAPSED in {one.kind for one in told}
    assert whom(where, SILENT) == set()
    clock.set_shift(741 * DAY)
    with transaction(), pytest.raises(Conflict):
        renewing.start(where.id, SILENT, by=where.owner_id)


def test_who_agreed_to_another_meaning_is_asked_about_that_interest_only(where, client, session):
    before = said_yes(where)
    clock.set_shift(DAY)
    reword(where, is_material=False)
    assert whom(where, WORDS) == set(), "a better word is no other meaning"
    reword(where)
    clock.set_shift(2 * DAY)
    said_yes(where)
    assert whom(where, WORDS) == {before.id}
    start(where, WORDS)
    made = question(where, session)
    written = render_system(made.template, made.language, made.values)
    assert "has changed since you said yes" in written.text
    assert "Everything we sell" in written.text
    other = where.interests[1]
    assert other.name not in written.text
    clock.set_shift(40 * DAY)
    assert make.standing(where, before)[other.name] == "yes"
    assert state(session, where, before) == "no"
    assert [message.contact_id for message in signup.messages("confirm")] == [before.id]


def test_everybody_whose_yes_is_older_than_a_day_can_be_asked(where):
    old = said_yes(where)
    clock.set_shift(10 * DAY)
    said_yes(where)
    assert whom(where, Why(Renewal.WORDS, older_than=clock.now() - timedelta(days=5))) == {old.id}


def test_a_shorter_end_stays_and_a_no_is_no_yes_again(where, session):
    limited, left = said_yes(where), said_yes(where)
    session.execute(
        text("UPDATE permissions SET valid_until = :soon WHERE contact_id = :who"),
        {"soon": clock.now() + timedelta(days=3), "who": limited.id},
    )
    session.commit()
    with transaction():
        consent.stop_everything(where.id, left.id, by=By(), proof=Proof())
    reword(where)
    clock.set_shift(60)
    assert whom(where, WORDS) == set()


def test_the_page_tells_each_reason_and_asks_with_one_button(staff, where):
    said_yes(where, "mara@example.org")
    page = staff.get(PAGE).text
    assert page.count("Nobody") == 2
    clock.set_shift(60)
    reword(where)
    clock.set_shift(120)
    assert "Changed: Everything we sell." in staff.get(PAGE).text
    assert "Ask 1 person" in staff.get(PAGE).text
    assert "Write a day" in staff.get(f"{PAGE}?before=soon").text
    day = (clock.now() + timedelta(days=1)).date().isoformat()
    assert f'value="{day}"' in staff.get(f"{PAGE}?before={day}").text
    assert ask_all_of_them(staff, "nonsense").status_code == 422
    assert ask_all_of_them(staff, "silent").status_code == 409
    assert ask_all_of_them(staff, "words", before=day).status_code == 303
    assert "The question goes out" in staff.get(PAGE).text
    renewing.run()
    assert len(signup.messages("confirm")) == 1


def test_beyond_ten_thousand_a_page_counts_no_further(staff, where, monkeypatch):
    monkeypatch.setattr(askable, "MOST_COUNTED", 1)
    for _ in range(3):
        said_yes(where)
    clock.set_shift(60)
    reword(where)
    assert "Ask more than 1 people" in staff.get(PAGE).text


def test_the_meaning_of_an_interest_changes_by_its_own_box(staff, where, session):
    first = where.interests[0]
    values = {"name": first.name, "description": "", "pace": "", "product_class": ""}
    staff.post(f"/settings/interests/{first.id}", page="/settings/interests", **values)
    query = text("SELECT reworded_at FROM interests WHERE id = :id")
    assert session.execute(query, {"id": first.id}).scalar_one() is None
    staff.post(f"/settings/interests/{first.id}", page="/settings/interests", is_material="1", **values)
    assert session.execute(query, {"id": first.id}).scalar_one() is not None
