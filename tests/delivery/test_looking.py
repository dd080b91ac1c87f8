"""Timeline, command line and figures."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.delivery import service, timeline
from app.kernel.db import session
from tests.support import make


@pytest.fixture
def waiting(app, session) -> tuple[make.Place, object]:
    where = make.place()
    who = make.person(where.id)
    request = make.asked(where, who)
    service.send_system(where.id, "confirm", dedupe=request.id, contact_id=who.id)
    return where, who


def test_a_persons_page_tells_each_mail_with_its_end(waiting):
    where, who = waiting
    (entry,) = timeline.entries(where.id, who.id, None, 10)
    assert entry.title == "The question to confirm: waiting to be sent"
    session().execute(
        text("UPDATE messages SET state = 'failed', reply_text = '550 5.1.1 no such user', done_at = now()")
    )
    session().expire_all()
    (entry,) = timeline.entries(where.id, who.id, None, 10)
    assert entry.title == "The question to confirm: refused by the mail server"
    assert entry.detail == "550 5.1.1 no such user"
    assert timeline.entries(where.id, who.id, entry.at, 10) == []


def test_another_workspace_sees_nothing_of_it(waiting):
    _, who = waiting
    assert timeline.entries(make.place().id, who.id, None, 10) == []


def test_every_state_has_words():
    from app.delivery.rules import WORDS, MessageState

    assert set(timeline.SAYS) == set(WORDS) == set(MessageState)


def test_explain_tells_the_whole_story_without_an_address(app, waiting):
    row = session().execute(text("SELECT mailing_no, n FROM messages")).one()
    session().execute(
        text("UPDATE messages SET host_faults = 2, reply_text = 'connection refused', began_at = now()")
    )
    runner = app.test_cli_runner()
    told = runner.invoke(args=["delivery", "explain", f"{row.mailing_no}-{row.n}"])
    assert told.exit_code == 0, told.output
    for words in (
        "The question to confirm (system, lane system, mailing running)",
        "waiting to be sent",
        "Next attempt",
        "connection refused",
    ):
        assert words in told.output
    assert "2 times in a row the mail server was away" in told.output
    assert "@" not in told.output


@pytest.mark.parametrize("number", ["nonsense", "1-", "999-999"])
def test_explain_says_when_there_is_no_such_message(app, session, number):
    told = app.test_cli_runner().invoke(args=["delivery", "explain", number])
    assert told.exit_code == 1
    assert "Traceback" not in told.output
    assert "number" in told.output


def test_waiting_lists_what_is_due(app, waiting):
    told = app.test_cli_runner().invoke(args=["delivery", "waiting"])
    assert told.exit_code == 0, told.output
    assert "1 pending" in told.output
    assert "confirm" in told.output


def test_metrics_tell_what_waits_over_all_processes(client, waiting):
    session().execute(text("UPDATE messages SET due_at = now() - interval '90 seconds'"))
    told = client.get("/metrics").get_data(as_text=True)
    assert 'nod_messages{state="pending"} 1.0' in told
    assert 'nod_messages{state="unknown"} 0.0' in told
    (line,) = [
        found for found in told.splitlines() if found.startswith('nod_oldest_due_seconds{lane="system"}')
    ]
    assert 80 < float(line.split()[1]) < 200
