"""The development mailbox: what is sent on the wire is read on a page, and only in development."""

import re
import signal
import smtplib
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import pytest

from app.config import Settings, SettingsError
from app.kernel.http import guards
from app.local import mailbox_pages, mailbox_store
from app.local.mailbox_store import Mailbox
from app.local.supervised import free_port
from tests.conftest import KEYS, make_app
from tests.local.conftest import ROOT, eventually

NOWHERE = "postgresql://nobody:none@127.0.0.1:1/none"


def _settings(**more) -> Settings:
    values = {"url": "http://127.0.0.1:8000", "env": "development", **KEYS, **more}
    return Settings(database_url=NOWHERE, redis_url="redis://127.0.0.1:1/0", **values)


@pytest.fixture
def smtp(tmp_path):
    """A mailbox's mail server as a process of its own; yields its folder and port."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "app.local.mailbox", str(tmp_path), str(port)], cwd=ROOT
    )

    def connect():
        try:
            return smtplib.SMTP("127.0.0.1", port, timeout=10)
        except ConnectionRefusedError:
            return None

    eventually(connect).quit()
    yield Mailbox(tmp_path), port
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


@pytest.fixture
def pages(tmp_path):
    """The mailbox's pages in an application without a database: they need none."""
    app = make_app(_settings(mailbox_dir=str(tmp_path)))
    return app.test_client(), Mailbox(tmp_path)


def _mail(
    subject="Grüße", to="mara@example.org", html="<p>Hello <a href='https://a.example/c/1'>yes</a></p>"
) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "shop@example.org", to, subject
    mail["Message-ID"] = "<1.2@example.org>"
    mail.set_content("Hello, confirm at https://a.example/c/1\n")
    if html:
        mail.add_alternative(html, subtype="html")
    return mail


def test_a_mail_is_kept_byte_for_byte_and_answered_with_its_own_id(smtp):
    mailbox, port = smtp
    raw = b"From: a@example.org\r\nSubject: dots\r\n\r\n.one\r\n..two\r\n"
    with smtplib.SMTP("127.0.0.1", port) as server:
        server.ehlo()
        assert server.has_extn("8bitmime")
        assert server.has_extn("smtputf8")
        server.mail("bounce@example.org")
        server.rcpt("mara@example.org")
        server.rcpt("noor@example.org")
        code, answer = server.data(raw)
    assert code == 250
    mail_id = re.fullmatch(rb"2\.0\.0 Ok: queued as (\S+)", answer).group(1).decode()
    kept = mailbox.get(mail_id)
    assert kept.raw == raw
    assert kept.card.from_ == "bounce@example.org"
    assert kept.card.to == ("mara@example.org", "noor@example.org")


def test_international_addresses_and_8_bit_text_are_taken(smtp):
    mailbox, port = smtp
    raw = "From: jürgen@müller.example\r\nSubject: Grüße\r\n\r\nStraße\r\n".encode()
    with smtplib.SMTP("127.0.0.1", port) as server:
        server.sendmail("jürgen@müller.example", ["zoë@example.org"], raw, ["SMTPUTF8", "BODY=8BITMIME"])
    (card,) = mailbox.list_cards()
    assert (card.from_, card.to) == ("jürgen@müller.example", ("zoë@example.org",))
    assert mailbox.get(card.id).raw == raw


def test_only_the_newest_mails_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(mailbox_store, "KEPT_MAILS", 5)
    mailbox = Mailbox(tmp_path)
    ids = [mailbox.keep("", ["a@example.org"], b"\r\n") for _ in range(9)]
    mailbox.prune()
    assert [card.id for card in Mailbox(tmp_path).list_cards()] == sorted(ids[-5:], reverse=True)
    assert len(list(tmp_path.iterdir())) == 10


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff\xfe",
        b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xff\r\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n",
        b"Subject: =?utf-8?b?////?=\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!\r\n",
        b'From: <\r\nTo: "\r\nSubject: a\r\n b\r\n\r\n',
    ],
)
def test_a_damaged_mail_is_shown_all_the_same(pages, raw):
    client, mailbox = pages
    mail_id = mailbox.keep("", ["a@example.org"], raw)
    for path in ("", ".json", ".eml", "/html"):
        assert client.get(f"/mailbox/{mail_id}{path}").status_code == 200
    assert client.get(f"/mailbox/{mail_id}.eml").data == raw


def test_the_list_finds_mails_by_recipient(pages):
    client, mailbox = pages
    mailbox.keep("", ["mara@example.org"], _mail("To Mara").as_bytes())
    mailbox.keep("", ["noor@example.org"], _mail("To Noor").as_bytes())
    page = client.get("/mailbox").text
    assert page.index("To Noor") < page.index("To Mara")
    page = client.get("/mailbox?to=MARA").text
    assert "To Mara" in page
    assert "To Noor" not in page
    (found,) = client.get("/mailbox.json?to=noor@example.org").json["mails"]
    assert (found["subject"], found["to"]) == ("To Noor", ["noor@example.org"])
    assert "No mail to" in client.get("/mailbox?to=nobody").text


def test_a_long_list_is_turned_page_by_page(pages):
    client, mailbox = pages
    for number in range(60):
        mailbox.keep("", ["a@example.org"], f"Subject: mail {number:02}\r\n\r\n".encode())
    first = client.get("/mailbox").text
    older = re.search(r'href="([^"]*before=[^"]*)"', first).group(1).replace("&amp;", "&")
    seen = re.findall(r"mail \d\d", first) + re.findall(r"mail \d\d", client.get(older).text)
    assert seen == [f"mail {number:02}" for number in reversed(range(60))]


def test_a_mail_is_shown_with_text_headers_and_a_frame_without_rights(pages):
    client, mailbox = pages
    mail_id = mailbox.keep("b@example.org", ["mara@example.org"], _mail().as_bytes())
    page = client.get(f"/mailbox/{mail_id}").text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert 'href="https://a.example/c/1"' in page
    assert "Message-ID" in page
    frame = client.get(f"/mailbox/{mail_id}/html")
    policy = frame.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'")
    assert "script" not in policy
    assert "X-Frame-Options" not in frame.headers
    assert '<base target="_blank">' in frame.text
    found = client.get(f"/mailbox/{mail_id}.json").json
    assert found["text"] == "Hello, confirm at https://a.example/c/1\n"
    assert "<p>Hello" in found["html"]
    assert ["Message-ID", "<1.2@example.org>"] in found["headers"]


def test_what_a_mail_says_cannot_become_part_of_the_page(pages):
    client, mailbox = pages
    evil = "<script>alert(1)</script>"
    mail_id = mailbox.keep(evil, [evil], _mail(evil, to="a@example.org", html=evil).as_bytes())
    for path in ("/mailbox", f"/mailbox/{mail_id}"):
        assert "<script>alert" not in client.get(path).text


@pytest.mark.parametrize("mail_id", ["x", "..", "..%2f..%2fsecrets", "20261122T120000000000Z-00000000"])
def test_an_unknown_mail_is_not_found(pages, mail_id):
    client, _ = pages
    for path in ("", ".json", ".eml", "/html"):
        assert client.get(f"/mailbox/{mail_id}{path}").status_code in {404, 308}


def test_only_who_sits_at_this_machine_reads_the_mailbox(pages):
    client, _ = pages
    for path in ("/mailbox", "/mailbox.json"):
        assert client.get(path, environ_overrides={"REMOTE_ADDR": "192.0.2.1"}).status_code == 404
    kinds = {
        guards.guard_of(client.application, rule.endpoint).kind
        for rule in client.application.url_map.iter_rules()
        if rule.endpoint.startswith("mailbox.")
    }
    assert kinds == {"operator"}


def test_there_is_no_mailbox_in_production(tmp_path):
    app = make_app(_settings(env="production", url="https://news.example.org"))
    assert not [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("mailbox.")]
    forced = _settings(env="production", url="https://news.example.org", mailbox_dir=str(tmp_path))
    mailbox_pages.install(app, forced)
    assert not [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("mailbox.")]


def test_production_refuses_to_start_with_a_mailbox(tmp_path):
    key = "A" * 43
    environment = {
        "DATABASE_URL": NOWHERE, "REDIS_URL": "redis://127.0.0.1:1/0", "NOD_URL": "https://news.example.org",
        "NOD_SECRET_KEY": key, "NOD_HASH_KEY": key, "NOD_SEAL_KEY": key, "NOD_MAILBOX_DIR": str(tmp_path),
    }  # fmt: skip
    with pytest.raises(SettingsError, match="NOD_MAILBOX_DIR must be empty in production"):
        Settings.from_env(environment)


def test_the_production_processes_do_not_include_the_mailbox():
    assert "mailbox" not in Path(ROOT / "Procfile").read_text()
