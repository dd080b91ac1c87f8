"""Pure decisions of the front page and the first run."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest

from app.delivery.rules import MessageState
from app.home import rules
from app.home.rules import Mail, Step

NOON = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)


def mail(state: str, **more) -> Mail:
    values = {
        "name": "test-mail",
        "created_at": NOON,
        "due_at": NOON,
        "done_at": None,
        "attempts": 0,
        "faults": 0,
        "reply": "",
    }
    return Mail(state=state, **{**values, **more})


def test_the_first_open_step_is_the_first_that_is_not_done():
    expected = [Step.ACCOUNT] * 4 + [Step.BRAND] * 2 + [Step.SENDER, Step.TEST]
    combinations = list(product((False, True), repeat=3))
    found = [rules.next_step(has_owner=a, has_workspace=b, has_sender=c) for a, b, c in combinations]
    assert found == expected


def test_steps_behind_can_be_repeated_but_not_the_account():
    assert rules.may_enter(Step.BRAND, Step.TEST)
    assert rules.may_enter(Step.SENDER, Step.SENDER)
    assert not rules.may_enter(Step.TEST, Step.SENDER)
    assert rules.may_enter(Step.ACCOUNT, Step.ACCOUNT)
    assert not rules.may_enter(Step.ACCOUNT, Step.BRAND)


@pytest.mark.parametrize("state", list(MessageState))
def test_every_state_of_a_message_is_told(state):
    found = rules.progress(mail(state), server="smtp.example.org", worker_seconds=1)
    assert len(found) >= 2
    assert all(check.title for check in found)
    assert rules.badge(state)[0]


def test_waiting_is_told_apart_from_nobody_working():
    waiting = rules.progress(mail("pending"), server="smtp.example.org", worker_seconds=2)
    assert [check.state for check in waiting] == ["done", "wait"]
    for seconds in (None, 61):
        dead = rules.progress(mail("pending"), server="smtp.example.org", worker_seconds=seconds)
        assert [check.state for check in dead] == ["done", "fail"]


def test_a_server_that_is_away_is_told_with_its_reason():
    found = rules.progress(
        mail("pending", faults=2, reply="connection refused"), server="smtp.example.org", worker_seconds=2
    )
    assert [check.state for check in found] == ["done", "warn", "wait"]
    assert found[1].detail == "connection refused"


def test_a_way_out_that_rests_is_told_instead_of_being_handed_over():
    why = "The mail server is away: Connection refused. Nothing is lost: one mail tries again in 5 seconds."
    found = rules.progress(mail("pending"), server="smtp.example.org", worker_seconds=2, why=why)
    assert [(check.state, check.detail) for check in found] == [("done", ""), ("warn", why)]
    sent = rules.progress(mail("sent"), server="smtp.example.org", worker_seconds=2, why=why)
    assert why not in [check.detail for check in sent]


def test_how_alive_the_sender_is_in_words():
    assert rules.alive_text(None) == (False, "No sender has started yet")
    assert rules.alive_text(0.4) == (True, "Sender alive now")
    assert rules.alive_text(1.2) == (True, "Sender alive 1 second ago")
    assert rules.alive_text(3) == (True, "Sender alive 3 seconds ago")
    assert rules.alive_text(7300) == (False, "No sender since 2 hours")


def test_nothing_waits_when_all_is_well():
    calm = {"has_sender": True, "has_privacy_notice": True, "unknown": 0, "waiting_seconds": 3, "asked": 0}
    assert rules.attention(**calm, worker_alive=True) == []
    (ending,) = rules.attention(**calm, worker_alive=True, ends_soon=1)
    assert (ending.title, ending.url) == ("1 person’s permission ends soon", "/people/ending")
    assert [item.title for item in rules.attention(**calm, worker_alive=False)] == ["No sender is running"]


def test_all_that_waits_is_named_the_gravest_first():
    found = rules.attention(
        has_sender=False, has_privacy_notice=False, unknown=6, waiting_seconds=900, asked=1, worker_alive=True
    )
    assert [item.tone for item in found] == ["stop", "stop", "warn", "warn", "ask"]
    assert "15 minutes" in found[1].text
    assert found[-1].title == "1 person has not answered"


def test_a_domain_whose_mails_are_not_signed_is_named():
    calm = {"has_sender": True, "has_privacy_notice": True, "unknown": 0, "waiting_seconds": 3, "asked": 0}
    (item,) = rules.attention(**calm, worker_alive=True, unsigned_domain="news.oxbow.example")
    assert (item.title, item.url) == ("Mails from news.oxbow.example are not signed", "/settings/domain")


def test_a_share_of_nothing_is_not_shown():
    assert rules.share(4, 5) == "80%"
    assert rules.share(0, 0) == ""
