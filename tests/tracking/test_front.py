"""The thin way in answers as the routes do, takes down what they do, and leaves all else to them; hits share a write."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest
from sqlalchemy import text
from werkzeug.test import Client

from app.kernel import metrics
from app.kernel.db import session
from app.tracking import recorder, stream, tokens
from app.tracking.rules import hits
from app.tracking.rules.hits import NO_LINK, Kind
from tests.support import reading
from tests.support.reading import FIREFOX, LINKS

PATTERN = "https://ostkai.example/?n={{contact.first_name}}"


@pytest.fixture
def tagged(place):
    return reading.sent(place, [reading.reader(place)], links=[*LINKS, PATTERN, "https://ostkai.example/müller?a=ß"])


@pytest.fixture
def paths(tagged):
    """What is found, and what is not."""
    token = tokens.make(tagged.no, 1)
    mine = tokens.target_code(tagged.no, 1, 3, "https://ostkai.example/?n=Zoë&x='\"<b>")
    evil = tokens.target_code(tagged.no, 1, 3, "javascript:alert(1)")
    found = [
        f"/o/{token}.gif", f"/o/{token}x.gif", "/o/a.gif.gif", "/o/ä.gif", f"/o/{token}.gif?x=1", f"/r/{token}0",
        f"/r/{token}4", f"/r/{token}x", f"/r/{token}1?u=https://evil.example/", f"/r/{mine}",
    ]  # fmt: skip
    strange = [
        "/o/.gif", "/o/", "/r/", f"/o/{token}", f"/o/{token}.png", f"/o/{token}/.gif", f"/r/{token}", f"/r/{token}3",
        f"/r/{token}9", f"/r/{token}0/", f"/r/{token}00", "/r/ä", f"/r/{evil}", f"/r/{mine}A", f"/r//{token}0",
    ]  # fmt: skip
    return found, strange


def said(application, method, path, host, scheme):
    answer = Client(application).open(path, method=method, base_url=f"{scheme}://{host}/", headers={"User-Agent": FIREFOX})
    policy = answer.headers.pop("Content-Security-Policy")
    assert "frame-ancestors 'none'" in policy
    assert len(policy) == len(Client(application).get("/healthz", base_url="http://127.0.0.1/").headers["Content-Security-Policy"])
    words = answer.data if answer.status_code < 400 else b""  # a page of words has nonces
    return answer.status, sorted(answer.headers.items()) if words or answer.status_code < 400 else [], words


def taken_down():
    """What the last requests left, without what is each one's own."""
    found = []
    for part in range(hits.PARTS):
        entries = stream.read(part, 1000, by="test", again=False) or []
        stream.acknowledge(part, [entry_id for entry_id, _ in entries]) if entries else None
        found += [hits.load(raw) for _, raw in entries]
    return [(h.mailing_no, h.n, h.kind, h.link, h.is_head, h.is_prefetch, h.program) for h in found]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
@pytest.mark.parametrize(("host", "scheme"), [("127.0.0.1:8000", "http"), ("127.0.0.1", "https"), ("evil.example", "http")])
def test_it_answers_and_takes_down_as_the_routes_do(app, paths, method, host, scheme):
    front = app.wsgi_app
    taken_down()
    for path in [*paths[0], *paths[1]]:
        thin = said(front, method, path, host, scheme), taken_down()
        assert thin == (said(front._behind, method, path, host, scheme), taken_down()), path


def test_what_is_found_comes_no_further_and_is_counted(app, paths, monkeypatch):
    front = app.wsgi_app
    passed = []
    monkeypatch.setattr(front, "_behind", lambda environ, _start: passed.append(environ["PATH_INFO"]) or [b""])

    def count():
        return sum(metrics.requests.labels(name)._value.get() for name in ("2xx", "3xx"))

    before = count()
    for path in paths[0]:
        assert Client(front).get(path, base_url="http://127.0.0.1/").status_code in {200, 302}
    assert (passed, count() - before) == ([], len(paths[0]))


def test_a_cold_process_reads_the_links_without_a_request_of_flask(app, tagged):
    app.extensions["nod.tracking.links"]._mailings.clear()
    code = tokens.code(tokens.make(tagged.no, 1), 2)
    answers = []

    def ask():  # in a thread, which has no context of its own
        answers.append(Client(app.wsgi_app).get(f"/r/{code}", base_url="http://127.0.0.1/"))

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join(10)
    assert answers[0].headers["Location"] == LINKS[2]


def record(taker, n=1):
    taker.record(7, n, Kind.OPEN, NO_LINK, is_head=False, is_prefetch=False, program=FIREFOX)


def test_who_comes_while_another_writes_shares_the_next_write_and_waits_for_it(live, monkeypatch):
    taker = live.extensions[recorder.EXTENSION]
    groups, early = [], []

    def slowly(raw, _parts):
        time.sleep(0.02)
        groups.append([hits.load(one).n for one in raw])
        return len(raw)

    def answer(mine):
        for n in mine:
            record(taker, n)
            early.extend([] if any(n in group for group in groups) else [n])

    monkeypatch.setattr(stream, "add", slowly)
    threads = [threading.Thread(target=answer, args=(range(first, 160, 16),)) for first in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert early == []  # nobody was answered before the hit was down
    assert Counter(n for group in groups for n in group) == dict.fromkeys(range(160), 1)
    assert len(groups) <= 30
    assert max(map(len, groups)) > 4


def test_what_the_stream_has_no_room_for_goes_on_to_postgresql_and_the_file(live, monkeypatch):
    taker = live.extensions[recorder.EXTENSION]
    real = stream.add
    monkeypatch.setattr(stream, "add", lambda raw, parts: real(raw, parts, 3))
    turns = [recorder._Turn(recorder.uuid7(), b"%d" % n, n, hits.part_of(n)) for n in range(1, 6)]
    taker._write(turns)
    kept = session().execute(text("SELECT hit FROM signal_inbox ORDER BY hit")).scalars().all()
    assert (stream.count(), kept) == (3, [b"4", b"5"])
    taker._database_away_until = time.monotonic() + 60
    spool = taker.spool.count()
    taker._write(turns)
    assert taker.spool.count() - spool == 5
    assert [recorder.read_answered(taker.folder)[one.source] for one in taker._series] == [4, 5]
