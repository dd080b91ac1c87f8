"""The question's mail, byte for byte as a real mail server took it, in the evidence file of who answered it."""

from __future__ import annotations

import base64
import hashlib

import pytest

from app.consent import history, seals
from app.consent import service as consent
from app.consent.rules import By, Kind, Proof
from app.delivery import pump
from app.evidence import document, verifier
from app.kernel import clock
from app.kernel.db import transaction
from tests.support import outbox
from tests.support.smtp_sink import SmtpSink


@pytest.fixture
def sink():
    with SmtpSink() as running:
        yield running


def test_what_the_server_took_is_what_the_file_holds(live, sink):
    where = outbox.place_with_sender(sink)
    wished = outbox.wish(where, "mara@example.org")
    pump.run_slice("system")
    (copy,) = sink.wait_for(1)
    with transaction():
        told = document.make(where.id, wished.contact_id, clock.now())
        assert (told["mails"], len(told["withheld"])) == ([], 1), "it can still be answered"
        consent.confirm(wished.request_id, by=By(), proof=Proof())
    seals.seal_now()
    with transaction():
        told = document.make(where.id, wished.contact_id, clock.now())
        mailed = next(
            entry
            for entry in history.list_history(where.id, wished.contact_id)
            if entry.kind is Kind.DOI_MAIL_SENT
        )
    (mail,) = told["mails"]
    assert base64.b64decode(mail["source"]).rstrip(b"\r\n") == copy.raw.rstrip(b"\r\n")
    assert (
        mail["sha256"]
        == mailed.personal["mime_sha256"]
        == hashlib.sha256(base64.b64decode(mail["source"])).hexdigest()
    )
    assert copy.queue_id in mailed.personal["accepted"] or copy.reply in mailed.personal["accepted"]
    assert verifier.check(told)[0] == []
