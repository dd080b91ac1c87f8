"""Whoever is too young is asked after their guardian, and only then: two mailboxes, two yeses."""

from __future__ import annotations

import re
from datetime import date

import pytest
from sqlalchemy import text

from app.consent import history
from app.consent import queries as consent
from app.consent.rules import By, Kind, Proof, Reason, Renewal, Word
from app.consent.service import cancel_request, change_interest, suppress
from app.contacts.addresses import normalise
from app.delivery.events import FinishedMessage, MessagesFinished
from app.delivery.rules import Prepared, Skip
from app.kernel import clock, events
from app.kernel.db import session, transaction
from app.people import renewing
from app.people.askable import Why
from app.preferences import data, guardians, links, receiving
from app.preferences.rules import may_decide_alone
from tests.preferences.test_inbound import mail
from tests.support import make, signup
from tests.support.signup import hidden, messages, path_of, prepared

KIM, ADA = "kim@example.org", "Ada@Example.org"


@pytest.fixture
def stage(session):
    return signup.stage()


@pytest.fixture
def child(stage):
    return make.person(stage.place.id, KIM)


@pytest.fixture
def asked(stage, child):
    request = make.asked(stage.place, child)
    with transaction():
        guardians.ask(request.id, normalise(ADA), form=stage.form.public_id)
    return request


def question(name="confirm-guardian"):
    """The newest mail of that name."""
    session().expire_all()
    made = prepared(messages(name)[-1], name)
    assert isinstance(made, Prepared), made
    return made


def say_yes(client, link: str) -> str:
    page = client.get(link)
    clock.set_shift(clock._shift.total_seconds() + 10)
    return client.post(link, data=hidden(page.text)).text


@pytest.mark.parametrize(
    ("born", "country", "alone"),
    [
        (date(2012, 11, 26), "AT", False), (date(2012, 11, 25), "AT", True), (date(2011, 1, 1), "DE", False),
        (date(2010, 11, 25), "de", True), (date(2013, 1, 1), "GB", True), (date(2013, 1, 1), "ZZ", False),
        (date(2010, 12, 1), "", False), (date(2009, 2, 28), "", True), (date(2030, 1, 1), "GB", False),
    ],
)  # fmt: skip
def test_the_age_of_article_8_is_the_countrys(born, country, alone):
    assert may_decide_alone(born, country, date(2026, 11, 25)) is alone


def test_the_child_is_asked_after_the_guardian_and_both_have_to_say_yes(client, stage, child, asked):
    made = question()
    assert made.to == "Ada@example.org"
    assert KIM not in str(made.values["request"])
    assert dict(made.extra_headers)["Form-Sub"].endswith(f"id={stage.form.public_id}")
    own_link = "/c/" + consent.confirm_token(asked)
    assert {client.get(own_link).status_code, client.post(own_link).status_code} == {404}
    link = path_of(made.values["links"]["confirm"])
    before = signup.everything()
    page = client.get(link)
    client.head(link)
    assert signup.everything() == before
    assert "May your child get this mail?" in page.text
    assert "They did not allow us to see" in page.text
    assert "you agreed" not in page.text
    assert KIM not in page.text
    said = say_yes(client, link)
    assert "Now we ask your child" in said
    assert KIM not in said
    assert set(make.standing(stage.place, child).values()) == {"asked"}
    assert say_yes(client, link) == said  # a second press changes nothing
    (_one,) = messages("confirm")
    made = question("confirm")
    assert made.to == KIM
    assert dict(made.extra_headers)["Form-Sub"].endswith(f"id={stage.form.public_id}")
    assert "You said yes" in say_yes(client, path_of(made.values["links"]["confirm"]))
    assert set(make.standing(stage.place, child).values()) == {"yes"}
    told = {one.kind: one for one in history.list_history(stage.place.id, child.id)}
    theirs, own = told[Kind.AUTHORISED], told[Kind.CONFIRMED]
    assert own.personal["guardian_event"] == str(theirs.event_id)
    assert own.personal["address"] == KIM
    assert (theirs.actor, theirs.word) == ("guardian", Word.ASKED)
    assert (theirs.personal["guardian"], theirs.personal["ip"]) == ("Ada@example.org", "127.0.0.1")
    assert theirs.body["asked_by"] == own.body["asked_by"] == str(asked.event_id)
    assert theirs.body["interests"] == own.body["interests"]
    assert "Ada" not in str(theirs.body) + str(own.body)
    with transaction():
        data.erase(stage.place.id, child.id, by=By("person"))
    assert guardians.find(asked.id) is None
    assert client.get(link).status_code == 404


def test_a_programs_press_is_no_guardians_yes(client, stage, asked):
    made = question()
    link = path_of(made.values["links"]["confirm"])
    page = client.get(link)
    held = client.post(link, data=hidden(page.text))
    assert "quicker than a person" in held.text
    assert messages("confirm") == []
    client.post(f"{link}/again", data=hidden(held.text))
    assert messages("confirm") == []
    client.get(re.search(r'class="hp" href="([^"]+)"', page.text).group(1))
    clock.set_shift(30)
    held = client.post(link, data=hidden(page.text))
    assert "A program has looked" in held.text
    assert messages("confirm") == []
    clock.set_shift(60)
    client.post(f"{link}/again", data=hidden(held.text))
    assert len(messages("confirm")) == 1
    said = history.get_entry(asked.workspace_id, guardians.find(asked.id).event_id)
    assert said.personal["verdict"] == "second tap"


def test_a_fresh_question_goes_the_same_way(client, stage, child, asked):
    """An expired link of the guardian's never brings a mail to the child, and the child's own asks the child."""
    link = path_of(question().values["links"]["confirm"])
    assert client.post(f"{link}/fresh").status_code == 404  # it still works
    clock.set_shift(8 * 86400)
    old = client.get(link)
    assert (old.status_code, "A•••@ex….org" in old.text, "k•••" in old.text) == (410, True, False)
    assert client.post(link).status_code == 410
    assert "fresh mail" in client.post(f"{link}/fresh").text
    assert messages("confirm") == []
    made = question()
    assert (made.to, len(messages("confirm-guardian"))) == ("Ada@example.org", 2)
    say_yes(client, path_of(made.values["links"]["confirm"]))
    own_link = path_of(question("confirm").values["links"]["confirm"])
    clock.set_shift(16 * 86400)
    assert client.get(own_link).status_code == 410
    client.post(f"{own_link}/fresh")
    assert question("confirm").to == KIM
    assert len(messages("confirm-guardian")) == 2
    assert "You said yes" in say_yes(client, path_of(question("confirm").values["links"]["confirm"]))


def test_who_is_forgotten_after_a_month_leaves_no_question_that_a_child_could_answer(client, stage, asked):
    link, own = path_of(question().values["links"]["confirm"]), "/c/" + consent.confirm_token(asked)
    clock.set_shift(31 * 86400)
    with transaction():
        guardians.forget_unanswered()
    session().expire_all()
    kept = guardians.find(asked.id)
    assert (kept.address, kept.folded) == (None, None)
    for url in (link, f"{link}/fresh", own, f"{own}/fresh"):
        assert client.post(url).status_code == 404
    assert messages("confirm") == []
    assert ADA.lower() not in str(guardians.export(stage.place.id, kept.contact_id)).lower()


def test_a_guardian_takes_back_what_they_allowed(client, stage, child, asked):
    made = question()
    page = say_yes(client, path_of(made.values["links"]["confirm"]))
    say_yes(client, path_of(question("confirm").values["links"]["confirm"]))
    assert set(make.standing(stage.place, child).values()) == {"yes"}
    assert made.unsubscribe_url.partition("/u/")[2] in page
    client.post(path_of(made.unsubscribe_url), data={"List-Unsubscribe": "One-Click"})
    assert set(make.standing(stage.place, child).values()) == {"no"}


def test_a_guardian_calls_the_question_off_by_reply_and_nobody_else_does(stage, child, asked):
    (message,) = messages("confirm-guardian")
    reply = {"to": f"{message.mailing_no}", "body": "stop"}
    name = f"m.{message.mailing_no}.{message.n}"
    for sender, done in ((KIM, "ignored"), ("eve@example.org", "ignored"), (ADA, "left")):
        raw = mail(sender=sender, **reply).replace(f"m.{message.mailing_no}.1".encode(), name.encode())
        with transaction():
            assert receiving.receive(raw, ["jonna@ostkai.example"], envelope_from=sender) == done
    assert set(make.standing(stage.place, child).values()) == {"no"}


def test_who_complained_is_no_guardian_and_who_was_erased_is_forgotten(stage, child, asked):
    ada = make.person(stage.place.id, ADA)
    with transaction():
        suppress(stage.place.id, ada.id, Reason.COMPLAINT, by=By("system"))
    session().expire_all()
    assert isinstance(prepared(messages("confirm-guardian")[0], "confirm-guardian"), Skip)
    with transaction():
        data.erase(stage.place.id, ada.id, by=By("person"))
    session().expire_all()
    assert guardians.find(asked.id).address is None
    assert isinstance(prepared(messages("confirm-guardian")[0], "confirm-guardian"), Skip)
    left = session().execute(text("SELECT count(*) FROM guardians WHERE address ILIKE 'ada%'")).scalar_one()
    assert left == 0


def test_a_guardians_token_opens_the_guardians_door_only(client, asked):
    token = links.guardian(asked.id)
    for door in ("/c/{}", "/d/{}", "/u/{}", "/p/{}", "/my/{}", "/a/{}", "/data/{}", "/erase/{}", "/w/{}"):
        assert client.get(door.format(token)).status_code == 404, door
    assert client.get(f"/g/{token}?next=//evil.example").status_code == 404
    assert client.get(f"/g/{consent.confirm_token(asked)}").status_code == 404


def test_that_the_guardian_was_asked_is_part_of_the_proof(stage, child, asked):
    (message,) = messages("confirm-guardian")
    row = FinishedMessage(
        n=message.n, workspace_id=stage.place.id, contact_id=child.id, dedupe=asked.id, outcome="sent",
        message_id="<m.1.1@ostkai.example>", mime_sha256=b"\x01" * 32, reply="250 2.0.0 queued", at=clock.now(),
    )  # fmt: skip
    with transaction():
        events.publish(MessagesFinished(message.mailing_no, "system", "confirm-guardian", (row,)))
    mailed = history.list_history(stage.place.id, child.id)[0]
    assert mailed.kind is Kind.DOI_MAIL_SENT
    assert (mailed.personal["guardian"], mailed.personal["accepted"]) == ("Ada@example.org", "250 2.0.0 queued")


def test_a_guardians_yes_to_a_question_that_was_called_off_is_none(client, asked):
    link = path_of(question().values["links"]["confirm"])
    page = client.get(link)
    with transaction():
        cancel_request(asked.id, by=By("person"), proof=Proof())
    clock.set_shift(10)
    assert client.post(link, data=hidden(page.text)).status_code == 410
    assert guardians.find(asked.id).said_at is None
    assert messages("confirm") == []


def choose(client, stage, child, *topics):
    link = "/my/" + links.private(links.Person(stage.place.id, child.id), clock.now() + links.PRIVATE_FOR)
    values = {"topic": [str(found.id) for found in topics], "tracking": "none", "language": "en", "first_name": "Kim"}
    return client.post(f"{link}", data=values), client.get(link).text


def test_what_a_child_ticks_later_goes_to_the_guardian_first(client, stage, child):
    first, second = stage.place.interests[:2]
    request = make.asked(stage.place, child, interests=1)
    with transaction():
        guardians.ask(request.id, normalise(ADA), form=stage.form.public_id)
    say_yes(client, path_of(question().values["links"]["confirm"]))
    say_yes(client, path_of(question("confirm").values["links"]["confirm"]))
    assert make.standing(stage.place, child)[first.name] == "yes"
    answer, page = choose(client, stage, child, first, second)
    assert answer.status_code == 303
    assert "We sent one mail to your parent or guardian" in page
    assert (len(messages("confirm-guardian")), len(messages("confirm"))) == (2, 1)
    say_yes(client, path_of(question().values["links"]["confirm"]))
    assert len(messages("confirm")) == 2
    say_yes(client, path_of(question("confirm").values["links"]["confirm"]))
    assert make.standing(stage.place, child)[second.name] == "yes"


def test_whoever_answers_for_a_child_is_asked_about_other_words_and_not_about_the_same_again(
    client, stage, child, asked
):
    say_yes(client, path_of(question().values["links"]["confirm"]))
    say_yes(client, path_of(question("confirm").values["links"]["confirm"]))

    def ask_round(why: Why) -> tuple[int, int]:
        clock.set_shift(clock._shift.total_seconds() + 200 * 86400)
        with transaction():
            renewing.start(stage.place.id, why, by=stage.place.owner_id)
        renewing.run()
        return len(messages("confirm-guardian")), len(messages("confirm"))

    clock.set_shift(clock._shift.total_seconds() + 800 * 86400)
    assert ask_round(Why(Renewal.SILENT)) == (1, 2), "silence is about the child, who is asked"
    again = consent.find_request(messages("confirm")[-1].dedupe_key)
    assert guardians.event_of(again.id) == guardians.event_of(asked.id), "its yes still names the guardian's"
    say_yes(client, path_of(question("confirm").values["links"]["confirm"]))
    with transaction():
        change_interest(stage.place.id, stage.place.interests[0].id, "Everything we sell", is_material=True)
    assert ask_round(Why(Renewal.WORDS)) == (2, 2), "other words are the guardian's to allow"
    say_yes(client, path_of(question().values["links"]["confirm"]))
    assert len(messages("confirm")) == 3


def test_where_the_guardian_is_forgotten_a_child_ticks_nothing_new(client, stage, child, asked):
    say_yes(client, path_of(question().values["links"]["confirm"]))
    say_yes(client, path_of(question("confirm").values["links"]["confirm"]))
    first, second = stage.place.interests[:2]
    choose(client, stage, child, first)
    clock.set_shift(40 * 86400)
    with transaction():
        guardians.forget_unanswered()
    answer, _ = choose(client, stage, child, first, second)
    assert answer.status_code == 422
    assert "need the yes of a parent or guardian" in answer.text
    assert make.standing(stage.place, child)[second.name] == "no"
    answer, _ = choose(client, stage, child)
    assert answer.status_code == 303, "leaving needs nobody"


def test_who_was_old_enough_at_a_later_form_answers_alone(client, stage, child, asked):
    say_yes(client, path_of(question().values["links"]["confirm"]))
    say_yes(client, path_of(question("confirm").values["links"]["confirm"]))
    with transaction():
        assert guardians.of_child(stage.place.id, child.id) is not None
        session().execute(text("UPDATE consent_requests SET form_id = :form"), {"form": stage.form.id})
    clock.set_shift(86400)
    grown = make.confirmed(stage.place, child)
    with transaction():
        session().execute(
            text("UPDATE consent_requests SET form_id = :form WHERE id = :id"), {"form": stage.form.id, "id": grown.id}
        )
    with transaction():
        assert guardians.of_child(stage.place.id, child.id) is None
