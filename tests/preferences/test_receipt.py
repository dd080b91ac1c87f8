"""The person's own receipt: behind the fresh mail, in their language, with the same file that staff get."""

from __future__ import annotations

import json

import pytest

from app.accounts import queries as accounts
from app.consent import seals
from app.contacts import service as contacts
from app.evidence import verifier
from app.kernel import clock
from app.kernel.db import transaction
from app.preferences import links
from tests.evidence.conftest import MAIL, mailed, tell_all
from tests.support import make


@pytest.fixture
def where(session):
    return make.place()


@pytest.fixture
def own(where):
    """Mara's private page, after her whole story."""
    mara = make.person(where.id, "mara@example.org")
    tell_all(where, mara)
    seals.seal_now()
    return "/my/" + links.private(links.Person(where.id, mara.id), clock.now() + links.PRIVATE_FOR), mara


def test_the_page_tells_what_is_in_force_and_why(client, where, own):
    path, mara = own
    assert f"{path}/receipt" in client.get(path).text
    page = client.get(f"{path}/receipt").text
    for part in (
        "may send you email about New coffees.", "mara@example.org", "Speicherweg 4, 24103 Kiel", "Totals only",
        "Yes, Ostkai may email me.", "Said yes", "Said no", "250 2.0.0 Ok: queued as 4C1", "192.0.2.77",
        "142 seconds after the mail", "ostkai.example",
    ):  # fmt: skip
        assert part in page, part
    with transaction():
        contacts.update_profile(where.id, mara.id, first_name="Mara", language="de")
    page = client.get(f"{path}/receipt").text
    assert "Einwilligungsbeleg" in page
    assert '<blockquote class="said" lang="en">' in page


def test_the_file_is_the_one_that_staff_get(client, where, own):
    path, mara = own
    told = json.loads(client.get(f"{path}/receipt.json").text)
    assert verifier.check(told)[0] == []
    assert [json.loads(event["body"])["contact"] for event in told["events"]] == [str(mara.id)] * 4
    assert told["mails"][0]["source"]
    assert client.get(f"{path}/receipt.pdf").data.startswith(b"%PDF")
    assert accounts.list_audit(where.id)[0].act != "person.evidence", "one's own data needs no entry"


@pytest.mark.parametrize("name", ["receipt", "receipt.json", "receipt.pdf"])
def test_an_old_link_shows_nothing_and_offers_a_fresh_mail(client, own, name):
    path, _ = own
    clock.set_shift(3601)
    answer = client.get(f"{path}/{name}")
    assert answer.status_code == 410
    assert "mara@example.org" not in answer.text
    assert MAIL.decode().splitlines()[-1] not in answer.text


def test_a_person_of_whom_nothing_is_known_has_a_receipt_too(client, where):
    who = make.person(where.id)
    path = "/my/" + links.private(links.Person(where.id, who.id), clock.now() + links.PRIVATE_FOR)
    page = client.get(f"{path}/receipt")
    assert page.status_code == 200
    assert "Nothing is in force." in page.text
    mailed(make.asked(where, who))
    assert "Question mailed" in client.get(f"{path}/receipt").text
