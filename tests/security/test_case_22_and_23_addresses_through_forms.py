"""Cases 22 and 23, through the form: commands in an address, and addresses that programs read differently."""

from __future__ import annotations

import pytest

from tests.support import signup

COMMANDS = [
    "a@b.example>\r\nRCPT TO:<c@d.example",
    "a@b.example> NOTIFY=NEVER",
    "a@b.example>\nDATA",
    "<a@b.example>",
    "a@b.example\x00",
    "a@b.example\r",
]
CONFUSING = [
    "a@b@c.example",
    "a(comment)@b.example",
    "a@(comment)b.example",
    '"a b"@b.example',
    '"a\\"@x.example"@b.example',
    "a@b.example.",
    "a@[127.0.0.1]",
    "a@127.0.0.1",
    "=?x?=@y.example",
    "=?utf-8?q?a?=@y.example",
    "a@b_c.example",
    "a@-b.example",
    ".a@b.example",
    "a..b@b.example",
    "a@b",
    "a@b.example,c@d.example",
    "Mara <a@b.example>",
    "a%b@c.example@d.example",
    "a@\u202eb.example",
    "a\u200b@b.example",
]


@pytest.fixture
def stage(session):
    return signup.stage()


def test_case_22_and_23_an_address_of_two_readings_is_refused(client, stage):
    before = signup.everything()
    for number, address in enumerate([*COMMANDS, *CONFUSING]):
        ip = {"REMOTE_ADDR": f"198.51.100.{number}"}
        answer = client.post(stage.url, data=stage.fields(address), environ_overrides=ip)
        assert answer.status_code == 422, address
        assert 'id="e-email"' in answer.text, address
    assert signup.everything() == before


def test_case_22_and_23_the_refused_address_comes_back_as_text(client, stage):
    answer = client.post(stage.url, data=stage.fields('"><script>alert(1)</script>@x'))
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text


def test_case_23_an_address_in_two_spellings_is_one_person(client, stage):
    for spelling in ("Mara@Example.ORG", "mara@example.org", " MARA@example.org "):
        assert client.post(stage.url, data=stage.fields(spelling)).status_code == 303
    assert len({message.contact_id for message in signup.messages()}) == 1


def test_case_23_a_homograph_is_another_domain(client, stage):
    client.post(stage.url, data=stage.fields("mara@example.org"))
    client.post(stage.url, data=stage.fields("mara@ex\u0430mple.org"))
    assert len({message.contact_id for message in signup.messages()}) == 2
