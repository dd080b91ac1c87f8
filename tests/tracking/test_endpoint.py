"""The picture and the links: always the same answers, nowhere but to the stored address."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.consent.rules import Level
from app.kernel import clock
from app.kernel.db import session, transaction
from app.kernel.errors import BadInput, Conflict, NotFound
from app.tracking import queries, service, tokens
from app.tracking.rules.hits import HIDDEN, NO_LINK
from tests.support import make, reading
from tests.support.reading import LINKS, visit


@pytest.fixture
def who(letter):
    return letter.people[0]


def test_the_picture_is_43_bytes_and_never_stored(client, letter, who):
    answer = visit(client, letter.pixel(who))
    assert answer.status_code == 200
    assert answer.content_type == "image/gif"
    assert len(answer.data) == 43
    assert answer.data.startswith(b"GIF89a\x01\x00\x01\x00")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_strange_token_gets_the_same_picture(client, letter, who, method):
    ours = visit(client, letter.pixel(who), method=method)
    for token in ("A" * 24, "x", tokens.make(4_000_000, 3), "%00", "a.gif"):
        other = visit(client, f"/o/{token}.gif", method=method)
        assert other.status_code == ours.status_code
        assert other.data == ours.data
        changing = {"Content-Security-Policy"}  # a nonce
        assert {k: v for k, v in other.headers if k not in changing} == {
            k: v for k, v in ours.headers if k not in changing
        }


@pytest.mark.parametrize("index", range(3))
def test_a_link_leads_to_the_stored_address(client, letter, who, index):
    answer = visit(client, letter.link(who, index))
    assert answer.status_code == 302
    assert answer.headers["Location"] == LINKS[index]
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


def test_head_is_answered_like_get_and_is_a_machines(client, letter, who):
    answer = visit(client, letter.link(who), method="HEAD")
    assert (answer.status_code, answer.headers["Location"], answer.data) == (302, LINKS[0], b"")
    visit(client, letter.pixel(who), method="HEAD")
    reading.take_in()
    assert [(found.verdict, found.reason) for found in letter.signals(who)] == [("machine", "head")] * 2


def test_the_hidden_link_leads_home(client, letter, who):
    answer = visit(client, letter.hidden(who))
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://ostkai.example/")


def test_an_index_that_the_mailing_lacks_is_not_found_and_not_noted(client, letter, who):
    code = tokens.code(tokens.make(letter.no, letter.n(who)), 3)
    assert visit(client, f"/r/{code}").status_code == 404
    reading.take_in()
    assert letter.signals(who) == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(client, letter, who, method):
    for path in (letter.pixel(who), letter.link(who)):
        assert visit(client, path, method=method).status_code == 405


def test_known_links_ask_the_database_nothing(client, letter, who, count_statements):
    visit(client, letter.link(who))
    with count_statements() as statements:
        for index in range(3):
            assert visit(client, letter.link(who, index)).status_code == 302
        visit(client, letter.pixel(who))
    assert statements == []


def test_a_mailings_links_are_read_once(client, letter, who, count_statements):
    path = letter.link(who)
    client.application.extensions["nod.tracking.links"]._mailings.clear()
    with count_statements() as statements:
        for _ in range(5):
            visit(client, path)
    assert len([found for found in statements if "tracked_mailings" in found]) == 1


def test_the_cache_of_links_is_bounded(app, letter, monkeypatch):
    from app.tracking import links

    monkeypatch.setattr(links, "KEPT", 1)
    other = reading.sent(letter.where, letter.people, links=("https://ostkai.example/other",))
    cache = app.extensions[links.EXTENSION]
    assert cache.get(letter.no).links == LINKS
    assert cache.get(other.no).links == other.links
    assert list(cache._mailings) == [other.no]
    assert cache.get(letter.no).links == LINKS


def test_no_network_address_and_no_cookie_is_kept(client, letter, who):
    visit(
        client,
        letter.link(who),
        **{"X-Forwarded-For": "203.0.113.77", "Cookie": "a=b", "Referer": "https://r.example/"},
    )
    reading.take_in()
    with transaction():
        for table in ("signals", "signal_inbox", "signal_sources", "signal_counts"):
            rows = session().execute(text(f"SELECT row_to_json({table})::text FROM {table}")).scalars().all()
            assert not [row for row in rows if "203.0.113" in row or "127.0.0.1" in row or "r.example" in row]
    assert len(letter.signals(who)) == 1


def test_what_stands_in_a_mail_follows_the_level(letter, who):
    n = letter.n(who)
    none = service.links_for(letter.no, n, Level.NONE)
    assert none(0, LINKS[0]) == LINKS[0]
    assert service.pixel_url(letter.no, n, Level.NONE) is None
    assert service.hidden_url(letter.no, n, Level.NONE) is None
    assert service.hidden_url(letter.no, n, Level.AGGREGATE) is None
    same = {service.links_for(letter.no, number, Level.AGGREGATE)(1, LINKS[1]) for number in (1, 2, 3)}
    assert len(same) == 1
    assert len({service.pixel_url(letter.no, number, Level.AGGREGATE) for number in (1, 2, 3)}) == 1
    own = {service.links_for(letter.no, number, Level.INDIVIDUAL)(1, LINKS[1]) for number in (1, 2, 3)}
    assert len(own) == 3


def test_an_address_that_was_not_registered_is_left_as_it_is(letter, who):
    write = service.links_for(letter.no, letter.n(who), Level.INDIVIDUAL)
    assert write(0, "https://elsewhere.example/") == "https://elsewhere.example/"
    assert write(7, LINKS[0]) == LINKS[0]


def test_links_of_a_mailing_never_change(letter):
    with transaction():
        service.register(letter.no, letter.where.id, LINKS)
    with pytest.raises(Conflict), transaction():
        service.register(letter.no, letter.where.id, LINKS[:2])
    with pytest.raises(Conflict), transaction():
        service.register(letter.no, make.place().id, LINKS)
    with pytest.raises(Exception, match=r"permission denied|append-only|never"), transaction():
        session().execute(text("UPDATE tracked_mailings SET links = '[]'"))
    assert queries.find_mailing(letter.no).links == LINKS


@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)", "data:text/html,x", "//evil.example", "/inside", "ftp://a.example", "http://", "",
        "https://a.example/\r\nSet-Cookie: x=1", "https://[::1", "mailto:a@b.example", " https://a.example",
    ],
)  # fmt: skip
def test_a_link_may_only_lead_into_the_web(place, target):
    with pytest.raises(BadInput), transaction():
        service.register(99, place.id, [target])


def test_a_mailing_that_was_not_registered_has_no_links(place):
    with pytest.raises(NotFound):
        service.links_for(123_456, 1, Level.INDIVIDUAL)


def test_the_time_of_a_hit_is_the_databases(client, letter, who):
    clock.set_shift(5000)
    visit(client, letter.pixel(who))
    reading.take_in()
    (found,) = letter.signals(who)
    with transaction():
        assert abs((clock.now() - found.at).total_seconds()) < 30
    assert found.link == NO_LINK != HIDDEN


def test_a_machine_with_a_wrong_clock_notes_the_right_time(client, letter, who, monkeypatch):
    real = clock._machine
    monkeypatch.setattr(clock, "_machine", lambda: real() - timedelta(hours=1))
    with transaction():
        right = clock.now()
    visit(client, letter.pixel(who))
    reading.take_in()
    (found,) = letter.signals(who)
    assert abs((found.at - right).total_seconds()) < 30


def test_metrics_tell_what_waits_and_what_was_lost(client, letter, who):
    for _ in range(3):
        visit(client, letter.pixel(who))
    page = client.get("/metrics").text
    assert "nod_signals_waiting 3.0" in page
    assert "nod_signals_lost " in page
