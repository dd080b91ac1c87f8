"""Signatures, read back by dkimpy: both hold on nasty mails, and neither holds once anything signed is touched."""

from __future__ import annotations

import base64
import itertools
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import dkim as other
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from app.delivery import dkim
from app.delivery.mime import build, list_unsubscribe
from app.kernel.errors import BadInput
from tests.delivery.nasty import NASTY
from tests.delivery.test_mime import PLAIN

DOMAIN = "ostkai.example"
RSA = generate_private_key(65537, 2048)
ED = Ed25519PrivateKey.generate()
SIGNER = dkim.Signer(DOMAIN, "nod1-rsa", RSA, "nod1-ed", ED)
LETTER = replace(
    PLAIN,
    subject="Drei neue Kaffees für dich und " + "ein sehr langer Betreff " * 6,
    reply_to="hello@ostkai.example",
    headers=[
        *list_unsubscribe("https://n.example/u/" + "a" * 60, "u-a-b-abcdefghijklmnop@bounces.ostkai.example"),
        ("List-Id", "Neue Kaffees für dich <coffee.ostkai.example>"),
        ("Feedback-ID", "c7:i3:w1:nodnews"),
    ],
)


def _b64(octets: bytes) -> bytes:
    return base64.b64encode(octets)


RECORDS = {
    b"nod1-rsa._domainkey.ostkai.example.": b"v=DKIM1; k=rsa; p="
    + _b64(
        RSA.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    ),
    b"nod1-ed._domainkey.ostkai.example.": b"v=DKIM1; k=ed25519; p="
    + _b64(ED.public_key().public_bytes_raw()),
}


def split(mail: bytes) -> tuple[bytes, bytes]:
    head, _, body = mail.partition(b"\r\n\r\n")
    return head + b"\r\n", body


def signed(mail: bytes, signer: dkim.Signer = SIGNER) -> bytes:
    head, body = split(mail)
    return signer.sign(head, body) + mail


def holds(mail: bytes) -> list[bool]:
    """Whether each signature holds, the upper one first."""
    return [_holds(mail, at) for at in range(2)]


def _holds(mail: bytes, at: int) -> bool:
    try:
        return other.DKIM(mail, minkey=2048).verify(idx=at, dnsfunc=lambda name, timeout=5: RECORDS[name])
    except other.ValidationError as error:
        assert "body hash" in str(error)  # noqa: PT017
        return False


def nasty_mails() -> Iterator[bytes]:
    """Every nasty string in every place, and mixtures without end; those that cannot be written are left out."""
    chance = random.Random(6376)
    ones = ([word] * 4 for word in NASTY)
    mixtures = (chance.choices(NASTY, k=4) for _ in itertools.count())
    for subject, name, text, html in itertools.chain(ones, mixtures):
        for parts in (
            replace(LETTER, subject=subject, text=text, html=html),
            replace(LETTER, from_name=name, text=text + html),
            replace(PLAIN, to_name=name, text=html + text * 3, html=""),
        ):
            try:
                yield build(parts)
            except BadInput:
                continue


def test_both_signatures_hold_on_500_nasty_mails():
    for mail in itertools.islice(nasty_mails(), 500):
        assert holds(signed(mail)) == [True, True], mail


def test_the_fields_are_folded_and_say_what_they_must():
    fields = SIGNER.sign(*split(build(LETTER)))
    assert fields.endswith(b"\r\n")
    assert max(map(len, fields.split(b"\r\n"))) <= 76
    assert all(line[:1] == b" " or line.startswith(b"DKIM-Signature: ") for line in fields.splitlines())
    first, second = (_tags(field) for field in fields.split(b"DKIM-Signature: ")[1:])
    for tags, algorithm, selector in (
        (first, "rsa-sha256", "nod1-rsa"),
        (second, "ed25519-sha256", "nod1-ed"),
    ):
        assert set(tags) == {"v", "a", "c", "t", "d", "s", "h", "bh", "b"}, "no l= and no x="
        assert (tags["a"], tags["s"], tags["d"]) == (algorithm, selector, DOMAIN)
        assert tags["c"] == "relaxed/relaxed"
        assert tags["t"] == str(int(LETTER.date.timestamp()))
    names = first["h"].split(":")
    assert first["h"] == second["h"]
    assert first["bh"] == second["bh"]
    for name in (
        "list-unsubscribe",
        "list-unsubscribe-post",
        "message-id",
        "mime-version",
        "list-id",
        "feedback-id",
    ):
        assert names.count(name) == 1, name
    for name in ("from", "to", "subject", "date", "reply-to", "content-type"):
        assert names.count(name) == 2, "as often as it stands, and once more"
    assert names.count("cc") == 1


def _tags(field: bytes) -> dict[str, str]:
    parts = re.sub(rb"\s", b"", field).decode().split(";")
    return dict(part.split("=", 1) for part in parts)


def test_every_attempt_has_the_same_bytes():
    mail = build(LETTER)
    again = dkim.Signer(DOMAIN, "nod1-rsa", RSA, "nod1-ed", ED)
    assert signed(mail) == signed(mail) == signed(mail, again)
    later = replace(LETTER, date=LETTER.date + timedelta(hours=3))
    assert _tags(signed(build(later)).split(b"DKIM-Signature: ")[1].split(b"\r\nDate:")[0])["t"] == str(
        int(later.date.timestamp())
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\r\nFrom: Ostkai <news@", b"\r\nFrom: Ostkai <mews@"),
        (b"\r\nTo: mara@", b"\r\nTo: nara@"),
        (b"\r\nDate: Sun, 22", b"\r\nDate: Mon, 23"),
        (b"\r\nMessage-ID: <m.7.1@", b"\r\nMessage-ID: <m.7.2@"),
        (b"\r\nReply-To: hello@", b"\r\nReply-To: hallo@"),
        (b"List-Unsubscribe=One-Click", b"List-Unsubscribe=Two-Click"),
        (b"https://n.example/u/a", b"https://n.example/u/b"),
        (b"\r\nFeedback-ID: c7", b"\r\nFeedback-ID: c8"),
        (b"<coffee.ostkai", b"<toffee.ostkai"),
        (b"multipart/alternative", b"multipart/mixed"),
        (b"<p>Hello</p>", b"<p>Hullo</p>"),
        (b"<p>Hello</p>", b"<p>Hello</p> <p>Buy</p>"),
        (b"", b"From: Eve <eve@evil.example>\r\n"),
        (b"", b"To: eve@evil.example\r\n"),
        (b"", b"Subject: Your account is closed\r\n"),
        (b"", b"Cc: eve@evil.example\r\n"),
        (b"", b"Reply-To: eve@evil.example\r\n"),
        (b"", b"Date: Mon, 23 Nov 2026 09:14:00 +0000\r\n"),
        (b"", b"Content-Type: text/html\r\n"),
    ],
)
@pytest.mark.parametrize("where", ["above", "below"])
def test_whatever_is_touched_neither_signature_holds(old, new, where):
    mail = signed(build(LETTER))
    head, _, body = mail.partition(b"\r\n\r\n")
    if old:
        assert mail.count(old) == 1, old
        changed = mail.replace(old, new)
    elif where == "above":
        changed = new + mail
    else:
        changed = head + b"\r\n" + new[:-2] + b"\r\n\r\n" + body
    assert holds(mail) == [True, True]
    assert holds(changed) == [False, False]


def test_what_relaxed_allows_on_the_way_leaves_both_holding():
    mail = signed(build(LETTER))
    head, _, body = mail.partition(b"\r\n\r\n")
    fields = re.split(rb"\r\n(?![ \t])", head)
    variations = [
        head.replace(b"\r\n ", b" "),
        head.replace(b"\r\n ", b"\r\n\t   "),
        head.replace(b"From: Ostkai ", b"FROM:   Ostkai\r\n\t "),
        b"\r\n".join([*fields[:2], *reversed(fields[2:])]),
        b"Received: from a by b;\r\n Sun, 22 Nov 2026 09:14:03 +0000\r\nX-Spam: no\r\n" + head,
    ]
    for changed in variations:
        assert changed != head
        assert holds(changed + b"\r\n\r\n" + body) == [True, True], changed
    for blanks in (
        body + b"\r\n\r\n",
        body.replace(b"Hello\r\n", b"Hello \t\r\n"),
        body.replace(b"; charset", b";\t  charset"),
    ):
        assert blanks != body
        assert holds(head + b"\r\n\r\n" + blanks) == [True, True]


BODIES = [
    b"",
    b"\r\n",
    b"\r\n\r\n\r\n",
    b" \r\n\t\r\n",
    b" ",
    b"a",
    b"a ",
    b"a\t",
    b"a\r\n",
    b"a \t b\r\n\r\n \r\n",
    b"\r\n\r\na\r\n\r\nb\r\n",
    b"a\tb\r\n",
    b" a\r\n",
    b"\ta\r\n",
    b"a\rb\r\r\n",
    b".\r\n..\r\n",
    b"a  \r\n" * 3,
    "für  dich\r\n".encode(),
]


@pytest.mark.parametrize("body", BODIES)
def test_a_body_is_hashed_as_another_implementation_hashes_it(body):
    mail = signed(build(LETTER).partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body)
    # A server adds the line end that is missing (RFC 5321), so that is what the receiver hashes.
    on_the_wire = mail if mail.endswith(b"\r\n") else mail + b"\r\n"
    assert holds(on_the_wire) == [True, True]
    canonical = dkim.canonical_body(body)
    assert dkim.is_canonical(canonical)
    assert dkim.canonical_body(canonical) == canonical
    assert dkim.is_canonical(body) == (body == canonical)


def test_a_canonical_body_is_hashed_as_it_is():
    head, body = split(build(LETTER))
    canonical = dkim.canonical_body(body)
    assert SIGNER.sign(head, canonical, is_canonical_body=True) == SIGNER.sign(head, body)
    crooked = canonical.replace(b"\r\n", b" \r\n")
    assert SIGNER.sign(head, crooked, is_canonical_body=True) != SIGNER.sign(head, crooked)


def test_a_field_that_stands_twice_is_signed_twice():
    mail = build(LETTER).replace(b"List-Id:", b"List-Id: <first.ostkai.example>\r\nList-Id:")
    assert holds(signed(mail)) == [True, True]
    assert holds(signed(mail).replace(b"<first.", b"<fifth.")) == [False, False]


def test_a_long_domain_leaves_every_other_line_short():
    domain = ".".join(["a" * 60] * 3) + ".example"
    signer = dkim.Signer(domain, "nod1-rsa", RSA, "nod1-ed", ED)
    mail = build(replace(LETTER, from_address=f"news@{domain}"))
    lines = signer.sign(*split(mail)).split(b"\r\n")
    assert [line for line in lines if len(line) > 76] == [f" d={domain};".encode()] * 2


@pytest.mark.parametrize("line", [b"From", b"Date"])
def test_a_mail_without_its_sender_or_its_time_is_not_signed(line):
    head, body = split(build(LETTER))
    with pytest.raises(ValueError, match="cannot be signed"):
        SIGNER.sign(head.replace(line + b":", b"X-" + line + b":"), body)


def test_blanks_before_a_colon_are_no_part_of_the_name():
    head, body = split(build(LETTER))
    assert SIGNER.sign(head.replace(b"To:", b"tO \t:"), body) == SIGNER.sign(head, body)


def test_a_fold_may_be_a_tab():
    head, body = split(build(LETTER))
    assert SIGNER.sign(head.replace(b"\r\n ", b"\r\n\t"), body) == SIGNER.sign(head, body)
