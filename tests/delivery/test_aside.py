"""A mail that has ended two workers is made in a process of its own, and takes nobody along."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import text

from app.contacts import service as contacts
from app.delivery import aside, pump, schedule
from app.kernel.db import session, transaction
from tests.conftest import environment_of
from tests.support import letters, mailing
from tests.support.mailing import Setting, crowd, running, states
from tests.support.outbox import update, use_sink, wish

LETTER = '<mj-text>Hello {{ contact.first_name|upper }}, <a href="https://ostkai.example/new">look</a></mj-text>'
HOOKS = Path(__file__).parents[1] / "faults" / "hooks"


@pytest.fixture
def place(live, smtp, monkeypatch) -> Setting:
    """What a worker has: its settings in its environment."""
    use_sink(smtp)
    for name, value in environment_of(live.config["NOD"], NOD_SMTP_URL=smtp.url).items():
        monkeypatch.setenv(name, value)
    made = mailing.setting()
    return Setting(made.where, letters.version(made.id, LETTER).id)


@pytest.fixture
def made_aside(monkeypatch) -> list[str]:
    """The numbers of the messages that were made in a process of their own."""
    numbers: list[str] = []
    write = aside.write

    def noting(held, route):
        numbers.append(held.number)
        return write(held, route)

    monkeypatch.setattr(aside, "write", noting)
    return numbers


def suspect(number: int, n: int, crashes: int = 2) -> None:
    with transaction():
        session().execute(
            text("UPDATE messages SET crash_count = :crashes WHERE mailing_no = :no AND n = :n"),
            {"no": number, "n": n, "crashes": crashes},
        )  # fmt: skip


def row(number: int, n: int):
    session().rollback()
    query = text("SELECT state, crash_count, reply_text FROM messages WHERE mailing_no = :no AND n = :n")
    return session().execute(query, {"no": number, "n": n}).one()


def test_what_ended_two_workers_without_fault_of_its_own_is_sent_as_ever(place, smtp, made_aside):
    crowd(place, 3)
    first = running(place)
    pump.run_slice("bulk")
    usual = {copy.rcpt_to: copy.raw for copy in smtp.messages}
    with transaction():
        session().execute(text("UPDATE messages SET state = 'pending', done_at = NULL WHERE mailing_no = :no"), {"no": first})
        session().execute(text("UPDATE mailings SET state = 'running', ended_at = NULL WHERE no = :no"), {"no": first})
    suspect(first, 2)
    before = len(smtp.messages)
    pump.run_slice("bulk")
    assert made_aside == [f"{first}-2"]
    assert states(first) == {"sent": 3}
    assert {copy.rcpt_to: copy.raw for copy in smtp.messages[before:]} == usual


def test_what_ends_its_own_process_too_is_set_aside_and_the_worker_goes_on(place, monkeypatch, made_aside):
    people = crowd(place, 3)
    with transaction():
        contacts.update_profile(place.id, people[0], first_name="Poison")
    number = running(place)
    query = text("SELECT n FROM messages WHERE mailing_no = :no AND contact_id = :who")
    n = session().execute(query, {"no": number, "who": people[0]}).scalar_one()
    suspect(number, n)
    monkeypatch.setenv("PYTHONPATH", f"{HOOKS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("FAULTS_POISON", "Poison")
    pump.run_slice("bulk")
    schedule.end_finished()
    assert states(number) == {"sent": 2, "poison": 1}
    found = row(number, n)
    assert found.crash_count == 3
    assert "SIGSEGV" in found.reply_text
    assert made_aside == [f"{number}-{n}"]


def test_a_process_that_cannot_even_start_is_not_the_messages_fault_at_once(place, monkeypatch):
    crowd(place, 1)
    number = running(place)
    suspect(number, 1)
    monkeypatch.setenv("NOD_SECRET_KEY", "short")
    pump.run_slice("bulk")
    found = row(number, 1)
    assert (found.state, found.crash_count) == ("pending", 2)
    assert "gave up" in found.reply_text


def test_system_mail_is_made_aside_as_well(place, smtp, made_aside):
    wished = wish(place.where)
    update(wished, "crash_count = 2")
    pump.run_slice("system")
    assert wished.state == "sent"
    assert len(made_aside) == len(smtp.messages) == 1
