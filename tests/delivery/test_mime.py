"""Mails as they stand on the wire: read back by the standard library's parser and checked byte by byte."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parseaddr

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.delivery import headers as writer
from app.delivery.headers import address_field
from app.delivery.identity import message_id, read_return_path, return_path
from app.delivery.mime import MailParts, build, list_unsubscribe
from app.kernel.errors import BadInput
from tests.delivery.nasty import NASTY
from tests.delivery.wire import check_wire
from tests.support.properties import ANY

PLAIN = MailParts(
    from_address="news@ostkai.example",
    from_name="Ostkai",
    to_address="mara@example.org",
    subject="Hello",
    text="Hello\n",
    html="<p>Hello</p>",
    date=datetime(2026, 11, 22, 9, 14, tzinfo=UTC),
    message_id="<m.7.1@ostkai.example>",
)
FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]|=\\?[^?\\s]*\\?[^?\\s]*\\?[^?]*\\?=")
LONE = re.compile("[\ud800-\udfff]")
INJECTIONS = [
    "\r\nBcc: x@example.org",
    "\nx",
    "\rx",
    "\u2028x",
    "\u2029x",
    "\u0085x",
    "\x00",
    "\x0bx",
    "\ud800",
]

nasty_text = st.sampled_from(NASTY) | st.text(ANY, max_size=400)


def read(octets: bytes) -> EmailMessage:
    found = BytesParser(policy=policy.default).parsebytes(octets)
    assert isinstance(found, EmailMessage)
    return found


def newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@given(subject=nasty_text, name=nasty_text, text=nasty_text, html=nasty_text)
@example(subject="x", name="", text="", html="x")
@example(subject="ä" * 200, name="日本語の件名" * 20, text="a" * 5000, html="." * 80)
@example(subject="a" * 900, name="😀" * 60, text="trailing \n.\n", html="=\n=")
def test_any_text_is_refused_or_comes_back_equal(subject: str, name: str, text: str, html: str) -> None:
    parts = replace(PLAIN, subject=subject, from_name=name, text=text, html=html or "<p>")
    refusable = {
        "subject": FORBIDDEN.search(subject),
        "from": FORBIDDEN.search(name),
        "text": LONE.search(text),
        "html": LONE.search(html),
    }
    if any(refusable.values()):
        with pytest.raises(BadInput) as refused:
            build(parts)
        assert refused.value.fields
        assert all(refusable[field] for field in refused.value.fields)
        return
    octets = build(parts)
    check_wire(octets)
    mail = read(octets)
    assert str(mail["subject"]) == subject or not subject.strip()
    assert mail["from"].addresses[0].addr_spec == "news@ostkai.example"
    assert _label(octets).strip() == name.strip()
    first, second = mail.iter_parts()
    assert first.get_content_type() == "text/plain"
    assert second.get_content_type() == "text/html"
    assert _content(first) == newlines(text)
    assert _content(second) == newlines(html or "<p>")
    assert not mail.defects
    assert octets == build(parts), "a second attempt is the same to the byte"


def _label(octets: bytes) -> str:
    """The display name of From; the modern parser leaves a space between adjacent encoded words."""
    field = re.sub(r"\r\n(?=[ \t])", "", octets.split(b"\r\nFrom: ")[1].decode()).split("\r\n")[0]
    return str(make_header(decode_header(parseaddr(field)[0])))


def _content(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("evil", INJECTIONS)
@pytest.mark.parametrize(
    "field", ["subject", "from_name", "to_name", "from_address", "to_address", "reply_to"]
)
def test_case_20_a_value_never_ends_its_own_header(field: str, evil: str) -> None:
    value = f"a{evil}@example.org" if field.endswith(("address", "reply_to")) else f"Hello{evil}"
    with pytest.raises(BadInput):
        build(replace(PLAIN, **{field: value}))


@pytest.mark.parametrize("evil", [*INJECTIONS, "=?utf-8?q?=0aBcc:?="])
def test_case_20_a_further_header_never_becomes_two(evil: str) -> None:
    for headers in (
        [("X-Shop", f"a{evil}")],
        [(f"X-{evil}", "a")],
        [("List-Id", f"News{evil} <a.b.example>")],
    ):
        with pytest.raises(BadInput):
            build(replace(PLAIN, headers=headers))


@pytest.mark.parametrize(
    "name", ["Bcc", "to", "FROM", "Subject", "Sender", "Return-Path", "Content-Type", "X Y", ""]
)
def test_a_header_that_is_ours_cannot_be_added(name: str) -> None:
    with pytest.raises(BadInput):
        build(replace(PLAIN, headers=[(name, "x")]))


def test_a_header_stands_once() -> None:
    with pytest.raises(BadInput):
        build(replace(PLAIN, headers=[("List-Id", "<a.b>"), ("list-id", "<c.d>")]))


def test_an_encoded_word_is_refused_in_a_subject() -> None:
    with pytest.raises(BadInput):
        build(replace(PLAIN, subject="=?utf-8?q?=0aBcc:?="))


def test_headers_of_a_newsletter_are_exact() -> None:
    headers = [
        *list_unsubscribe(
            "https://news.ostkai.example/u/" + "a" * 60, "u-a-b-abcdefghijklmnop@ostkai.example"
        ),
        ("List-Id", "Neue Kaffees für dich <coffee.ostkai.example>"),
        ("Feedback-ID", "c7:i3:w1:nodnews"),
        ("Auto-Submitted", "auto-generated"),
        ("Form-Sub", "v=1; ip=192.0.2.1; path=example.org/form"),
    ]
    octets = build(replace(PLAIN, headers=headers))
    check_wire(octets)
    mail = read(octets)
    assert mail["list-unsubscribe"] == headers[0][1]
    assert octets.count(b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n") == 1
    assert mail["list-id"] == "Neue Kaffees für dich <coffee.ostkai.example>"
    assert octets.index(b"<coffee.ostkai.example>")
    assert mail["feedback-id"] == "c7:i3:w1:nodnews"
    assert mail["date"].datetime == PLAIN.date
    assert mail["message-id"] == "<m.7.1@ostkai.example>"


def test_a_mail_is_the_same_bytes_as_it_always_was() -> None:
    octets = build(replace(PLAIN, subject="Grüße", html="", text="Zeile\n.\nEnde "))
    assert octets == (
        b"Date: Sun, 22 Nov 2026 09:14:00 +0000\r\nFrom: Ostkai <news@ostkai.example>\r\n"
        b"To: mara@example.org\r\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\r\n"
        b"Message-ID: <m.7.1@ostkai.example>\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        b"Zeile\r\n=2E\r\nEnde=20\r\n"
    )


def test_the_zone_of_a_date_is_written() -> None:
    berlin = PLAIN.date.astimezone(timezone(timedelta(hours=1)))
    assert b"Date: Sun, 22 Nov 2026 10:14:00 +0100\r\n" in build(replace(PLAIN, date=berlin))
    with pytest.raises(ValueError, match="zone"):
        build(replace(PLAIN, date=PLAIN.date.replace(tzinfo=None)))


def test_an_address_beyond_ascii_stands_as_it_is() -> None:
    octets = build(replace(PLAIN, to_address="jürgen@xn--bcher-kva.example"))
    assert "To: jürgen@xn--bcher-kva.example\r\n".encode() in octets


@pytest.mark.parametrize(
    "address", ["a b@example.org", "a@b@c", "<a@example.org>", "a@[127.0.0.1]", "a", "@", "a@"]
)
def test_a_recipient_that_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(BadInput):
        build(replace(PLAIN, to_address=address))


@pytest.mark.parametrize("name", ["", "m.1@x", "<m.1@x>\r\n", "<m 1@x>", "<mara@example.org@x>"])
def test_a_message_id_is_one_of_ours(name: str) -> None:
    with pytest.raises(BadInput):
        build(replace(PLAIN, message_id=name))


def test_a_message_id_has_nothing_of_a_person() -> None:
    assert message_id(12, 345, "ostkai.example") == "<m.12.345@ostkai.example>"


KEY, OLD = b"k" * 32, b"o" * 32
LARGEST = 2**63 - 1


@given(st.integers(0, LARGEST), st.integers(0, LARGEST))
def test_a_return_path_names_its_message_in_any_case(mailing_no: int, n: int) -> None:
    address = return_path(mailing_no, n, KEY, "bounce.ostkai.example")
    assert re.fullmatch(r"b-[a-z2-7]+-[a-z2-7]+-[a-z2-7]{16}@bounce\.ostkai\.example", address)
    assert len(address.partition("@")[0]) <= 64
    assert read_return_path(address.upper(), [OLD, KEY]) == (mailing_no, n)


def test_a_changed_return_path_names_nothing() -> None:
    address = return_path(7, 9, KEY, "bounce.ostkai.example")
    local = address.partition("@")[0]
    for place, letter in enumerate(local):
        changed = local[:place] + ("a" if letter != "a" else "b") + local[place + 1 :]
        assert read_return_path(changed, [KEY]) is None
    assert read_return_path(address, [OLD]) is None
    assert read_return_path(address, [KEY], purpose="u") is None
    assert read_return_path("", [KEY]) is None
    assert read_return_path(return_path(7, 9, KEY, "x.example", purpose="u"), [KEY], purpose="u") == (7, 9)


@given(
    st.text("AZaz09_- .'=?ä", max_size=60),
    st.from_regex(r"[A-Za-z0-9+_.=?-]{1,30}@[a-z0-9-]{1,40}(\.[a-z0-9-]{1,10}){0,3}", fullmatch=True),
)
@example("Ada Maria Lovelace-King", "a@b.example")
@example("", "=?x?=@b.example")
@example("A" * 40, "a" * 30 + "@b.example")
def test_the_usual_address_is_written_as_any_other_is(label: str, address: str) -> None:
    def written() -> bytes | str:
        try:
            return address_field("To", address, label)
        except BadInput as fault:
            return str(fault)

    found = written()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "_USUAL_ADDRESS", re.compile(r"(?!)"))
        assert found == written()
