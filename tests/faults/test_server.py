"""The mail server itself: what it says, in which order, and what it writes down."""

from __future__ import annotations

import contextlib
import socket
import time

import pytest

from app.delivery.transports.base import NotOpen, Outcome, Verb
from app.delivery.transports.settings import parse_url
from app.delivery.transports.smtp import SmtpTransport
from tests.faults.mailserver import MailServer
from tests.faults.script import Rule, greylist

MAIL = b"From: a@ostkai.example\r\nMessage-ID: <m.1.2@ostkai.example>\r\n\r\nHello\r\n"


@pytest.fixture
def server(tmp_path):
    with MailServer(tmp_path, 1) as running:
        yield running


@contextlib.contextmanager
def client(server):
    transport = SmtpTransport(parse_url(server.url))
    try:
        yield transport
    finally:
        transport.close()


def send(server, to="mara@one.example"):
    with client(server) as transport:
        return transport.send("b-a-b@bounces.ostkai.example", to, MAIL)


def test_bodies_and_the_next_envelope_in_one_segment_are_answered_in_their_order(server):
    with socket.create_connection(("127.0.0.1", server.port), 5) as line:
        replies = line.makefile("rb")
        assert replies.readline().startswith(b"220")
        line.sendall(b"EHLO me\r\n")
        while not replies.readline().startswith(b"250 "):
            pass
        envelope = b"MAIL FROM:<b%d@x.example>\r\nRCPT TO:<m%d@y.example>\r\nDATA\r\n"
        server.behave(Rule("RCPT", reply="550 5.1.1 nobody", times=1), Rule("DOT", delay=(0.1, 0.1)))
        line.sendall(envelope % (1, 1))
        assert [replies.readline()[:3] for _ in range(3)] == [b"250", b"550", b"554"]
        line.sendall(envelope % (2, 2))
        assert [replies.readline()[:3] for _ in range(3)] == [b"250", b"250", b"354"]
        line.sendall(MAIL + b"..a dot\r\n.\r\n" + envelope % (3, 3))
        assert [replies.readline()[:3] for _ in range(4)] == [b"250", b"250", b"250", b"354"]
        line.sendall(MAIL + b".\r\nQUIT\r\n")
        assert [replies.readline()[:3] for _ in range(2)] == [b"250", b"221"]
        replies.close()
    seen = server.seen.read()
    assert [mail.sender[:2] for mail in seen.mails] == ["b1", "b2", "b3"]
    assert [(end.point, end.recipient[:2]) for end in seen.ends] == [
        ("RCPT", "m1"), ("DOT", "m2"), ("DOT", "m3"),
    ]  # fmt: skip
    assert seen.copies[0].message_id == "<m.1.2@ostkai.example>"
    assert seen.max_open == 1


@pytest.mark.parametrize(
    ("point", "verb"),
    [
        ("CONNECT", Verb.BANNER), ("BANNER", Verb.BANNER), ("EHLO", Verb.EHLO), ("STARTTLS", Verb.STARTTLS),
        ("AUTH", Verb.AUTH), ("MAIL", Verb.MAIL), ("RCPT", Verb.RCPT), ("DATA", Verb.BODY), ("BODY", Verb.BODY),
        ("DOT", Verb.DOT),
    ],
)  # fmt: skip
def test_the_line_can_be_cut_at_ten_points(tmp_path, point, verb):
    with MailServer(tmp_path, 1, login="nod:secret", tls=True) as server:
        server.behave(Rule(point, is_drop=True, times=1))
        with client(server) as transport:
            try:
                transport.open()
                # More than buffers hold, or the client is done with the body before the cut.
                result = transport.send("b@ostkai.example", "mara@one.example", MAIL * 200_000)
            except NotOpen as fault:
                result = fault.result
        assert result.verb is verb
        assert result.outcome is (Outcome.IN_DOUBT if point == "DOT" else Outcome.THROTTLED)
        assert len(server.seen.read().copies) == (1 if point == "DOT" else 0)
        assert send(server).outcome is Outcome.SENT


def test_it_refuses_by_domain_and_greylists_by_recipient(server):
    server.behave(Rule("RCPT", "two.example", reply="451 4.2.0 no"), greylist(0.3, "three.example"))
    assert send(server).code == 250
    assert send(server, "mara@two.example").code == 451
    assert send(server, "mara@three.example").code == 450
    time.sleep(0.3)
    assert send(server, "mara@three.example").code == 250
    assert [end.reply[:3] for end in server.seen.read().ends] == ["250", "451", "450", "250"]


def test_what_it_wrote_down_survives_its_death(server):
    assert send(server).code == 250
    server.kill()
    server.start()
    assert send(server).code == 250
    assert len(server.seen.read().copies) == 2


def test_without_pipelining_it_offers_none(tmp_path):
    with MailServer(tmp_path, 1, pipelining=False) as server, client(server) as transport:
        transport.open()
        assert "PIPELINING" not in transport.connection.offers
