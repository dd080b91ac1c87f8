"""On the wire: the mail as a server gets it, one for many calls at once, and a no that comes last."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from app.consent import service as consent
from app.consent.rules import By, Reason
from app.consent.rules.suppressing import Listed
from app.contacts.addresses import normalise
from app.delivery import pump
from app.kernel import clock
from app.kernel.db import transaction
from app.preferences import data as preferences
from app.transactional import service
from app.transactional.rules import Asked
from tests.delivery.wire import check_wire
from tests.support import make, outbox
from tests.support.outbox import place_with_sender
from tests.transactional.conftest import DATA, Shop, receipt, rows


@pytest.fixture
def shop(live, live_client):
    where = place_with_sender()
    receipt(where)
    return Shop(live_client, where)


def test_one_mail_for_many_calls_at_once_and_what_becomes_of_each(shop, live, smtp, run):
    mara = make.person(shop.where.id, "mara@example.org", "Mara")

    def call(_n):
        return outbox.in_context(live, lambda: shop.send("OK-1"))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(call, range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.data for answer in answers}) == 1
    shop.send("OK-2", to="tom@example.org")
    gone = shop.send("OK-3", to="gone@example.org").json["id"]
    late = shop.send("OK-4", to="late@example.org").json["id"]
    erased = shop.send("OK-5", to="ella@example.org").json["id"]
    with transaction():
        consent.enter_list(shop.where.id, [Listed(1, Reason.NEVER, address=normalise("late@example.org"))], by=By("staff", "x"))
        ella = make.person(shop.where.id, "ella@example.org")
        preferences.erase(shop.where.id, ella.id, by=By("system"))
    smtp.reply_at("RCPT", "550 5.1.1 No such user", times=None, matches=lambda to: "gone@" in to)
    run()
    (copy,) = smtp.to("mara@example.org")
    check_wire(copy.raw)
    head = copy.raw.partition(b"\r\n\r\n")[0].lower()
    assert b"list-unsubscribe" not in head
    assert b"list-id" not in head
    assert b"auto-submitted: auto-generated" in head
    page = copy.part("html")
    assert 'href="https://ostkai.example/orders/OK-20418"' in page, "links lead where they were told to"
    assert "<img" not in page.replace('<img alt="" src="https://ostkai', ""), "no picture that tells of an opening"
    assert "Gedeo €9.50" in copy.part("plain")
    assert len(smtp.to("tom@example.org")) == 1
    assert [len(smtp.to(f"{name}@example.org")) for name in ("late", "ella", "gone")] == [0, 0, 0]
    assert shop.state(answers[0].json["id"]).json["state"] == "sent"
    told = shop.state(gone).json
    assert (told["state"], told["reason"]) == ("failed", "unknown address")
    assert "5.1.1" in told["answer"]
    assert shop.state(late).json["reason"] == "This address is on your list “Never write to”."
    assert shop.state(erased).json["state"] == "skipped"
    # What came back is not tried by the next order either, and makes nobody a person.
    refused = shop.send("OK-6", to="Gone@example.org")
    assert (refused.status_code, "(bounce)" in refused.json["detail"]) == (409, True)
    assert rows("SELECT count(*) FROM contacts WHERE erased_at IS NULL") == [(1,)]
    assert rows("SELECT count(*) FROM transactional_mails WHERE data IS NOT NULL") == [(1,)], "the one that no server took"
    assert mara.id == rows("SELECT contact_id FROM transactional_mails WHERE address = 'mara@example.org'")[0][0]


def test_who_comes_while_the_same_key_is_being_taken_waits_and_gets_the_same_mail(shop, live):
    def call():
        return outbox.in_context(live, lambda: shop.send("OK-1"))

    with ThreadPoolExecutor(1) as pool:
        with transaction():
            mail_id = service.send(shop.where.id, Asked("receipt", "mara@example.org", DATA), "OK-1")
            second = pool.submit(call)
            with pytest.raises(TimeoutError):
                second.result(0.7)
        answer = second.result(20)
    assert (answer.status_code, answer.json["id"]) == (202, str(mail_id))
    assert rows("SELECT count(*) FROM messages") == [(1,)]


def test_a_mail_in_doubt_is_tried_once_more_with_the_same_bytes_and_no_bulk_lane_is_asked(shop, smtp, run):
    smtp.drop_at("DOT", times=1)
    mail_id = shop.send(data=DATA).json["id"]
    run()
    assert shop.state(mail_id).json["state"] == "unknown"
    clock.set_shift(16 * 60)
    pump.reap()
    run()
    assert shop.state(mail_id).json["state"] == "sent"
    first, second = smtp.copies
    assert (first.is_accepted, second.is_accepted) == (False, True)
    assert first.raw == second.raw
    assert rows("SELECT DISTINCT lane FROM mailings") == [("system",)]
