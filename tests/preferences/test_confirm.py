"""The question by mail, and the answer on the page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from app.consent import history
from app.consent.models import ConsentRequest
from app.consent.rules import Kind
from app.delivery.events import FinishedMessage, MessagesFinished
from app.delivery.rules import Prepared, Skip
from app.forms import queries, service
from app.kernel import clock, events
from app.kernel.db import session, transaction
from app.people import queries as people
from tests.support import accounts, make, signup
from tests.support.signup import MARA, messages, path_of, prepared


@pytest.fixture
def stage(session):
    return signup.stage()


@pytest.fixture
def mail(client, stage):
    return signup.question(stage, client)


@pytest.fixture
def link(mail):
    return path_of(mail.values["links"]["confirm"])


def contact_id():
    return messages("confirm")[0].contact_id


def test_the_question_names_what_was_asked_when_and_where(mail):
    asked = mail.values["request"]
    assert mail.to == MARA
    assert mail.template == "confirm"
    assert [topic["name"] for topic in asked["topics"]] == ["New coffees", "Brewing letters"]
    assert asked["site"] == "127.0.0.1:8000"
    assert asked["date"]
    assert asked["time"]
    assert mail.unsubscribe_url.startswith("http://127.0.0.1:8000/u/")


def test_the_question_says_that_a_form_caused_it(stage, mail):
    (name, value), *_rest = mail.extra_headers
    assert name == "Form-Sub"
    assert value.startswith("v=1; t=")
    assert stage.form.public_id in value
    assert "@" not in value


def test_every_attempt_at_a_mail_says_the_same(mail):
    assert prepared(messages("confirm")[0], "confirm") == mail


def test_the_page_says_what_is_confirmed(client, link):
    page = client.get(link).text
    assert MARA in page
    assert "New coffees" in page
    assert "what I ticked above" in page
    assert page.count("<button") == 1


def test_the_button_gives_the_yes(client, link):
    answer = client.post(link)
    assert answer.status_code == 200
    assert "You said yes" in answer.text
    assert signup.states(contact_id()) == {"New coffees": "yes", "Brewing letters": "yes"}


def test_the_second_press_is_the_same_friendly_page(client, link):
    client.post(link)
    before = signup.everything()
    again = client.post(link)
    assert again.status_code == 200
    assert "You said yes" in again.text
    assert "You said yes" in client.get(link).text
    assert signup.everything() == before


def test_the_yes_is_recorded_with_its_proof(client, stage, link):
    client.post(link, headers={"User-Agent": "Firefox"})
    entry = next(
        found for found in history.list_history(stage.place.id, contact_id()) if found.kind is Kind.CONFIRMED
    )
    assert entry.personal["user_agent"] == "Firefox"
    assert entry.personal["http_method"] == "POST"
    assert entry.personal["ip"] == "127.0.0.1"
    assert link.rpartition("/")[2] not in str(entry.personal)


def test_what_was_shown_is_what_is_confirmed_whatever_the_form_says_by_now(client, stage, link):
    with transaction():
        words = {
            row.language: replace(row.words, consent="Yes, and partners may call me.")
            for row in queries.list_versions(stage.form)
        }
        assert service.publish(stage.place.id, stage.form.id, words) == 2
    session().expire_all()
    page = client.get(link).text
    assert "what I ticked above" in page
    assert "partners" not in page
    client.post(link)
    asked, said = (
        next(one for one in history.list_history(stage.place.id, contact_id()) if one.kind is kind)
        for kind in (Kind.REQUESTED, Kind.CONFIRMED)
    )
    assert said.body["texts"] == asked.body["texts"] != []
    assert said.body["form"]["version"] == 1


def test_the_yes_brings_one_receipt(client, link):
    client.post(link)
    client.post(link)
    (receipt,) = messages("welcome")
    made = prepared(receipt, "welcome")
    assert isinstance(made, Prepared)
    assert [topic["name"] for topic in made.values["request"]["topics"]] == ["New coffees", "Brewing letters"]


def test_the_receipts_link_ends_what_was_agreed(client, link):
    client.post(link)
    made = prepared(messages("welcome")[0], "welcome")
    client.post(path_of(made.unsubscribe_url), data={"List-Unsubscribe": "One-Click"})
    assert set(signup.states(contact_id()).values()) == {"no"}
    assert isinstance(prepared(messages("welcome")[0], "welcome"), Skip)


def test_tracking_is_allowed_only_by_its_own_box(client, stage, link):
    client.post(link)
    tracked = signup.question(stage, client, "jo@example.org", tracking="individual")
    page = client.get(path_of(tracked.values["links"]["confirm"])).text
    assert "You allow us to see which mails you open" in page
    client.post(path_of(tracked.values["links"]["confirm"]))
    levels = (
        session().execute(text("SELECT level FROM permissions WHERE purpose = 'tracking'")).scalars().all()
    )
    assert levels == ["individual"]


def test_after_a_week_the_link_is_too_old_and_offers_a_fresh_mail(client, link):
    clock.set_shift(8 * 86400)
    for answer in (client.get(link), client.post(link)):
        assert answer.status_code == 410
        assert "This link is too old" in answer.text
        assert "m•••@ex….org" in answer.text
        assert MARA not in answer.text
    assert set(signup.states(contact_id()).values()) == {"asked"}
    assert client.post(f"{link}/fresh").status_code == 200
    newest = messages("confirm")[-1]
    made = prepared(newest, "confirm")
    assert made.to == MARA
    client.post(path_of(made.values["links"]["confirm"]))
    assert set(signup.states(contact_id()).values()) == {"yes"}


@pytest.mark.parametrize(("days", "said"), [(1, "for 1 day."), (30, "for 30 days.")])
def test_a_brand_chooses_for_how_long_its_questions_wait(client, stage, days, said):
    place = stage.place
    accounts.sign_in(client, accounts.Account(place.owner_id, place.id, place.owner_email, make.PASSWORD))
    page = client.get("/settings/readers")
    rules = {"csrf": accounts.csrf_of(page.text), "remind_after_days": "0", "offers_post": "no"}
    for wrong in ("0", "31", "x"):
        assert client.post("/settings/readers", data=rules | {"confirm_days": wrong}).status_code == 422
    assert client.post("/settings/readers", data=rules | {"confirm_days": str(days)}).status_code == 303
    assert f'value="{days}"' in client.get("/settings/readers").text
    session().expire_all()
    made = signup.question(stage, client)
    link = path_of(made.values["links"]["confirm"])
    clock.set_shift(days * 86400 - 60)
    assert client.get(link).status_code == 200
    clock.set_shift(days * 86400 + 60)
    late = client.get(link)
    assert (late.status_code, said in late.text) == (410, True)


def test_a_fresh_mail_goes_out_once_a_day_and_says_nothing_about_it(client, link):
    clock.set_shift(8 * 86400)
    first, second = client.post(f"{link}/fresh"), client.post(f"{link}/fresh")
    assert first.text == second.text
    assert len(messages("confirm")) == 2


def test_an_open_question_gives_no_fresh_mail(client, link):
    assert client.post(f"{link}/fresh").status_code == 404
    assert len(messages("confirm")) == 1


def test_the_question_can_be_called_off_by_its_header(client, mail, link):
    answer = client.post(path_of(mail.unsubscribe_url), data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert set(signup.states(contact_id()).values()) == {"no"}
    assert client.post(link).status_code == 410
    assert set(signup.states(contact_id()).values()) == {"no"}


def test_a_machine_in_the_hidden_link_costs_one_more_tap(client, mail, link):
    client.get(path_of(mail.values["links"]["decoy"]))
    held = client.post(link)
    assert "One more tap" in held.text
    assert set(signup.states(contact_id()).values()) == {"asked"}
    assert client.post(f"{link}/again").status_code == 200
    assert set(signup.states(contact_id()).values()) == {"yes"}


def test_the_second_tap_stands_in_the_proof(client, stage, mail, link):
    client.get(path_of(mail.values["links"]["decoy"]))
    client.post(link)
    client.post(f"{link}/again")
    newest = history.list_history(stage.place.id, contact_id())[0]
    assert newest.personal["verdict"] == "second tap"


def test_somebody_who_said_yes_before_is_told_so(client, stage, link):
    client.post(link)
    clock.set_shift(2 * 86400)
    client.post(stage.url, data=stage.fields())
    made = prepared(messages("confirm")[-1], "confirm")
    assert made.template == "already-subscribed"
    assert set(signup.states(contact_id()).values()) == {"yes"}


def test_somebody_who_stopped_everything_is_asked_when_they_sign_up_again(client, stage, mail, link):
    client.post(link)
    made = prepared(messages("welcome")[0], "welcome")
    client.post(path_of(made.values["links"]["unsubscribe"]) + "/all")
    clock.set_shift(2 * 86400)
    again = signup.question(stage, client)
    assert again.template == "confirm"
    client.post(path_of(again.values["links"]["confirm"]))
    assert set(signup.states(contact_id()).values()) == {"yes"}
    assert (
        session().execute(text("SELECT count(*) FROM reach WHERE objected_at IS NOT NULL")).scalar_one() == 0
    )


def test_an_answered_question_is_not_mailed_any_more(client, mail, link):
    client.post(link)
    assert isinstance(prepared(messages("confirm")[0], "confirm"), Skip)


def test_the_servers_acceptance_becomes_part_of_the_proof(stage, mail):
    (message,) = messages("confirm")
    row = FinishedMessage(
        n=message.n,
        workspace_id=stage.place.id,
        contact_id=message.contact_id,
        dedupe=message.dedupe_key,
        outcome="sent",
        message_id="<m.1.1@ostkai.example>",
        mime_sha256=b"\x01" * 32,
        reply="250 2.0.0 queued",
        at=clock.now() - timedelta(seconds=5),
    )
    with transaction():
        events.publish(MessagesFinished(message.mailing_no, "system", "confirm", (row,)))
    newest = history.list_history(stage.place.id, message.contact_id)[0]
    assert newest.kind is Kind.DOI_MAIL_SENT
    assert newest.personal["accepted"] == "250 2.0.0 queued"
    assert newest.personal["mime_sha256"] == "01" * 32
    told = [entry.title for entry in people.timeline(stage.place.id, message.contact_id, limit=20).entries]
    assert sum("question" in title.lower() for title in told) == 1, "among the mails, and once"


def test_the_request_speaks_its_language_on_page_and_in_mail(client, stage):
    client.post(stage.url, data=stage.fields(v="1.de"))
    made = prepared(messages("confirm")[0], "confirm")
    assert made.language == "de"
    page = client.get(path_of(made.values["links"]["confirm"])).text
    assert '<html lang="de"' in page
    assert "Möchten Sie diese E-Mails?" in page
    request = session().execute(select(ConsentRequest)).scalars().one()
    assert request.language == "de"
