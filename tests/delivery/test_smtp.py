"""SMTP on the wire, against a server that misbehaves at every step."""

import ipaddress
import socket
import ssl
import threading
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.delivery.transports.base import NotOpen, Outcome, Result, Transport, Verb
from app.delivery.transports.connection import Connection
from app.delivery.transports.settings import Security, SmtpSettings, Timeouts, parse_url
from app.delivery.transports.smtp import SmtpTransport
from tests.support.smtp_sink import SmtpSink

FROM, TO = "b-a-b-abcdefghijklmnop@bounce.ostkai.example", "mara@example.org"
MAIL = b"From: a@ostkai.example\r\nTo: mara@example.org\r\nSubject: x\r\nMessage-ID: <1@x>\r\n\r\nHello\r\n"
LARGE = MAIL + (b"x" * 70 + b"\r\n") * 160_000
QUICK = Timeouts(connect=5, banner=5, command=5, data=5, block=5, dot=5, quit=1)


def settings(sink: SmtpSink) -> SmtpSettings:
    return SmtpSettings("127.0.0.1", sink.port, timeouts=QUICK)


def send(sink: SmtpSink, data: bytes = MAIL, rcpt: str = TO, **changes: object) -> Result:
    transport = SmtpTransport(replace(settings(sink), **changes))
    try:
        return transport.send(FROM, rcpt, data)
    finally:
        transport.close()


@pytest.fixture
def sink():
    with SmtpSink() as running:
        yield running


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sink.test")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "sink.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_mail_arrives_to_the_byte(sink: SmtpSink) -> None:
    result = send(sink)
    assert (result.outcome, result.code, result.enhanced, result.verb) == (
        Outcome.SENT,
        250,
        "2.0.0",
        Verb.DOT,
    )
    (copy,) = sink.messages
    assert copy.raw == MAIL
    assert copy.mail_from == FROM
    assert copy.rcpt_to == (TO,)
    assert f"SIZE={len(MAIL)}" in copy.mail_options
    assert sink.commands[-1] == "QUIT"


def test_it_is_a_transport(sink: SmtpSink) -> None:
    transport: Transport = SmtpTransport(settings(sink))
    transport.open()
    transport.close()
    transport.close()


STEPS = [
    ("CONNECT", Verb.BANNER), ("EHLO", Verb.EHLO), ("MAIL", Verb.MAIL), ("RCPT", Verb.RCPT), ("DATA", Verb.DATA),
    ("DOT", Verb.DOT),
]  # fmt: skip


@pytest.mark.parametrize(("step", "verb"), STEPS)
@pytest.mark.parametrize("reply", ["451 4.3.0 later", "554 5.0.0 never", "421 4.3.2 closing"])
def test_a_refusal_is_told_with_its_verb(sink: SmtpSink, step: str, verb: Verb, reply: str) -> None:
    sink.reply_at(step, reply)
    result = send(sink)
    assert (result.code, result.enhanced, result.verb) == (int(reply[:3]), reply.split()[1], verb)
    assert result.outcome not in {Outcome.SENT, Outcome.IN_DOUBT}
    assert result.text == reply[4:]
    assert sink.messages == []


@pytest.mark.parametrize(("step", "verb"), [*STEPS, ("BODY", Verb.BODY)])
def test_only_a_silence_after_the_dot_is_doubt(sink: SmtpSink, step: str, verb: Verb) -> None:
    sink.drop_at(step)
    result = send(sink, LARGE)
    assert (result.verb, result.code) == (verb, None)
    assert result.outcome is (Outcome.IN_DOUBT if step == "DOT" else Outcome.THROTTLED)
    assert sink.messages == []


def test_a_line_that_breaks_at_starttls_or_auth_is_no_doubt(certificate: Path) -> None:
    with SmtpSink(tls=server_context(certificate), credentials=("u", "p")) as sink:
        changes = {"ca_file": str(certificate), "username": "u", "password": "p"}
        for step, verb in (("STARTTLS", Verb.STARTTLS), ("AUTH", Verb.AUTH)):
            sink.drop_at(step)
            result = send(sink, security=Security.STARTTLS, **changes)
            assert (result.verb, result.outcome) == (verb, Outcome.THROTTLED)
        assert send(sink, security=Security.STARTTLS, **changes).outcome is Outcome.SENT


def test_a_server_that_answers_in_the_middle_of_a_mail_is_heard(sink: SmtpSink) -> None:
    port, thread = script(
        b"220 a\r\n", b"250 a\r\n", b"250 a\r\n", b"250 a\r\n", b"354 a\r\n", b"552 5.3.4 enough\r\n"
    )
    result = SmtpTransport(SmtpSettings("127.0.0.1", port, timeouts=QUICK)).send(FROM, TO, LARGE)
    assert (result.outcome, result.enhanced, result.verb) == (Outcome.PERMANENT, "5.3.4", Verb.BODY)
    thread.join(10)


def test_a_server_that_stops_reading_is_left_in_time() -> None:
    port, _ = script(b"220 a\r\n", b"250 a\r\n", b"250 a\r\n", b"250 a\r\n", b"354 a\r\n", is_deaf=True)
    transport = SmtpTransport(SmtpSettings("127.0.0.1", port, timeouts=replace(QUICK, block=0.3)))
    result = transport.send(FROM, TO, LARGE)
    assert (result.outcome, result.verb) == (Outcome.THROTTLED, Verb.BODY)


def test_a_large_mail_goes_through_tls(certificate: Path) -> None:
    with SmtpSink(tls=server_context(certificate)) as sink:
        assert send(sink, LARGE).outcome is Outcome.SENT
        assert sink.messages[0].raw == LARGE


def test_a_server_that_is_not_there_is_the_hosts_fault() -> None:
    with SmtpSink() as sink:
        gone = settings(sink)
    result = SmtpTransport(gone).send(FROM, TO, MAIL)
    assert (result.outcome, result.verb) == (Outcome.THROTTLED, Verb.CONNECT)
    result = SmtpTransport(replace(gone, host="nowhere.invalid")).send(FROM, TO, MAIL)
    assert (result.outcome, result.verb) == (Outcome.THROTTLED, Verb.DNS)
    with pytest.raises(NotOpen) as closed:
        SmtpTransport(gone).open()
    assert closed.value.result.verb is Verb.CONNECT


@pytest.mark.parametrize(("step", "outcome"), [("MAIL", Outcome.THROTTLED), ("DOT", Outcome.IN_DOUBT)])
def test_a_server_that_says_nothing_is_left_in_time(sink: SmtpSink, step: str, outcome: Outcome) -> None:
    held = sink.hold_at(step)
    began = time.monotonic()
    result = send(sink, timeouts=replace(QUICK, command=0.3, dot=0.3))
    assert result.outcome is outcome
    assert time.monotonic() - began < 4
    held.release()


@pytest.mark.parametrize(
    "body",
    [
        b"a\r\n.\r\nMAIL FROM:<x@y.example>\r\nRCPT TO:<z@y.example>\r\nDATA\r\nevil\r\n.\r\n",
        b".\r\n..\r\n...\r\n",
        b".",
        b"\r\n.",
        b"no newline at the end",
        b"",
    ],
)
def test_case_21_dots_never_end_a_mail_early(sink: SmtpSink, body: bytes) -> None:
    data = MAIL + body
    assert send(sink, data).outcome is Outcome.SENT
    (copy,) = sink.messages
    assert copy.raw == (data if data.endswith(b"\r\n") else data + b"\r\n")
    assert len([line for line in sink.commands if line.startswith("MAIL")]) == 1


@pytest.mark.parametrize(
    "evil", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\n", b"\r", b"\r\r\n", b"x" * 999]
)
def test_case_21_a_bare_newline_or_an_endless_line_never_leaves(sink: SmtpSink, evil: bytes) -> None:
    result = send(sink, MAIL + evil + b"MAIL FROM:<x@y.example>\r\n")
    assert (result.outcome, result.enhanced, result.verb) == (Outcome.PERMANENT, "5.6.0", Verb.LOCAL)
    assert sink.commands == []


@pytest.mark.parametrize(
    "rcpt",
    [
        "a@b.example>\r\nRCPT TO:<c@d.example",
        "a@b.example> NOTIFY=NEVER",
        "a@b.example\n",
        "a@b.example\r\nDATA",
        "a b@c.example",
        "a@b.example\x00",
        "<a@b.example",
        "a\u2028@b.example",
        "",
        "a",
    ],
)
def test_case_22_an_address_never_becomes_a_command(sink: SmtpSink, rcpt: str) -> None:
    result = send(sink, rcpt=rcpt)
    assert (result.outcome, result.verb) == (Outcome.PERMANENT, Verb.LOCAL)
    transport = SmtpTransport(settings(sink))
    assert rcpt == "" or transport.send(rcpt, TO, MAIL).verb is Verb.LOCAL
    assert sink.commands == []


def test_an_empty_return_path_is_allowed(sink: SmtpSink) -> None:
    with closing(SmtpTransport(settings(sink))) as transport:
        assert transport.send("", TO, MAIL).outcome is Outcome.SENT
    assert sink.commands[1].startswith("MAIL FROM:<> ")


@pytest.mark.parametrize("missing", ["SMTPUTF8", "8BITMIME"])
def test_what_the_server_cannot_take_is_not_sent(missing: str) -> None:
    offers = tuple(name for name in ("SMTPUTF8", "8BITMIME") if name != missing)
    with SmtpSink(extensions=offers) as sink:
        result = send(sink, MAIL + "ü\r\n".encode(), "jürgen@example.org")
        assert (result.outcome, result.enhanced, result.verb) == (Outcome.PERMANENT, "5.6.7", Verb.LOCAL)
        assert not any(line.startswith("MAIL") for line in sink.commands)


def test_an_address_beyond_ascii_asks_for_smtputf8(sink: SmtpSink) -> None:
    assert send(sink, MAIL + "ü\r\n".encode(), "jürgen@example.org").outcome is Outcome.SENT
    assert {"SMTPUTF8", "BODY=8BITMIME"} <= set(sink.messages[0].mail_options)
    assert sink.messages[0].rcpt_to == ("jürgen@example.org",)


def test_a_mail_over_the_servers_limit_is_not_sent() -> None:
    with SmtpSink(extensions=("SIZE 20",)) as sink:
        result = send(sink)
        assert (result.outcome, result.enhanced) == (Outcome.PERMANENT, "5.3.4")
        assert len(sink.commands) == 2


def test_one_connection_carries_many_mails_and_survives_a_refusal(sink: SmtpSink) -> None:
    transport = SmtpTransport(replace(settings(sink), max_messages=3))
    sink.reply_at("RCPT", "550 5.1.1 unknown", times=1, matches=lambda rcpt: rcpt.startswith("gone"))
    assert transport.send(FROM, "gone@example.org", MAIL).outcome is Outcome.PERMANENT
    for _ in range(4):
        assert transport.send(FROM, TO, MAIL).outcome is Outcome.SENT
    transport.close()
    assert [copy.connection for copy in sink.messages] == [1, 1, 2, 2]


def test_a_connection_that_died_in_between_is_made_new(sink: SmtpSink) -> None:
    with closing(SmtpTransport(settings(sink))) as transport:
        assert transport.send(FROM, TO, MAIL).outcome is Outcome.SENT
        sink.cut_connections()
        time.sleep(0.1)
        assert transport.send(FROM, TO, MAIL).outcome is Outcome.SENT
    assert [copy.connection for copy in sink.messages] == [1, 2]


def test_the_callback_comes_once_and_before_the_body(sink: SmtpSink) -> None:
    seen: list[int] = []
    transport = SmtpTransport(settings(sink))
    transport.send(FROM, TO, MAIL, before_body=lambda: seen.append(len(sink.copies)))
    sink.reply_at("RCPT", "550 5.1.1 unknown", times=1)
    transport.send(FROM, TO, MAIL, before_body=lambda: seen.append(99))
    assert seen == [0]

    def fails() -> None:
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError):
        transport.send(FROM, TO, MAIL, before_body=fails)
    assert transport.send(FROM, TO, MAIL).outcome is Outcome.SENT
    transport.close()
    assert len(sink.messages) == 2


def test_tls_is_verified_and_a_stranger_is_refused(certificate: Path) -> None:
    with SmtpSink(tls=server_context(certificate), credentials=("mara", "pä$$ word")) as sink:
        changes = {"security": Security.STARTTLS, "username": "mara", "password": "pä$$ word"}
        stranger = send(sink, **changes)
        assert (stranger.outcome, stranger.verb) == (Outcome.THROTTLED, Verb.STARTTLS)
        assert not any(line.startswith("AUTH") for line in sink.commands)
        assert send(sink, ca_file=str(certificate), **changes).outcome is Outcome.SENT
        assert sink.messages[0].is_encrypted
        wrong = send(sink, ca_file=str(certificate), **{**changes, "password": "no"})
        assert (wrong.outcome, wrong.verb, wrong.code) == (Outcome.TRANSPORT_FAULT, Verb.AUTH, 535)
        assert "pä" not in wrong.text


def test_a_relay_on_this_machine_may_have_its_own_certificate(certificate: Path) -> None:
    with SmtpSink(tls=server_context(certificate)) as sink:
        assert send(sink).outcome is Outcome.SENT
        assert sink.messages[0].is_encrypted


def test_without_starttls_an_insisting_client_sends_nothing(sink: SmtpSink) -> None:
    result = send(sink, security=Security.STARTTLS)
    assert (result.outcome, result.verb) == (Outcome.THROTTLED, Verb.STARTTLS)
    assert not any(line.startswith("MAIL") for line in sink.commands)


def test_plain_text_goes_to_this_machine_only(sink: SmtpSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "_is_loopback", lambda transport: False)
    assert send(sink).verb is Verb.STARTTLS
    assert sink.messages == []
    assert send(sink, security=Security.NONE).outcome is Outcome.SENT


def test_auth_login_where_plain_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    with SmtpSink(credentials=("mara", "secret")) as sink:
        sink.reply_at("EHLO", "250-sink.test\r\n250 AUTH LOGIN")
        assert send(sink, username="mara", password="secret").outcome is Outcome.SENT
        sink.clear()
        sink.reply_at("EHLO", "250-sink.test\r\n250 AUTH CRAM-MD5")
        result = send(sink, username="mara", password="secret")
        assert (result.outcome, result.verb) == (Outcome.TRANSPORT_FAULT, Verb.AUTH)


def test_an_old_server_is_greeted_with_helo(sink: SmtpSink) -> None:
    sink.reply_at("EHLO", "502 5.5.1 what?", times=1)
    assert send(sink).outcome is Outcome.SENT
    assert sink.commands[1].startswith("HELO [127.0.0.1]")


def script(*lines: bytes, is_deaf: bool = False) -> tuple[int, threading.Thread]:
    """A server that says its lines without listening, then waits for the client to go."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        connection, _ = listener.accept()
        connection.settimeout(5)
        try:
            for line in lines:
                connection.sendall(line)
                connection.recv(65536)
            if is_deaf:
                time.sleep(2)
            while not is_deaf and connection.recv(65536):
                pass
        except OSError:
            pass
        connection.close()
        listener.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return listener.getsockname()[1], thread


@pytest.mark.parametrize(
    ("lines", "verb"),
    [
        ((b"HTTP/1.1 400 Bad Request\r\n",), Verb.BANNER),
        ((b"\r\n",), Verb.BANNER),
        ((b"999 x\r\n",), Verb.BANNER),
        ((b"220-a\r\n250 b\r\n",), Verb.BANNER),
        ((b"220-a\r\n" * 200,), Verb.BANNER),
        ((b"2" * 100_000,), Verb.BANNER),
        ((b"220 a\r\n", b"250-a\r\n250-STARTTLS\r\n250 X\r\n", b"220 go\r\n250 injected\r\n"), Verb.STARTTLS),
    ],
)
def test_a_server_that_talks_nonsense_is_left(lines: tuple[bytes, ...], verb: Verb) -> None:
    port, thread = script(*lines)
    result = SmtpTransport(SmtpSettings("127.0.0.1", port, timeouts=QUICK)).send(FROM, TO, MAIL)
    assert (result.outcome, result.verb, result.code) == (Outcome.THROTTLED, verb, None)
    thread.join(10)


def test_the_words_of_a_server_are_kept_short_and_clean(sink: SmtpSink) -> None:
    sink.reply_at("RCPT", "550-5.1.1 no\x1b[31m such\r\n550 5.1.1 " + "x" * 2000)
    result = send(sink)
    assert result.text.startswith("5.1.1 no [31m such 5.1.1 xxx")
    assert len(result.text) == 500


@pytest.mark.parametrize(
    ("url", "host", "port", "security"),
    [
        ("smtp://127.0.0.1:1025", "127.0.0.1", 1025, Security.OPPORTUNISTIC),
        ("smtp://mail.example.org", "mail.example.org", 25, Security.OPPORTUNISTIC),
        ("smtp://mailbox:1025?tls=none", "mailbox", 1025, Security.NONE),
        ("smtp+starttls://mail.example.org", "mail.example.org", 587, Security.STARTTLS),
        ("smtps://mail.example.org/", "mail.example.org", 465, Security.IMPLICIT),
        ("smtp://[::1]:25", "::1", 25, Security.OPPORTUNISTIC),
    ],
)
def test_a_server_is_written_as_an_address(url: str, host: str, port: int, security: Security) -> None:
    found = parse_url(url)
    assert (found.host, found.port, found.security) == (host, port, security)


def test_names_and_passwords_are_decoded_and_never_shown() -> None:
    found = parse_url("smtps://mara%40example.org:p%3Aw%2Fd@mail.example.org?helo=news.example.org&max=7")
    assert (found.username, found.password) == ("mara@example.org", "p:w/d")
    assert (found.helo, found.max_messages) == ("news.example.org", 7)
    assert "p:w" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "", "mail.example.org", "http://a.example", "smtp://", "smtp://a:x", "smtp://a:99999", "smtp://a/b",
        "smtp://a?tls=maybe", "smtps://a?tls=none", "smtp://a?x=1", "smtp://a?max=0", "smtp://a?ca=/no/such/file",
        "smtp://a\r\nb", "smtp://u:secret@a b",
    ],
)  # fmt: skip
def test_a_wrong_address_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"mail|certificates|tls") as refused:
        parse_url(url)
    assert "secret" not in str(refused.value)
