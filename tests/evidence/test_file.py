"""A person's evidence file: everything is in it, on paper too, and who took it is written down."""

from __future__ import annotations

import base64
import io
import json
import time

import pypdf

from app.accounts import queries as accounts
from app.accounts import service as accounts_service
from app.accounts.rules import acts
from app.consent import seals
from app.consent import service as consent
from app.consent.rules import By
from app.kernel.db import transaction
from tests.evidence.conftest import ANSWER, MAIL, mailed
from tests.support import make


def file_of(staff, who) -> dict:
    answer = staff.get(f"/people/{who.id}/evidence.json")
    assert answer.status_code == 200
    assert "mara" not in answer.headers["Content-Disposition"].lower()
    return json.loads(answer.text)


def test_the_file_holds_the_story_and_its_receipts(staff, where, mara):
    told = file_of(staff, mara)
    kinds = [json.loads(event["body"])["kind"] for event in told["events"]]
    assert kinds == ["requested", "doi_mail_sent", "confirmed", "withdrawn"]
    assert base64.b64decode(told["mails"][0]["source"]) == MAIL
    assert [text["body"] for text in told["texts"]] == ["Yes, Ostkai may email me."]
    assert len(told["days"]) == 1
    (record,), (receipt,) = told["records"], told["receipts"]
    assert record["schema_version"] == "ISO/IEC TS 27560:2023"
    states = [event["event_state"] for event in record["consent_events"]]
    assert states == ["ConsentRequested", "ConsentRequested", "ConsentGiven", "ConsentWithdrawn"]
    purpose = record["pii_processing"]["purposes"][0]
    assert purpose["services"] == ["New coffees", "Brewing letters"]
    assert purpose["lawful_basis"] == "consent"
    assert record["party_identification"][0]["party_address"] == "Speicherweg 4, 24103 Kiel"
    assert receipt["version"] == "KI-CR-v1.1.0"
    assert receipt["piiPrincipalId"] == "mara@example.org"
    assert receipt["consentTimestamp"] > 1_700_000_000
    assert receipt["language"] == "en"
    assert receipt["services"][0]["purposes"][0]["consentType"] == "EXPLICIT"


def test_the_paper_can_be_read_and_carries_the_file(staff, where, mara):
    staff.get(f"/people/{mara.id}/evidence.pdf")  # fonts are read once a process
    began = time.monotonic()
    answer = staff.get(f"/people/{mara.id}/evidence.pdf")
    assert time.monotonic() - began < 2
    paper = pypdf.PdfReader(io.BytesIO(answer.data))
    words = " ".join("\n".join(page.extract_text() for page in paper.pages).split())
    for part in (
        "Mara Łukasz, mara@example.org", "Ostkai Coffee Roasters, Speicherweg 4", "Yes, Ostkai may email me.",
        "Mara@Example.org", "192.0.2.7", "192.0.2.77", "192.0.2.9", "Firefox 140", "Said yes", "Said no", "one_click",
        ANSWER, "24 November 2026, 08:14:09 UTC", "Bitte bestätigen", "Press the button", "https://ostkai.example/journal",
        "empty beforehand", "Signed day 1", "verifier.py", "place 2 of 5",
    ):  # fmt: skip
        assert part in words, part
    root = paper.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert "/StructTreeRoot" in root
    attached = paper.attachments
    assert attached["question-1.eml"] == [MAIL]
    inside = json.loads(attached["evidence.json"][0])
    assert [event["id"] for event in inside["events"]] == [
        event["id"] for event in file_of(staff, mara)["events"]
    ]


def test_what_people_write_is_text_and_nothing_else(staff, where):
    who = make.person(where.id, "odd@example.org", '#panic("x") $y$ \\ `z` <label>')
    with transaction():
        consent.ensure_text(where.id, "consent", "en", "x")
    make.asked(where, who)
    answer = staff.get(f"/people/{who.id}/evidence.pdf")
    assert answer.status_code == 200
    words = " ".join(pypdf.PdfReader(io.BytesIO(answer.data)).pages[0].extract_text().split())
    assert '#panic("x") $y$ \\ `z` <label>' in words


def test_who_took_it_is_written_down(staff, client, where, mara):
    for path in ("evidence.json", "evidence.pdf"):
        staff.get(f"/people/{mara.id}/{path}")
    newest = accounts.list_audit(where.id)[0]
    assert (newest.act, newest.object, newest.actor_id) == (
        "person.evidence", f"contact:{mara.id}", where.owner_id,
    )  # fmt: skip
    with transaction():
        key = accounts_service.create_api_key(
            where.id, "Archive", ("people.read",), by=acts.user(where.owner_id)
        )
    answer = client.get(
        f"/api/v1/people/{mara.id}/evidence", headers={"Authorization": f"Bearer {key.secret}"}
    )
    assert json.loads(answer.text)["format"] == "nod.evidence/1"
    newest = accounts.list_audit(where.id)[0]
    assert (newest.act, newest.actor_id) == ("person.evidence", key.id)


def test_an_erased_person_leaves_a_file_without_a_person(staff, where, mara):
    with transaction():
        consent.erase(where.id, mara.id, by=By("staff"))
    seals.seal_now()
    answer = staff.get(f"/people/{mara.id}/evidence.json")
    assert "mara@example.org" not in answer.text
    assert "192.0.2" not in answer.text
    told = json.loads(answer.text)
    assert told["mails"] == []
    assert all(event["personal"] is None for event in told["events"])
    assert staff.get(f"/people/{mara.id}/evidence.pdf").status_code == 200


def test_the_mails_source_goes_with_its_person_and_no_dump_can_use_it(session, where, mara):
    from sqlalchemy import text

    locked = session.execute(text("SELECT locked FROM consent_mails")).scalar_one()
    assert b"secret" not in locked
    with transaction():
        consent.erase(where.id, mara.id, by=By("staff"))
    assert session.execute(text("SELECT count(*) FROM consent_mails")).scalar_one() == 0


def test_a_person_whom_nobody_asked_has_an_empty_file(staff, where):
    who = make.person(where.id)
    assert file_of(staff, who)["events"] == []
    assert staff.get(f"/people/{who.id}/evidence.pdf").status_code == 200


def test_a_question_that_waits_is_not_in_the_file_with_its_link(staff, where):
    who = make.person(where.id)
    request = make.asked(where, who)
    mailed(request)
    seals.seal_now()
    told = file_of(staff, who)
    assert told["mails"] == []
    assert len(told["withheld"]) == 1
    paper = pypdf.PdfReader(io.BytesIO(staff.get(f"/people/{who.id}/evidence.pdf").data))
    words = " ".join("\n".join(page.extract_text() for page in paper.pages).split())
    assert "1 of the mails can still be answered" in words
    assert "evidence.json" in paper.attachments
    assert "question-1.eml" not in paper.attachments
