"""Limits at the shell, in the figures and in the words of /readyz."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.delivery import queries, service
from app.delivery.pacing import slots, tallies
from app.delivery.pacing.pacer import Pacer
from app.delivery.pacing.rules import Said
from app.delivery.retries import HOST, TRANSPORT
from app.delivery.rules import Lane
from app.delivery.transports.base import Verb
from app.kernel.db import session as current
from app.kernel.db import transaction
from tests.support import mailing
from tests.support.outbox import place_with_sender, wish


def learn(*said: Said) -> None:
    with transaction():
        pacer = Pacer()
        pacer.look()
        pacer.learn("default", said)


AWAY = Said("a.example", HOST, Verb.CONNECT, None, "", "connection refused")


def test_limits_are_set_listed_and_taken_away_at_the_shell(app, session, smtp):
    where = place_with_sender(smtp)
    with transaction():
        own = service.own_route(where.id)
    run = app.test_cli_runner().invoke
    made = run(
        args=["delivery", "limit", own, "--domain", "gmail.com", "--per-minute", "90", "--connections", "3"]
    )
    assert made.exit_code == 0
    told = run(args=["delivery", "limits"]).output
    assert f"{own}: 127.0.0.1:{smtp.port} of Ostkai Coffee Roasters, at most 3 connections" in told
    assert "default: the mail server of this installation, at most 40 connections" in told
    assert "  gmail.com: at most 90 a minute, as you have set it." in told
    run(args=["delivery", "limit", own, "--domain", "gmail.com", "--clear"])
    assert "gmail.com" not in run(args=["delivery", "limits"]).output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["limit", "elsewhere", "--per-minute", "5"], "There is no such way out. Those there are: default"),
        (["limit", "default"], "Say --per-minute, --connections or --clear."),
        (["limit", "default", "--per-minute", "0"], "Write how many mails a minute"),
        (["reopen", "elsewhere"], "There is no such way out."),
    ],
)
def test_what_does_not_fit_is_told_at_the_shell(app, session, arguments, words):
    answer = app.test_cli_runner().invoke(args=["delivery", *arguments])
    assert answer.exit_code != 0
    assert words in answer.output


def test_a_resting_server_is_tried_at_once_from_the_shell(app, session):
    learn(AWAY)
    run = app.test_cli_runner().invoke
    assert "  The mail server is away: connection refused." in run(args=["delivery", "limits"]).output
    assert run(args=["delivery", "reopen", "default"]).exit_code == 0
    assert "away" not in run(args=["delivery", "limits"]).output


def test_figures_tell_what_rests_and_what_happened(client, session):
    with transaction():
        service.set_rate("default", "gmail.com", 60)
        tallies.add(tallies.LEASES_OVER, 3)
        tallies.add(tallies.LEASES_OVER, 2)
    learn(AWAY)
    figures = client.get("/metrics").text
    assert 'nod_resting{reason="away"} 1.0' in figures
    assert 'nod_resting{reason="patience"} 0.0' in figures
    assert "nod_limited_groups 1.0" in figures
    assert "nod_cool_downs_total 1.0" in figures
    assert "nod_leases_over_total 5.0" in figures
    assert "nod_mailings_stopped_total 0.0" in figures


def test_a_mail_that_waits_for_long_is_a_word_and_no_failure(live, live_client):
    wish(place_with_sender())
    place = mailing.setting()
    mailing.crowd(place, 1)
    mailing.running(place)
    assert live_client.get("/readyz").json["warnings"] == []
    with transaction():
        assert queries.late_words() == []
        current().execute(text("UPDATE messages SET due_at = due_at - :ago"), {"ago": timedelta(minutes=90)})
    answer = live_client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json["ready"] is True
    assert answer.json["warnings"] == [
        "The oldest message of the lane system that is due has waited for 90 minutes."
    ]


REFUSED = Said(
    "a.example", TRANSPORT, Verb.AUTH, 535, "5.7.8", "535 5.7.8 nod@shop.example has a bad password"
)


def test_words_of_everybodys_server_are_told_by_their_codes_and_whole_to_whoever_runs_it(app, session):
    where = place_with_sender()
    learn(REFUSED)
    (found,) = queries.standing(where.id)
    assert (found.group, found.is_resting, found.per_minute) == ("", True, None)
    assert "does not let us send: 535 5.7.8. " in found.why
    assert "bad password" in app.test_cli_runner().invoke(args=["delivery", "limits"]).output


def test_a_mailing_tells_what_limits_its_way_out(live):
    place, stranger = mailing.setting(), mailing.setting()
    mailing.crowd(place, 1)
    number = mailing.running(place)
    with transaction():
        assert queries.limits_of(place.id, number) == []
    learn(AWAY)
    with transaction():
        (found,) = queries.limits_of(place.id, number)
        assert found.why.startswith("The mail server is away. Nothing is lost")
        assert queries.limits_of(stranger.id, number) == [], "not theirs"


def test_figures_tell_what_was_sent_what_is_in_use_and_how_long_doubt_lasts(client, session):
    with transaction():
        tallies.add_sent(Lane.BULK, 300)
        current().execute(text("INSERT INTO delivery_tallies VALUES ('sent_bulk:99', 5)"))
        slots.renew("a", {"default": slots.Ask(held=0, wanted=3)})
        slots.renew("b", {"default": slots.Ask(held=0, wanted=2)})
        current().execute(text("INSERT INTO slots VALUES ('default', 'dead', 9, 9, now(), now() - interval '1 s')"))
    figures = client.get("/metrics").text
    assert 'nod_sent_total{lane="bulk"} 305.0' in figures
    assert 'nod_sent_total{lane="system"} 0.0' in figures
    assert 'nod_connections{route="default"} 5.0' in figures
    assert "nod_oldest_unknown_seconds 0.0" in figures
    wish(place_with_sender())
    with transaction():
        current().execute(
            text("UPDATE messages SET state = 'unknown', began_at = clock_timestamp() - interval '300 s'")
        )
    found = re.search(r"nod_oldest_unknown_seconds (\d+)", client.get("/metrics").text)
    assert 300 <= int(found[1]) < 360


def test_a_job_that_nobody_runs_is_told_as_late(client, session):
    with transaction():
        current().execute(text("DELETE FROM job_runs"))
    assert "nod_job_late_seconds 0.0" in client.get("/metrics").text
    with transaction():
        current().execute(
            text("INSERT INTO job_runs (name, started_at) VALUES ('delivery.reap', clock_timestamp() - interval '70 s')")
        )
    assert 60 <= float(re.search(r"nod_job_late_seconds ([\d.]+)", client.get("/metrics").text)[1]) < 120
