"""The words of the mails: whole, in the reader's language, with links that work."""

from __future__ import annotations

import re

import pytest

from app.content.systemmail import render_system
from app.delivery.rules import Prepared
from app.kernel import clock
from tests.support import signup
from tests.support.signup import MARA, messages, path_of, prepared


@pytest.fixture
def stage(session):
    return signup.stage()


def said(made) -> str:
    """The text part, as the worker would render it."""
    assert isinstance(made, Prepared), made
    mail = render_system(made.template, made.language, made.values)
    assert "{{" not in mail.html + mail.text + mail.subject
    assert "{%" not in mail.html + mail.text
    return f"{mail.subject}\n{mail.text}"


def links_in(text: str) -> list[str]:
    return re.findall(r"http://127\.0\.0\.1:8000(/\S+)", text)


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_mail_of_a_readers_life_is_whole(client, stage, language):
    more = {"v": f"1.{language}"}
    question = signup.question(stage, client, **more)
    text = said(question)
    (confirm,) = links_in(text)
    assert ("Möchten Sie" in text) is (language == "de")
    assert "New coffees" in text
    client.post(confirm)

    welcome = prepared(messages("welcome")[0], "welcome")
    preferences, leave = sorted(links_in(said(welcome)))
    assert preferences.startswith("/p/")
    assert leave.startswith("/u/")

    clock.set_shift(2 * 86400)
    client.post(stage.url, data=stage.fields(**more))
    (own,) = links_in(said(prepared(messages("confirm")[-1], "confirm")))
    assert client.get(own).status_code == 200

    client.post(preferences + "/send")
    private = prepared(messages("preferences-link")[0], "preferences-link")
    (page,) = links_in(said(private))
    assert client.get(page).status_code == 200

    client.post(leave)
    notice = prepared(messages("left-notice")[0], "left-notice")
    (back,) = links_in(said(notice))
    assert client.get(back).status_code == 200
    assert notice.language == language


@pytest.mark.parametrize(
    ("language", "form", "own"),
    [
        ("en", "somebody typed this address into the form on ", "you, or somebody with a mail of ours to you, asked for:"),
        ("de", "hat jemand diese Adresse in das Formular auf ", "haben Sie, oder jemand mit einer unserer Mails an Sie, gewünscht:"),
    ],
)  # fmt: skip
def test_the_question_says_truly_where_it_was_asked_for(client, stage, language, form, own):
    question = signup.question(stage, client, v=f"1.{language}")
    assert form in said(question)
    assert dict(question.extra_headers)["Form-Sub"]
    client.post(path_of(question.values["links"]["confirm"]))
    (preferences, _leave) = sorted(links_in(said(prepared(messages("welcome")[0], "welcome"))))
    client.post(preferences + "/send")
    (page,) = links_in(said(prepared(messages("preferences-link")[0], "preferences-link")))
    choices = {"topic": [], "tracking": "none", "first_name": "", "language": language}
    assert client.post(page, data=choices).status_code == 303
    topics = stage.topics
    answer = client.post(page, data=choices | {"topic": topics})
    assert answer.status_code in {200, 303}, answer.text
    asked = prepared(messages("confirm")[-1], "confirm")
    text = said(asked)
    assert own in text
    assert form not in text
    assert dict(asked.extra_headers)["Form-Sub"], "a page of ours is a form too"


def test_the_question_has_one_visible_link_and_one_for_machines(client, stage):
    question = signup.question(stage, client)
    mail = render_system("confirm", "en", question.values)
    targets = set(re.findall(r'href="([^"]+)"', mail.html))
    assert targets == {question.values["links"]["confirm"], question.values["links"]["decoy"]}
    assert "<img" not in mail.html
    assert MARA not in mail.html


def test_what_a_stranger_typed_is_not_mailed_to_the_victim(client, stage):
    question = signup.question(stage, client, first_name="Win a car at evil.example")
    assert "evil.example" not in said(question)


def test_every_mail_carries_a_link_to_leave_that_works(client, stage):
    question = signup.question(stage, client)
    client.post(path_of(question.values["links"]["confirm"]))
    for name in ("welcome",):
        made = prepared(messages(name)[0], name)
        assert (
            client.post(path_of(made.unsubscribe_url), data={"List-Unsubscribe": "One-Click"}).status_code
            == 200
        )
