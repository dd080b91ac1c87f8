"""Feeds in letters: read in every dialect, fetched when somebody looks, kept, and shown from what was kept."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.content import queries, service, syndication
from app.content.blocks import acts, entries, writing
from app.content.letters import write as compile_draft
from app.content.models import Feed, FeedEntry
from app.content.service import blocks, feeds
from app.kernel.db import session as current
from app.kernel.db import transaction
from app.kernel.errors import BadInput, Conflict
from app.kernel.ids import uuid7
from tests.support import accounts, make
from tests.support.feeds import item, numbered, rss
from tests.support.webhook import hook

URL = "https://blog.example/feed.xml"
ATOM = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://blog.example/posts/">
<title type="text">Brew &amp; roast</title><entry><id>urn:one</id><title type="text">1 &lt; 2</title>
<link rel="replies" href="c"/><link href="one"/><link rel="enclosure" type="image/png" href="/one.png"/>
<published>2026-11-20T10:00:00+01:00</published><updated>2026-11-25T10:00:00Z</updated>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Plum</p><p>and <b>cocoa</b></p></div></content></entry></feed>"""
RDF = """<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://blog.example/"><title>Old ways</title></channel>
<item rdf:about="https://blog.example/1"><title>First</title><link>https://blog.example/1</link><dc:date>2026-11-20</dc:date>
<description>Words</description></item></rdf:RDF>"""


@pytest.fixture
def place(session):
    return make.place()


@pytest.fixture
def web(tmp_path, monkeypatch):
    with hook(tmp_path, monkeypatch) as server:
        yield server


def address(web, path: str = "/feed.xml") -> str:
    return web.url.partition("/days")[0] + path


def serve(web, body: bytes, path: str = "/feed.xml", status: int = 200) -> str:
    web.pages[path] = (status, "application/rss+xml", body)
    return address(web, path)


def letter_with(place, url: str, count: int = 3, **values):
    with transaction():
        made = service.create_letter(place.id, "November", design="announcement")
        blocks.edit(place.id, made.id, lambda before: acts.add(before, "feed"))
        block = next(one for one in blocks.blocks_of(made) if one.kind == "feed")
        filled = {**block.values, "address": url, "count": count, **values}
        blocks.edit(place.id, made.id, lambda before: acts.change(before, block.id, filled, {}))
    return made


def look(place, made, url: str) -> str:
    """As the button does; gives the source of the letter."""
    fetched = feeds.fetch_feed(url)
    with transaction():
        feeds.keep_feed(place.id, url, fetched)
        blocks.edit(place.id, made.id, faults={url: fetched.fault})
    return source(place, made)


def source(place, made) -> str:
    current().expire_all()
    return queries.get_letter(place.id, made.id).source


def titles(place, made) -> list[str]:
    current().expire_all()
    found = entries.wishes(blocks.blocks_of(queries.get_letter(place.id, made.id)))
    return [row["title"] for wish in found for row in wish.rows]


# --- Reading ----------------------------------------------------------------------------------------------------


def test_rss_is_read():
    more = '<enclosure url="/a.jpg" type="image/jpeg"/>'
    feed = syndication.read(rss([item(7, "Guji & Yirga", link="/7?a=1&b=2", more=more), item(6)]), URL)
    assert feed.title == "Roastery blog"
    first = feed.entries[0]
    assert (first.title, first.summary) == ("Guji & Yirga", "Words of 7.")
    assert (first.link, first.picture) == ("https://blog.example/7?a=1&b=2", "https://blog.example/a.jpg")
    assert first.at == datetime(2026, 11, 7, 8, tzinfo=UTC)


def test_atom_and_rdf_are_read():
    (one,) = syndication.read(ATOM.encode(), URL).entries
    assert (one.title, one.summary) == ("1 < 2", "Plum and cocoa")
    assert (one.link, one.picture) == ("https://blog.example/posts/one", "https://blog.example/one.png")
    assert one.at == datetime(2026, 11, 20, 9, tzinfo=UTC)
    old = syndication.read(RDF.encode(), URL)
    assert (old.title, old.entries[0].title, old.entries[0].link) == ("Old ways", "First", "https://blog.example/1")
    assert old.entries[0].at == datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("head", "encoding", "served"),
    [
        ('<?xml version="1.0" encoding="utf-8"?>', "utf-8", ""),
        ('<?xml version="1.0" encoding="ISO-8859-1"?>', "windows-1252", ""),
        ('<?xml version="1.0" encoding="ISO-8859-1"?>', "utf-8", "text/xml; charset=iso-8859-1"),
        ("<?xml version='1.0'?>", "windows-1252", 'text/xml; charset="windows-1252"'),
        ('<?xml version="1.0" encoding="utf-8"?>', "windows-1252", ""),
        ('<?xml version="1.0" encoding="utf-16"?>', "utf-16", ""),
        ('<?xml version="1.0" encoding="no-such-thing"?>', "utf-8", "text/xml; charset=unicode_escape"),
    ],
)
def test_whatever_a_feed_says_of_its_encoding_its_words_are_read(head, encoding, served):
    body = rss([item(1, "Röstung – für alle")], head=head).decode().encode(encoding)
    assert syndication.read(body, URL, served).entries[0].title == "Röstung – für alle"


def test_what_is_wrong_with_many_feeds_is_mended():
    body = rss([item(1, "A").replace("<title>A", "<title>Fish & chips&nbsp;&mdash; \x08ready"), item(2)])
    assert [one.title for one in syndication.read(body, URL).entries] == ["Fish & chips — ready", "Entry 2"]
    cut = body[: body.index(b"<guid>entry-2")]
    assert [one.title for one in syndication.read(cut, URL).entries] == ["Fish & chips — ready"]


def test_a_feed_that_is_well_is_not_mended(monkeypatch):
    monkeypatch.setattr(syndication, "_mended", lambda text: pytest.fail("it was mended"))
    assert len(syndication.read(numbered(1, 2), URL).entries) == 2


def test_an_entry_is_known_by_its_id_and_shown_once():
    body = rss([item(1), item(1, "Written anew"), item(2), "<item></item>"])
    feed = syndication.read(body, URL)
    assert [one.title for one in feed.entries] == ["Entry 1", "Entry 2"]
    again = syndication.read(rss([item(1, "Written anew")]), URL)
    assert again.entries[0].key == feed.entries[0].key


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "nothing at this address"),
        (b"<html><body>Hello", "names no feed"),
        (b'<!doctype html><link rel="alternate" type="application/rss+xml" href="/rss?a=1&amp;b=2">', "Its feed is at https://blog.example/rss?a=1&b=2"),
        (b'{"version": "https://jsonfeed.org/version/1"}', "neither RSS nor Atom"),
        (b"<opml><body/></opml>", "neither RSS nor Atom"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "neither RSS nor Atom"),
    ],
)
def test_what_is_no_feed_is_told_in_words(body, says):
    with pytest.raises(syndication.NotAFeed) as told:
        syndication.read(body, URL)
    assert says in str(told.value)


# --- In a letter ------------------------------------------------------------------------------------------------


def test_a_letter_shows_the_newest_entries_as_they_were_fetched(place, web):
    url = serve(web, numbered(1, 3, 5, 4, 2))
    made = letter_with(place, url)
    assert "Entry" not in source(place, made)
    shown = look(place, made, url)
    assert titles(place, made) == ["Entry 5", "Entry 4", "Entry 3"]
    assert "https://blog.example/5" in shown
    assert "Words of 5." in shown
    assert "Read on" in shown
    written = service.check(place.id, made.id)
    assert [one for one in written.problems if one.severity == "error"] == []
    revision = queries.get_letter(place.id, made.id).revision
    look(place, made, url)
    assert queries.get_letter(place.id, made.id).revision == revision  # the same is no change


def test_titles_alone_are_a_list_of_links(place, web):
    url = serve(web, rss([item(1, more='<enclosure url="https://blog.example/a.jpg" type="image/jpeg"/>')]))
    made = letter_with(place, url, layout="titles")
    shown = look(place, made, url)
    assert ">Entry 1</a>" in shown
    assert "a.jpg" not in shown
    assert "Words of" not in shown


def test_a_version_keeps_its_entries_and_a_feed_that_is_away_breaks_no_letter(place, web):
    url = serve(web, numbered(1, 2))
    made = letter_with(place, url)
    look(place, made, url)
    with transaction():
        version = service.freeze_version(place.id, made.id)
    serve(web, b"", status=503)
    shown = look(place, made, url)
    assert "Entry 2" in shown
    ((severity, words),) = feeds.feed_faults(queries.get_letter(place.id, made.id))
    assert severity == "warning"
    assert "answered 503" in words
    serve(web, numbered(3))
    look(place, made, url)
    assert titles(place, made) == ["Entry 3"]  # what the feed holds no longer is not shown
    current().expire_all()
    assert "Entry 2" in queries.get_version(place.id, version.id).html
    assert "Entry 3" not in queries.get_version(place.id, version.id).html


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [(404, b"", "nothing at this address"), (401, b"", "signing in"), (500, b"", "answered 500"), (200, b"<html>", "web page")],
)
def test_a_wrong_address_is_told_and_keeps_the_letter_from_being_sent(place, web, status, body, says):
    url = serve(web, body, status=status)
    made = letter_with(place, url)
    assert feeds.feed_faults(queries.get_letter(place.id, made.id)) == [("error", entries.NOT_LOOKED_AT)]
    look(place, made, url)
    ((severity, words),) = feeds.feed_faults(queries.get_letter(place.id, made.id))
    assert severity == "error"
    assert says in words
    with transaction():
        blocks.edit(place.id, made.id, subject="Another subject")  # what was told stays
    assert says in feeds.feed_faults(queries.get_letter(place.id, made.id))[0][1]


def test_an_empty_feed_shows_nothing_and_says_so(place, web):
    url = serve(web, rss([]))
    made = letter_with(place, url)
    look(place, made, url)
    assert feeds.feed_faults(queries.get_letter(place.id, made.id)) == [
        ("warning", "The feed holds no entry, so this block shows nothing.")
    ]
    assert service.check(place.id, made.id).is_usable


def test_an_address_of_our_own_network_is_not_asked(place, monkeypatch):
    monkeypatch.setattr("app.kernel.outgoing.socket.create_connection", lambda *_a, **_k: pytest.fail("a packet left"))
    for url in ("https://127.0.0.1/feed", "http://blog.example/feed", "https://[::1]/", "file:///etc/passwd", "{{ contact.email }}"):
        assert feeds.fetch_feed(url).fault


def test_feeds_and_entries_are_each_workspaces_own(place, web):
    url = serve(web, numbered(1))
    made, other = letter_with(place, url), make.place("Other roasters")
    theirs = letter_with(other, url)
    look(place, made, url)
    assert titles(other, theirs) == []
    with transaction():
        blocks.edit(other.id, theirs.id, subject="Another subject")
    assert titles(other, theirs) == []
    serve(web, numbered(2))
    look(other, theirs, url)
    assert titles(place, made) == ["Entry 1"]
    assert {row.workspace_id for row in current().query(FeedEntry)} == {place.id, other.id}


def test_there_are_not_more_feeds_than_can_be_kept(place, monkeypatch):
    monkeypatch.setattr(feeds, "MOST_FEEDS", 1)
    fetched = feeds.Fetched(syndication.Feed("One", ()))
    with transaction():
        feeds.keep_feed(place.id, "https://one.example/", fetched)
        feeds.keep_feed(place.id, "https://one.example/", fetched)
    with pytest.raises(BadInput, match="at most 1"), transaction():
        feeds.keep_feed(place.id, "https://two.example/", fetched)
    assert current().query(Feed).count() == 1


def test_letters_of_a_series_show_no_entry_twice(place, web):
    url, series = serve(web, numbered(1, 2, 3)), uuid7()
    made = [letter_with(place, url, count=2) for _ in range(3)]
    with transaction():
        for one in made:
            queries.get_letter(place.id, one.id).series_id = series
    first, second, third = made
    look(place, first, url)
    look(place, second, url)
    assert titles(place, first) == titles(place, second) == ["Entry 3", "Entry 2"]
    with transaction():
        feeds.mark_entries(place.id, [first.id])
    assert feeds.feed_faults(queries.get_letter(place.id, first.id)) == []
    assert "earlier issue" in feeds.feed_faults(queries.get_letter(place.id, second.id))[0][1]
    with pytest.raises(Conflict, match="earlier issue"), transaction():
        feeds.mark_entries(place.id, [second.id])
    serve(web, numbered(4, 3, 2, 1))
    look(place, third, url)
    assert titles(place, third) == ["Entry 4"]  # what had no room is not new any more
    with transaction():
        feeds.unmark_entries(place.id, first.id)
    look(place, third, url)
    assert titles(place, third) == ["Entry 4", "Entry 3"]


def test_all_languages_are_filled_anew_the_main_letter_held_first(place, web, monkeypatch):
    url = serve(web, numbered(1))
    made = letter_with(place, url)
    with transaction():
        german = service.add_translation(place.id, made.id, "de")
        feeds.keep_feed(place.id, url, feeds.fetch_feed(url))
    held, hold = [], blocks.hold_letter
    monkeypatch.setattr(blocks, "hold_letter", lambda workspace_id, letter_id, *more: held.append(letter_id) or hold(workspace_id, letter_id, *more))
    with transaction():
        filled = service.refill_feeds(place.id, made.id)
    assert held == [made.id, german.id]
    assert feeds.count_entries(filled) == 1
    assert titles(place, made) == titles(place, german) == ["Entry 1"]


# --- In the editor ----------------------------------------------------------------------------------------------


def test_the_button_keeps_what_was_written_and_looks(place, web, client):
    url = serve(web, numbered(1, 2))
    made = letter_with(place, "")
    accounts.sign_in(client, accounts.Account(place.owner_id, place.id, place.owner_email, make.PASSWORD))
    block = next(one for one in blocks.blocks_of(made) if one.kind == "feed")
    page = client.get(f"/letters/{made.id}?block={block.id}").text
    assert "Look at the feed now" in page
    form = {
        "csrf": accounts.csrf_of(page), "revision": str(queries.get_letter(place.id, made.id).revision), "back": "", "filled": "1",
        "v-address": url, "v-count": "1", "v-layout": "full", "v-label": "Go on",
    }  # fmt: skip
    answer = client.post(f"/letters/{made.id}/blocks/{block.id}/feed", data=form)
    assert answer.status_code == 303
    assert titles(place, made) == ["Entry 2"]
    page = client.get(answer.headers["Location"]).text
    assert "1 more new entry does not fit" in page
    assert "Roastery blog" in page
    # What is saved afterwards keeps the entries; the number of them counts at once.
    form |= {"revision": str(queries.get_letter(place.id, made.id).revision), "v-count": "5", "act": "save"}
    assert client.post(f"/letters/{made.id}/blocks/{block.id}", data=form).status_code == 303
    assert titles(place, made) == ["Entry 2", "Entry 1"]
    form |= {"revision": str(queries.get_letter(place.id, made.id).revision), "v-address": address(web, "/gone")}
    web.pages["/gone"] = (404, "text/html", b"")
    client.post(f"/letters/{made.id}/blocks/{block.id}/feed", data=form)
    assert "nothing at this address" in client.get(f"/letters/{made.id}?block={block.id}").text
    lines = client.get(f"/letters/{made.id}?block=lines").text  # also where another block is looked at
    assert "nothing at this address" in lines.partition('id="facts"')[2]
    assert titles(place, made) == []


def test_who_looks_too_often_waits_and_loses_nothing(place, client, monkeypatch):
    monkeypatch.setattr("app.content.pages.blocks.LOOKS_A_MINUTE", 0)
    made = letter_with(place, URL)
    accounts.sign_in(client, accounts.Account(place.owner_id, place.id, place.owner_email, make.PASSWORD))
    block = next(one for one in blocks.blocks_of(made) if one.kind == "feed")
    form = {
        "csrf": accounts.csrf_of(client.get(f"/letters/{made.id}?block={block.id}").text), "back": "", "filled": "1",
        "revision": str(queries.get_letter(place.id, made.id).revision),
        "v-address": "https://other.example/", "v-count": "1", "v-layout": "full", "v-label": "Go on",
    }  # fmt: skip
    assert client.post(f"/letters/{made.id}/blocks/{block.id}/feed", data=form).status_code == 429
    current().expire_all()
    assert feeds.feed_addresses(queries.get_letter(place.id, made.id)) == ["https://other.example/"]


def test_as_code_the_entries_stand_as_they_are(place, web):
    url = serve(web, numbered(1))
    made = letter_with(place, url)
    look(place, made, url)
    with transaction():
        blocks.turn_into_code(place.id, made.id)
    letter = queries.get_letter(place.id, made.id)
    assert "Entry 1" in letter.source
    assert feeds.feed_addresses(letter) == []
    assert compile_draft(service.draft_of(letter)).is_usable


def test_a_block_is_written_of_the_address_it_names():
    value = {"url": URL, "feed": "x", "at": "2026-11-22T09:16:00+00:00", "rows": [{"key": "a", "title": "A"}], "known": 1}
    block = writing.Block("b1", "feed", {"address": URL, "entries": value, "count": 1, "layout": "titles", "label": ""}, {})
    assert ">A<" in writing.write([block]).mjml
    other = writing.Block("b1", "feed", {**block.values, "address": "https://other.example/"}, {})
    assert ">A<" not in writing.write([other]).mjml
