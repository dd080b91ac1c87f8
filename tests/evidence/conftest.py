"""A person with a whole story: asked, mailed, confirmed, withdrawn; sealed and signed."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from app.consent import seals
from app.consent import service as consent
from app.consent.rules import By, Level, Proof
from app.kernel.db import transaction
from tests.people.conftest import Staff, owner_of
from tests.support import make

MAIL = (
    b"From: Ostkai <news@ostkai.example>\r\nTo: mara@example.org\r\nSubject: =?utf-8?q?Bitte_best=C3=A4tigen?=\r\n"
    b"Date: Tue, 24 Nov 2026 08:14:09 +0000\r\nMessage-ID: <m.1.1@news.ostkai.example>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nPress the button: https://news.ostkai.example/c/secret\r\n"
)
ANSWER = "250 2.0.0 Ok: queued as 4C1"


def mailed(request, source: bytes = MAIL) -> None:
    """The server took the question."""
    with transaction():
        consent.record_mail(
            request, message_id="<m.1.1@news.ostkai.example>",
            mime_sha256=hashlib.sha256(source).hexdigest(), accepted_line=ANSWER,
            accepted_at=datetime(2026, 11, 24, 8, 14, 9, tzinfo=UTC), source=source,
        )  # fmt: skip


def tell_all(where, who) -> None:
    """Asked, mailed, confirmed, then one topic taken back."""
    request = make.asked(where, who, tracking=Level.AGGREGATE)
    mailed(request)
    with transaction():
        consent.confirm(
            request.id, by=By(), proof=Proof(ip="192.0.2.77", user_agent="Firefox 140", http_method="POST", seconds_since_mail=142, verdict="human"),
        )  # fmt: skip
        consent.withdraw(
            where.id,
            who.id,
            [where.interests[1].id],
            by=By(),
            proof=Proof(ip="192.0.2.9"),
            method="one_click",
        )


@pytest.fixture
def where(session):
    return make.place()


@pytest.fixture
def mara(where):
    """Her story, with other people's events under the same seals and after them."""
    who = make.person(where.id, "mara@example.org", "Mara Łukasz")
    make.asked(where, make.person(where.id))
    tell_all(where, who)
    seals.seal_now()
    for _ in range(3):
        make.asked(where, make.person(where.id))
        seals.seal_now()
    assert seals.sign_day() == 1
    return who


@pytest.fixture
def staff(where, client):
    return Staff(client, owner_of(where))
