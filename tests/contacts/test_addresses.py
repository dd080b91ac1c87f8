"""A table of every oddity of RFC 5321, 5322 and 6531: what is mailable, in which form, and what is not."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.contacts.addresses import AddressError, normalise
from tests.support.properties import ANY

ACCEPTED = [
    # typed, written to, key of throttles, SMTPUTF8
    ("mara@example.org", "mara@example.org", "mara@example.org", False),
    ("  mara@example.org\t", "mara@example.org", "mara@example.org", False),
    ("\u00a0mara@example.org\u3000", "mara@example.org", "mara@example.org", False),
    ("Mara.Lindqvist@Example.ORG", "Mara.Lindqvist@example.org", "mara.lindqvist@example.org", False),
    ("a@b.co", "a@b.co", "a@b.co", False),
    ("1@2.example", "1@2.example", "1@2.example", False),
    ("!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*@example.org", False),
    ("-dash-@example.org", "-dash-@example.org", "-dash-@example.org", False),
    ("_@example.org", "_@example.org", "_@example.org", False),
    ("o'brien@example.org", "o'brien@example.org", "o'brien@example.org", False),
    ("mara+shop@example.org", "mara+shop@example.org", "mara@example.org", False),
    ("mara+a+b@example.org", "mara+a+b@example.org", "mara@example.org", False),
    ("+tag@example.org", "+tag@example.org", "+tag@example.org", False),
    ("v.i.c@gmail.com", "v.i.c@gmail.com", "vic@gmail.com", False),
    ("V.i.c+x@GoogleMail.com", "V.i.c+x@googlemail.com", "vic@gmail.com", False),
    ("v.i.c@example.org", "v.i.c@example.org", "v.i.c@example.org", False),
    ("mara@sub.sub.example.org", "mara@sub.sub.example.org", "mara@sub.sub.example.org", False),
    ("mara@a-b.example", "mara@a-b.example", "mara@a-b.example", False),
    ("mara@xn--bcher-kva.example", "mara@xn--bcher-kva.example", "mara@xn--bcher-kva.example", False),
    ("mara@bücher.example", "mara@xn--bcher-kva.example", "mara@xn--bcher-kva.example", False),
    ("mara@BU\u0308CHER.example", "mara@xn--bcher-kva.example", "mara@xn--bcher-kva.example", False),
    ("mara@straße.example", "mara@xn--strae-oqa.example", "mara@xn--strae-oqa.example", False),
    ("mara@例え.テスト", "mara@xn--r8jz45g.xn--zckzah", "mara@xn--r8jz45g.xn--zckzah", False),
    ("mara@例え。テスト", "mara@xn--r8jz45g.xn--zckzah", "mara@xn--r8jz45g.xn--zckzah", False),
    ("mara@ｅｘａｍｐｌｅ.org", "mara@example.org", "mara@example.org", False),
    ("jürgen@example.org", "jürgen@example.org", "jürgen@example.org", True),
    ("ju\u0308rgen@example.org", "jürgen@example.org", "jürgen@example.org", True),
    ("用户@例え.テスト", "用户@xn--r8jz45g.xn--zckzah", "用户@xn--r8jz45g.xn--zckzah", True),
    ("Δοκιμή@example.org", "Δοκιμή@example.org", "δοκιμή@example.org", True),
    ("x" * 64 + "@example.org", "x" * 64 + "@example.org", "x" * 64 + "@example.org", False),
    ("a@" + "b" * 63 + ".example", "a@" + "b" * 63 + ".example", "a@" + "b" * 63 + ".example", False),
]

REFUSED = [
    "",
    "   ",
    "mara",
    "@",
    "@example.org",
    "mara@",
    "a@b@c",
    "a@b@example.org",
    "a@b.example,c@d.example",
    "a@b.example c@d.example",
    "mara@example",
    "mara@localhost",
    ".mara@example.org",
    "mara.@example.org",
    "ma..ra@example.org",
    "mara@.example.org",
    "mara@example..org",
    "mara@example.org.",
    "mara@example.org。",
    "mara@-example.org",
    "mara@example-.org",
    "mara@exa_mple.org",
    "mara@exa mple.org",
    "ma ra@example.org",
    "mara@ example.org",
    "mara @example.org",
    "mara@127.0.0.1",
    "mara@example.123",
    "a@[127.0.0.1]",
    "a@[IPv6:::1]",
    "a@[example.org]",
    '"mara"@example.org',
    '"a\\"@x"',
    '"a@b"@example.org',
    '"a b"@example.org',
    '""@example.org',
    'a"b"c@example.org',
    "a\\@b@example.org",
    "a\\b@example.org",
    "mara(comment)@example.org",
    "(comment)mara@example.org",
    "mara@example.org(comment)",
    "mara@(comment)example.org",
    "Mara <mara@example.org>",
    "<mara@example.org>",
    "mara@example.org>",
    "mailto:mara@example.org",
    "@hop.example:mara@example.org",
    "@a,@b:c@d.example",
    "mara;x@example.org",
    "mara,x@example.org",
    "mara:x@example.org",
    "group:mara@example.org;",
    "=?x?=@example.org",
    "=?utf-8?q?a=40evil.example?=@example.org",
    "a@b>\r\nRCPT TO:<c@d",
    "a@b> NOTIFY=NEVER",
    "a@b.example\r\n",
    "a@b.example\n",
    "\na@b.example",
    "a\r@b.example",
    "a\x00@b.example",
    "a\x7f@b.example",
    "a\x0b@b.example",
    "a\u0085@b.example",
    "a\u2028@b.example",
    "a\u2029@b.example",
    "a\u200b@b.example",
    "\ufeffa@b.example",
    "a\u202e@b.example",
    "a\u00ad@b.example",
    "a\ud800@b.example",
    "a\ue000@b.example",
    "a\u3000b@c.example",
    "a＠b.example",
    "a@℀.example",
    "a@b\u2100c.example",
    "a@xn--.example",
    "a@xn--a-ecp.example",
    "a@\u0301b.example",
    "x" * 65 + "@example.org",
    "ü" * 33 + "@example.org",
    "a@" + "b" * 64 + ".example",
    "a@" + ".".join(["b" * 50] * 6),
    "x" * 64 + "@" + ".".join(["b" * 47] * 4),
    "a@" + "b." * 2000 + "example",
]


@pytest.mark.parametrize(("typed", "written", "folded", "utf8"), ACCEPTED)
def test_a_mailable_address_is_normalised(typed: str, written: str, folded: str, utf8: bool) -> None:
    found = normalise(typed)
    assert (found.raw, found.address, found.folded, found.needs_smtputf8) == (typed, written, folded, utf8)
    assert found.domain == written.partition("@")[2]


@pytest.mark.parametrize("typed", REFUSED)
def test_an_unmailable_address_is_refused_with_words(typed: str) -> None:
    with pytest.raises(AddressError) as caught:
        normalise(typed)
    assert caught.value.reason.endswith(".")
    assert len(typed) < 9 or typed not in caught.value.reason, "an address never lands in a message"


def test_case_of_the_local_part_is_kept_but_does_not_make_a_second_person() -> None:
    assert normalise("MaRa@example.org").address == "MaRa@example.org"
    assert normalise("MaRa@example.org").key == normalise("mara@EXAMPLE.org").key
    assert normalise("mara+a@example.org").key != normalise("mara@example.org").key


@given(st.text(ANY, max_size=80) | st.from_regex(r"[\w.+=?\"<> -]{1,20}@[\w.\[\] -]{1,30}", fullmatch=True))
@example("ǅ@example.org")
@example("İ@example.org")
def test_whatever_is_accepted_is_stable_and_safe_in_a_command(typed: str) -> None:
    try:
        found = normalise(typed)
    except AddressError:
        return
    assert normalise(found.address).address == found.address
    assert normalise(found.address).folded == found.folded
    assert not set(found.address) & set('<>()[]\\,;:" \r\n\t\x00')
    assert found.address.count("@") == 1
    assert found.domain.isascii()
    assert found.domain == found.domain.lower()
    assert len(found.address.encode()) <= 254
