"""Case 26: nobody learns from an answer, its length or the work behind it whether an address is known."""

from __future__ import annotations

import re

import pytest

from app.forms.abuse import brake
from tests.support import signup
from tests.support.signup import path_of, statements

KNOWN, UNKNOWN = "known@example.org", "other@example.org"
STATES = ["unknown", "asked", "yes", "left", "stopped"]


@pytest.fixture
def stage(session, monkeypatch):
    # A form is looked at once in twenty seconds of the clock, whoever posts; no two posts here may fall on both sides.
    monkeypatch.setattr(brake, "LOOK_SECONDS", 86_400)
    return signup.stage()


def bring_to(client, stage, state: str) -> None:
    """Make KNOWN a person in this state."""
    if state == "unknown":
        return
    made = signup.question(stage, client, KNOWN)
    if state == "asked":
        return
    client.post(path_of(made.values["links"]["confirm"]))
    leave = path_of(signup.prepared(signup.messages("welcome")[0], "welcome").unsubscribe_url)
    if state == "left":
        client.post(leave)
    if state == "stopped":
        client.post(leave + "/all")


def answer_to(app, client, stage, address: str, **headers) -> tuple:
    url, fields = stage.url, stage.fields(address)
    with statements(app) as seen:
        answer = client.post(url, data=fields, headers=headers)
    page = client.get(answer.location).text if answer.location else answer.text
    work = [line.split("(")[0][:60] for line in seen if not line.startswith(("SAVEPOINT", "RELEASE"))]
    return (
        answer.status_code,
        len(answer.data),
        re.sub(r"k=[^&]+", "k", answer.location or ""),
        sorted(answer.headers.keys()),
        page.replace(address, "ADDRESS"),
        work,
    )


@pytest.mark.parametrize("state", STATES)
def test_case_26_a_sign_up_answers_alike_and_works_alike(app, client, stage, state):
    client.post(stage.url, data=stage.fields("warm@example.org"))
    bring_to(client, stage, state)
    assert answer_to(app, client, stage, KNOWN) == answer_to(app, client, stage, UNKNOWN)


@pytest.mark.parametrize("state", STATES)
def test_case_26_programs_get_the_same_json(app, client, stage, state):
    client.post(stage.url, data=stage.fields("warm@example.org"))
    bring_to(client, stage, state)
    accept = {"Accept": "application/json"}
    assert answer_to(app, client, stage, KNOWN, **accept) == answer_to(app, client, stage, UNKNOWN, **accept)


@pytest.mark.parametrize("state", STATES[1:])
def test_case_26_each_post_writes_one_event_and_one_message(client, stage, state):
    bring_to(client, stage, state)
    before = signup.everything()
    client.post(stage.url, data=stage.fields(KNOWN))
    after = signup.everything()

    def added(table: str) -> int:
        return int(after[table].partition(":")[0]) - int(before[table].partition(":")[0])

    assert (added("consent_events"), added("messages"), added("contacts")) == (1, 1, 0)


def test_case_26_a_second_sign_up_never_turns_a_yes_back(client, stage):
    bring_to(client, stage, "yes")
    client.post(stage.url, data=stage.fields(KNOWN))
    assert set(signup.states(signup.messages("welcome")[0].contact_id).values()) == {"yes"}


def test_case_26_the_private_link_page_answers_alike_whoever_stands_behind_it(client, stage):
    pages = set()
    for address in (KNOWN, UNKNOWN):
        made = signup.question(stage, client, address)
        client.post(path_of(made.values["links"]["confirm"]))
        welcome = signup.prepared(signup.messages("welcome")[-1], "welcome")
        preferences = path_of(welcome.values["links"]["preferences"])
        pages.add(client.post(preferences + "/send").text.replace(address[0] + "•••", "•••"))
    assert len(pages) == 1
