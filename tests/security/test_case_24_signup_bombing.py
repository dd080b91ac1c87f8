"""Case 24: many posts for one victim bring one mail a day and three a month, and the answer never changes."""

from __future__ import annotations

import re

import pytest

from app.delivery.rules import Prepared
from app.kernel import clock
from tests.support import signup
from tests.support.properties import whole
from tests.support.signup import messages, prepared

pytestmark = pytest.mark.thorough

VICTIM = "victim@example.org"


@pytest.fixture
def stage(session):
    return signup.stage()


def flood(client, stage, count: int, addresses=(VICTIM,), first_ip: int = 0) -> list:
    answers = []
    for number in range(count):
        ip = f"198.51.{(first_ip + number) // 250}.{(first_ip + number) % 250 + 1}"
        address = addresses[number % len(addresses)]
        answers.append(
            client.post(stage.url, data=stage.fields(address), environ_overrides={"REMOTE_ADDR": ip})
        )
    return answers


def mailed() -> int:
    return sum(isinstance(prepared(message, "confirm"), Prepared) for message in messages("confirm"))


def shape(answer) -> tuple:
    return answer.status_code, len(answer.data), re.sub(r"k=[^&]+", "k", answer.location)


def test_case_24_a_flood_brings_one_mail(client, stage):
    answers = flood(client, stage, whole(40, 200))
    assert len({shape(answer) for answer in answers}) == 1
    assert mailed() == 1
    assert len(messages("confirm")) <= 5


def test_case_24_days_of_flood_bring_three_mails_a_month(client, stage):
    sent = 0
    for day in range(0, 29, whole(4, 2)):
        clock.set_shift(day * 86400)
        assert {answer.status_code for answer in flood(client, stage, 3, first_ip=day * 10)} == {303}
        today = messages("confirm")[-3:]
        sent += sum(isinstance(prepared(message, "confirm"), Prepared) for message in today)
    assert sent == 3


def test_case_24_the_victim_can_still_sign_up_elsewhere(client, stage):
    other = signup.stage("Another brand")
    flood(client, stage, 10)
    assert isinstance(signup.question(other, client, VICTIM), Prepared)


def test_case_24_known_victims_are_not_told_more_often(client, stage):
    made = signup.question(stage, client, VICTIM)
    client.post(signup.path_of(made.values["links"]["confirm"]))
    clock.set_shift(2 * 86400)
    flood(client, stage, whole(10, 30))
    assert mailed() == 1  # "you already said yes"; the first question was answered


@pytest.mark.parametrize(
    "spellings",
    [
        [f"victim+{number}@example.org" for number in range(20)],
        [
            "victim.name@gmail.com",
            "v.i.c.t.i.m.name@gmail.com",
            "victimname+x@googlemail.com",
            "VictimName@gmail.com",
        ],
        ["Victim@example.org", "VICTIM@EXAMPLE.ORG", "victim@example.org"],
    ],
)
def test_case_25_spellings_of_one_mailbox_share_its_limit(client, stage, spellings):
    answers = flood(client, stage, whole(20, 40), spellings)
    assert {answer.status_code for answer in answers} == {303}
    assert mailed() == 1


def test_case_25_the_address_is_stored_as_it_was_typed(client, stage):
    made = signup.question(stage, client, "v.i.c+1@gmail.com")
    assert made.to == "v.i.c+1@gmail.com"


def test_case_24_one_network_is_stopped_after_twenty_posts_an_hour(client, stage):
    answers = [client.post(stage.url, data=stage.fields(f"p{number}@example.org")) for number in range(21)]
    assert [answer.status_code for answer in answers] == [303] * 20 + [429]
    assert answers[-1].headers["Retry-After"] == "3600"
    assert len(messages("confirm")) == 20


def test_case_24_one_ipv6_household_is_one_network(client, stage):
    codes = [
        client.post(
            stage.url,
            data=stage.fields(VICTIM),
            environ_overrides={"REMOTE_ADDR": f"2001:db8:1:2::{number:x}"},
        ).status_code
        for number in range(21)
    ]
    assert codes == [303] * 20 + [429]


def test_case_44_a_forged_forwarded_header_counts_for_nothing(client, stage):
    codes = [
        client.post(
            stage.url,
            data=stage.fields(VICTIM),
            headers={"X-Forwarded-For": f"203.0.113.{number}", "Forwarded": f"for=203.0.113.{number}"},
        ).status_code
        for number in range(21)
    ]
    assert codes == [303] * 20 + [429]
