"""What ``flask send explain`` tells: everything about a message but whom it is for."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.consent import service as consent
from app.consent.rules import By, Proof, Reason
from app.delivery import journal, service
from app.delivery.journal import Journal, Step
from app.kernel.db import session, transaction
from tests.support import mailing
from tests.support.mailing import Setting, crowd, running
from tests.support.outbox import use_sink


@pytest.fixture
def place(live, smtp) -> Setting:
    use_sink(smtp)
    return mailing.setting()


@pytest.fixture
def number(place) -> int:
    crowd(place, 1, domain="hotmail.de")
    with transaction():
        session().execute(text("UPDATE addresses SET domain = 'hotmail.de'"))
    return running(place)


@pytest.fixture
def told(live, number):
    def tell(command: str = "send") -> str:
        found = live.test_cli_runner().invoke(args=[command, "explain", f"{number}-1"])
        assert found.exit_code == 0, found.output
        assert "@" not in found.output
        return str(found.output)

    return tell


def change(sql: str) -> None:
    with transaction():
        session().execute(text(sql))


def the_person():
    found = session().execute(text("SELECT contact_id FROM messages WHERE contact_id IS NOT NULL LIMIT 1")).scalar_one()
    session().rollback()
    return found


def test_one_story_under_two_names(told, number):
    story = told()
    assert story == told("delivery")
    assert f"Message:       {number}-1 of workspace" in story
    assert "November (bulk, lane bulk, mailing running)" in story
    assert "To:            contact " in story
    assert "pending: waiting to be sent" in story
    assert ": yes for marketing by email, event " in story
    assert "The gate now:  yes" in story
    assert "it is due, and goes when a worker has a line" in story
    assert "default, receivers like outlook.com" in story
    assert "nothing limits it" in story


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE permissions SET paused_until = '2099-01-02'", "no: they paused until 2099-01-02"),
        ("UPDATE permissions SET valid_until = '2020-01-02'", "no: it was given until 2020-01-02"),
        ("UPDATE permissions SET state = 'no'", "no: their permission is no since"),
        ("UPDATE reach SET erased_at = now()", "no: the person was erased on"),
    ],
)
def test_what_the_gate_says_now(told, sql, words):
    change(sql)
    assert f"The gate now:  {words}" in told()


def test_who_left_since_is_told_with_the_reason(told, place):
    with transaction():
        consent.suppress(place.id, the_person(), Reason.BOUNCE, by=By("system"))
    assert "(bounce)" in told()
    with transaction():
        consent.stop_everything(place.id, the_person(), by=By(), proof=Proof())
        session().execute(text("UPDATE reach SET suppressed_at = NULL"))
    assert "they stopped everything on" in told()


def test_what_happened_so_far_and_who_has_it(told):
    change(
        "UPDATE messages SET state = 'attempting', attempts = 2, fence = 7, doubts = 1, lease_owner = 'host:1',"
        " lease_until = clock_timestamp() + interval '1 minute', began_at = '2026-01-02 03:04:05+00',"
        " first_at = '2026-01-01 03:04:05+00', reply_text = '451 4.3.0 later'"
    )
    story = told()
    for words in (
        "First attempt: 2026-01-01 03:04:05 UTC",
        "Last attempt:  2026-01-02 03:04:05 UTC",
        "Answer:        451 4.3.0 later",
        "2 attempts, 1 times in doubt, taken 7 times (its fence)",
        "host:1, lease until",
    ):
        assert words in story, story
    change("UPDATE messages SET lease_until = clock_timestamp() - interval '1 minute'")
    assert "host:1, lease over since" in told()


def test_what_the_journals_of_this_machine_hold(told, number, tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "_folder", tmp_path)
    writer = Journal("host:1:aa:1")
    writer.open()
    writer.note(Step.BODY, number, 1, 3)
    writer.note(Step.BODY, number, 2, 9)
    assert "its body began to leave; fence 3, by host:1:aa:1" in told()
    writer.note(Step.ANSWER, number, 1, 3, 250)
    story = told()
    assert "the server's last answer came (250); fence 3" in story
    assert "fence 9" not in story
    assert len(list(tmp_path.glob("*.journal"))) == 1
    writer.close(is_settled=True)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("state = 'unknown'", "only if a person decides so"),
        ("host_faults = 1, due_at = '2099-01-02'", "2099-01-02 00:00:00 UTC: the mail server was away"),
        ("attempts = 1, reply_text = '451 x', due_at = '2099-01-02'", "the receiver asked for later"),
        ("render_faults = 1, due_at = '2099-01-02'", "its content could not be made"),
        ("due_at = '2099-01-02'", "2099-01-02 00:00:00 UTC: its reader’s hour"),
        ("host_faults = 1", "the mail server was away; it is due"),
    ],
)
def test_when_it_is_tried_next_and_why(told, sql, words):
    change(f"UPDATE messages SET {sql} WHERE contact_id IS NOT NULL")
    line = next(line for line in told().splitlines() if line.startswith("Next attempt:"))
    assert words in line


def test_a_mailing_that_stands_still_and_a_receiver_that_is_slow_are_told(told, place, number):
    with transaction():
        service.pause(place.id, number, "Somebody wished so.")
        service.set_rate("default", "outlook.com", 90)
        service.set_rate("default", "gmail.com", 60)
    story = told()
    assert "Somebody wished so." in story
    assert "Next attempt:  not before its mailing goes on" in story
    assert "outlook.com: at most 90 a minute" in story
    assert "gmail.com" not in story
    change("UPDATE mailings SET state = 'cancelled' WHERE kind = 'bulk'")
    assert "never: its mailing is cancelled" in told()


def test_system_mail_needs_no_permission_and_is_tried_once_more_by_itself(live, place, number):
    change("UPDATE messages SET state = 'unknown', doubts = 1, began_at = clock_timestamp() WHERE permission_id IS NULL")
    row = session().execute(text("SELECT mailing_no, n FROM messages WHERE permission_id IS NULL LIMIT 1")).one()
    session().rollback()
    with transaction():
        consent.stop_everything(place.id, the_person(), by=By(), proof=Proof())

    def story() -> str:
        found = live.test_cli_runner().invoke(args=["send", "explain", f"{row.mailing_no}-{row.n}"])
        assert found.exit_code == 0, found.output
        return str(found.output)

    assert "none needed" in story()
    assert "The gate now:  yes" in story(), "an objection to marketing does not silence it"
    assert "system mail in doubt is tried once more" in story()
    change("UPDATE messages SET doubts = 2 WHERE permission_id IS NULL")
    assert "none: it was in doubt twice" in story()
    change("UPDATE reach SET suppressed_at = now(), suppressed_reason = 'bounce'")
    assert "no: suppressed on" in story()
