"""Rules over many messages: a sender that nobody trusts and a mail that nobody takes stop by themselves."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import text

from app.delivery import queries, retries, service
from app.delivery.pacing import tallies, watch
from app.delivery.pacing.rules import Said
from app.delivery.pacing.watch import Watch, kind_of
from app.delivery.transports.base import Verb
from app.kernel.db import session, transaction
from tests.support import mailing

DOMAIN = "ostkai.example"
NO_DMARC = "550 5.7.26 unauthenticated mail from ostkai.example"


def said(code: int | None, words: str, enhanced: str = "", verb: str = "dot") -> Said:
    verdict = retries.classify(code, enhanced, words, Verb(verb))
    return Said("gmail.com", verdict, Verb(verb), code, enhanced, words)


OK = said(250, "ok")
REFUSED = said(550, NO_DMARC, "5.7.26")
TOO_BIG = said(552, "552 5.3.4 message AB12 too large for (address)", "5.3.4")


@pytest.fixture
def place(live):
    made = mailing.setting()
    mailing.crowd(made, 3)
    return made


def note(who: Watch, place, number: int, answers: list[Said], domain: str = DOMAIN) -> list[int]:
    with transaction():
        return who.note(place.id, number, domain, answers)


def reason(place, number: int) -> str:
    with transaction():
        return queries.get_mailing(place.id, number).pause_reason or ""


def test_five_in_a_hundred_refusals_of_a_sender_stop_its_mailings(place, caplog):
    number, other = mailing.running(place), mailing.running(place)
    who = Watch()
    with caplog.at_level(logging.ERROR):
        assert note(who, place, number, [OK] * 190 + [REFUSED] * 9) == []
        assert note(who, place, other, [REFUSED], "OSTKAI.example") == [number, other]
    assert mailing.state(number) == mailing.state(other) == "paused"
    words = reason(place, number)
    assert f"10 of the last 200 mails from {DOMAIN} were refused" in words
    assert NO_DMARC in words
    assert "paused: 10 of the last 200" in caplog.text
    assert mailing.states(number)["pending"] == 3, "the others wait"
    with transaction():
        assert tallies.read()[tallies.STOPPED] == 2
        service.resume(place.id, number)
    assert note(who, place, number, [OK] * 100 + [REFUSED] * 9) == [], "whoever goes on has a clean count"


def test_older_results_are_forgotten(place):
    number = mailing.running(place)
    who = Watch()
    note(who, place, number, [REFUSED] * 9)
    assert note(who, place, number, [OK] * 192 + [REFUSED]) == []
    assert note(who, place, number, [OK] * 190 + [REFUSED]) == []


def test_refusals_are_counted_over_all_senders(place):
    number = mailing.running(place)
    senders = [Watch() for _ in range(4)]
    for turn in range(9):
        assert note(senders[turn % 4], place, number, [OK, REFUSED]) == []
    assert note(senders[1], place, number, [REFUSED]) == [number]


def test_another_domain_and_another_workspace_go_on(place):
    number = mailing.running(place)
    stranger = mailing.setting()
    mailing.crowd(stranger, 1)
    theirs = mailing.running(stranger)
    assert note(Watch(), place, number, [REFUSED] * 10, "elsewhere.example") == []
    assert note(Watch(), place, number, [REFUSED] * 10) == [number]
    assert mailing.state(theirs) == "running"


def test_faults_of_servers_are_not_results(place):
    number = mailing.running(place)
    who = Watch()
    note(who, place, number, [REFUSED] * 9)
    away = said(None, "refused", verb="connect")
    assert note(who, place, number, [away] * 500 + [REFUSED]) == [number], "nothing was pushed out"


def test_where_nobody_is_refused_nothing_is_written(place, count_statements, monkeypatch):
    number = mailing.running(place)
    who = Watch()
    with transaction(), count_statements() as statements:
        for _ in range(20):
            who.note(place.id, number, DOMAIN, [OK] * 300)
    assert statements == []
    note(who, place, number, [OK, REFUSED])
    with transaction(), count_statements() as statements:
        who.note(place.id, number, DOMAIN, [OK] * 300)
    assert statements == [], "not each turn"
    monkeypatch.setattr(watch, "FLUSH_SECONDS", 0.0)
    with transaction(), count_statements() as statements:
        who.note(place.id, number, DOMAIN, [OK] * 300)
        who.note(place.id, number, DOMAIN, [OK] * 300)
    assert len([found for found in statements if "sender_watches" in found]) == 1, (
        "no refusal is left among them"
    )


def test_twenty_equal_refusals_of_a_mail_stop_it_and_a_person_may_go_on(place):
    number, other = mailing.running(place), mailing.running(place)
    who = Watch()
    different = said(554, "554 5.6.0 malformed", "5.6.0")
    assert note(who, place, number, [TOO_BIG] * 19 + [different] * 19 + [REFUSED]) == []
    assert note(who, place, other, [TOO_BIG]) == []
    again = said(552, "552 5.3.4 message ZZ99 too large for (address)", "5.3.4")
    assert note(Watch(), place, number, [again]) == [number]
    assert (mailing.state(number), mailing.state(other)) == ("paused", "running")
    assert "20 servers refused this mail for what is in it, the last with: 552 5.3.4" in reason(place, number)
    with transaction():
        service.resume(place.id, number)
    assert note(who, place, number, [TOO_BIG] * 19) == []


def test_a_replys_marks_do_not_make_it_another():
    assert kind_of(TOO_BIG) == "552 5.3.4 message too large for"
    assert kind_of(TOO_BIG) != kind_of(said(552, "552 5.3.4 no room", "5.3.4"))


def test_counts_of_ended_mailings_are_forgotten(place):
    number, other = mailing.running(place), mailing.running(place)
    note(Watch(), place, number, [TOO_BIG])
    note(Watch(), place, other, [TOO_BIG])
    with transaction():
        session().execute(text("UPDATE mailings SET ended_at = now() WHERE no = :no"), {"no": number})
        watch.forget_old()
    assert session().execute(text("SELECT mailing_no FROM content_refusals")).scalars().all() == [other]
