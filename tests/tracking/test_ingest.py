"""Taking hits in: what the person allows, each once, and what later hits tell about earlier ones."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.consent import queries as consent_queries
from app.consent.rules import Level
from app.delivery.queries import outbox
from app.kernel import clock, events, redis
from app.kernel.db import array_of, session, transaction
from app.kernel.ids import uuid7
from app.tracking import jobs, queries, service, state, stream, tokens
from app.tracking.events import SignalsReclassified, SignalsRecorded
from app.tracking.models import SignalCount
from app.tracking.rules import hits
from app.tracking.rules.hits import HIDDEN, NO_LINK, Hit, Kind
from app.tracking.rules.verdicts import Reason, Verdict
from app.tracking.service import writing
from tests.support import make, reading
from tests.support.reading import FIREFOX, LINKS, visit


@pytest.fixture
def who(letter):
    return letter.people[0]


@pytest.fixture
def told(app, monkeypatch):
    """The events of tracking, as published."""
    found = []
    for kind in (SignalsRecorded, SignalsReclassified):
        monkeypatch.setitem(events._handlers, kind, [*events._handlers[kind], found.append])
    return found


def rows(*what):
    session().rollback()
    return session().execute(text(*what)).all()


def counted(letter):
    """The sums as they stand, and as the rows would have them."""
    session().rollback()
    kept = session().query(SignalCount).filter_by(mailing_no=letter.no)
    standing = Counter({(c.hour, c.kind, c.link, c.verdict): c.count for c in kept if c.count})
    query = text(
        "SELECT date_trunc('hour', at), kind, link, verdict, count(*) FROM signals GROUP BY 1, 2, 3, 4"
    )
    return standing, Counter({(h, k, i, v): n for h, k, i, v, n in session().execute(query)})


def a_hit(letter, who, *, kind=Kind.CLICK, link=0, ago=timedelta(minutes=30), program=FIREFOX, seq=1, n=None):
    with transaction():
        at = clock.now() - ago
    number = letter.n(who) if n is None else n
    link = NO_LINK if kind is Kind.OPEN else link
    return Hit(uuid7().hex, letter.no, number, kind, link, at, False, False, program, uuid7().hex, seq)


def take(*found):
    with transaction():
        return service.ingest_batch(found)


def test_an_open_and_a_click_become_signals_of_the_person(client, letter, who):
    visit(client, letter.pixel(who))
    visit(client, letter.link(who, 1))
    reading.take_in()
    opened, clicked = letter.signals(who)
    assert (opened.kind, opened.url, opened.verdict, opened.reason) == ("open", "", "human", "browser")
    assert (clicked.kind, clicked.link, clicked.url, clicked.verdict) == ("click", 1, LINKS[1], "human")
    assert opened.program == FIREFOX
    assert stream.count() == 0


@pytest.mark.parametrize(
    ("level", "people", "nobodys"), [(Level.NONE, 0, 0), (Level.AGGREGATE, 0, 2), (Level.INDIVIDUAL, 2, 0)]
)
def test_only_what_the_person_allows_is_kept(client, place, level, people, nobodys):
    who = reading.reader(place, level)
    letter = reading.sent(place, [who])
    visit(client, letter.pixel(who))
    visit(client, letter.link(who))
    reading.take_in()
    found = rows("SELECT contact_id, n, program, at FROM signals")
    assert len([row for row in found if row.contact_id]) == people
    assert len([row for row in found if not row.contact_id]) == nobodys
    for row in found:
        if not row.contact_id:
            assert (row.n, row.program) == (None, None)
            assert (row.at.minute, row.at.second, row.at.microsecond) == (0, 0, 0)


def test_of_who_allows_the_day_only_the_newest_day_is_kept(client, place):
    who = reading.reader(place, Level.DATE)
    letter = reading.sent(place, [who])
    days = timedelta(days=1)

    def kept():
        return [row.day for row in rows("SELECT day FROM last_opens")]

    newest = a_hit(letter, who, kind=Kind.OPEN, ago=2 * days)
    take(a_hit(letter, who, kind=Kind.OPEN, ago=9 * days), newest, a_hit(letter, who, kind=Kind.OPEN, ago=5 * days))
    assert kept() == [newest.at.date()]
    assert queries.find_last_open(place.id, who.id) == newest.at.date()
    # Neither an older day, nor a click, nor a program's picture changes it.
    take(
        a_hit(letter, who, kind=Kind.OPEN, ago=4 * days),
        a_hit(letter, who, ago=0 * days),
        a_hit(letter, who, kind=Kind.OPEN, ago=0 * days, program="Mozilla/5.0"),
    )
    assert kept() == [newest.at.date()]
    assert reading.count_signals() == 0
    assert rows("SELECT FROM signal_counts") == []
    visit(client, letter.pixel(who, Level.DATE))
    reading.take_in()
    assert kept() > [newest.at.date()]
    reading.allow(place, who, Level.AGGREGATE)
    assert kept() == []
    visit(client, letter.pixel(who, Level.DATE))  # of a mail that was sent before
    reading.take_in()
    assert kept() == []


def test_a_token_for_everybody_names_nobody(client, letter, who):
    visit(client, letter.pixel(who, Level.AGGREGATE))
    visit(client, letter.link(who, 2, Level.AGGREGATE))
    reading.take_in()
    found = rows("SELECT contact_id, n, program, link FROM signals ORDER BY link")
    assert [tuple(row) for row in found] == [(None, None, None, NO_LINK), (None, None, None, 2)]
    assert letter.signals(who) == []


def test_withdrawal_silences_mails_that_were_sent_before(client, letter, who):
    before = visit(client, letter.pixel(who)), visit(client, letter.link(who))
    reading.take_in()
    assert len(letter.signals(who)) == 2
    reading.allow(letter.where, who, Level.NONE)
    after = visit(client, letter.pixel(who)), visit(client, letter.link(who))
    reading.take_in()
    assert len(letter.signals(who)) == 2
    assert reading.count_signals() == 2
    for one, other in zip(before, after, strict=True):
        assert (one.status_code, one.data) == (other.status_code, other.data)
        assert one.headers.get("Location") == other.headers.get("Location")


def test_withdrawal_reaches_hits_that_are_on_their_way(client, letter, who):
    visit(client, letter.pixel(who))
    reading.allow(letter.where, who, Level.NONE)
    reading.take_in()
    assert reading.count_signals() == 0
    assert state.read().waiting == 0


def test_an_erased_person_leaves_no_signal(client, letter, who):
    visit(client, letter.link(who))
    reading.take_in()
    with transaction():
        service.erase(letter.where.id, who.id)
        from app.consent import service as consent
        from app.consent.rules import By

        consent.erase(letter.where.id, who.id, by=By())
    visit(client, letter.link(who))
    reading.take_in()
    assert reading.count_signals() == 0
    assert queries.totals(letter.where.id, letter.no).clicks[Verdict.HUMAN] == 1  # the sum stays


def test_a_hit_that_comes_five_times_counts_once(letter, who, told):
    hit = a_hit(letter, who)
    assert take(hit, hit).stored == 1
    for _ in range(3):
        assert take(hit) == service.Ingested(stored=0, repeated=1, dropped=0)
    assert reading.count_signals() == 1
    assert [len(event.signals) for event in told] == [1]
    assert sum(counted(letter)[0].values()) == 1


def test_a_hit_of_nobody_that_comes_again_counts_once_beside_a_new_one(letter, who, told):
    first, second = a_hit(letter, who, n=0), a_hit(letter, who, n=0)
    assert take(first).stored == 1
    assert take(first, second) == service.Ingested(stored=1, repeated=1, dropped=0)
    assert reading.count_signals() == 2
    assert [len(event.signals) for event in told] == [1, 1]
    assert sum(counted(letter)[0].values()) == 2


def test_signals_are_told_once_with_their_verdict(letter, who, told):
    take(a_hit(letter, who), a_hit(letter, who, program="curl/8"), a_hit(letter, who, n=0))
    (event,) = told
    assert event.workspace_id == letter.where.id
    assert Counter((s.contact_id, s.verdict) for s in event.signals) == {
        (who.id, "human"): 1, (who.id, "machine"): 1, (None, "human"): 1,
    }  # fmt: skip


def test_a_hidden_link_makes_earlier_signals_a_machines(letter, who, told):
    take(
        a_hit(letter, who, kind=Kind.OPEN, ago=timedelta(minutes=20)),
        a_hit(letter, who, ago=timedelta(minutes=19)),
    )
    assert [found.verdict for found in letter.signals(who)] == ["human", "human"]
    take(a_hit(letter, who, link=HIDDEN, ago=timedelta(minutes=18)))
    assert {(found.verdict, found.reason) for found in letter.signals(who)} == {("machine", "hidden_link")}
    assert told[-1] == SignalsReclassified(letter.where.id, (who.id,))
    standing, real = counted(letter)
    assert standing == real
    assert {verdict for _, _, _, verdict in standing} == {"machine"}


def test_three_links_in_two_seconds_are_found_across_batches(letter, who):
    at = timedelta(minutes=20)
    for link in range(3):
        take(a_hit(letter, who, link=link, ago=at - timedelta(seconds=link * 0.5)))
    assert {(found.verdict, found.reason) for found in letter.signals(who)} == {("machine", "many_links")}


def test_another_persons_signals_stay_what_they_are(place):
    mara, jon = reading.reader(place), reading.reader(place)
    letter = reading.sent(place, [mara, jon])
    at = timedelta(minutes=10)
    take(a_hit(letter, jon, ago=at), a_hit(letter, mara, ago=at), a_hit(letter, mara, link=HIDDEN, ago=at))
    assert [found.verdict for found in letter.signals(jon)] == ["human"]
    assert {found.verdict for found in letter.signals(mara)} == {"machine"}


def test_a_hit_within_seconds_of_the_delivery_is_a_machines(client, place):
    who = reading.reader(place)
    letter = reading.sent(place, [who], ago=timedelta(seconds=0))
    visit(client, letter.pixel(who))
    reading.take_in()
    assert [found.reason for found in letter.signals(who)] == [Reason.TOO_SOON]


def test_a_message_keeps_a_bounded_number_of_signals(letter, who, monkeypatch):
    monkeypatch.setattr("app.tracking.service.ingest.MAX_PER_MESSAGE", 5)
    assert take(*(a_hit(letter, who) for _ in range(4))).stored == 4
    assert take(*(a_hit(letter, who) for _ in range(4))) == service.Ingested(1, 0, 3)
    assert take(a_hit(letter, who)) == service.Ingested(0, 0, 1)


def test_what_is_none_of_ours_is_dropped_and_the_rest_taken(client, letter, who):
    buffer = redis.client()
    visit(client, letter.pixel(who))
    strange = [
        b"", b"[]", b"\x80\x04pickle", b"{" * 3000, b"two\nlines\n", hits.dump(a_hit(letter, who)) + b"\n",
        hits.dump(a_hit(letter, who, n=77)),  # no such message
        hits.dump(a_hit(letter, who, link=55)),  # no such link
        hits.dump(Hit(uuid7().hex, 999_999, 1, Kind.OPEN, NO_LINK, clock.now(), False, False, "x", uuid7().hex, 1)),
    ]  # fmt: skip
    for raw in strange:
        buffer.xadd(stream.KEYS[0], {"h": raw})
    buffer.xadd(stream.KEYS[0], {"other": b"field"})
    visit(client, letter.link(who))
    reading.take_in()
    assert [found.kind for found in letter.signals(who)] == ["open", "click"]
    assert stream.count() == 0


def test_batches_that_were_read_ahead_and_left_come_again_and_count_once(client, letter, who, monkeypatch):
    monkeypatch.setattr(service, "MAX_BATCH", 2)
    for _ in range(7):
        visit(client, letter.link(who))
    with monkeypatch.context() as away:
        away.setattr(stream, "acknowledge", lambda _part, _ids: False)
        reading.take_in()
    assert (reading.count_signals(), stream.count()) == (4, 7)
    reading.take_in()
    assert (reading.count_signals(), stream.count()) == (7, 0)
    assert sum(counted(letter)[0].values()) == 7


def test_where_much_waits_another_worker_is_rung_for_and_else_nobody(client, letter, who, monkeypatch):
    rung = []
    monkeypatch.setattr(jobs, "ring_now", lambda *what: rung.append(what))
    visit(client, letter.link(who))
    jobs.ingest()
    assert rung == []
    monkeypatch.setattr(service, "MAX_BATCH", 2)
    for _ in range(5):
        visit(client, letter.link(who))
    jobs.ingest()
    assert set(rung) == {("jobs", "run_job", jobs.ASSIST)}
    assert (reading.count_signals(), stream.count()) == (6, 0)


@pytest.mark.parametrize("value", ["a word", 10**9, "\x00"])
def test_a_hit_that_the_database_refuses_takes_no_other_with_it(letter, who, monkeypatch, value):
    evil = a_hit(letter, who)
    real = writing._line

    def line(row):
        return (*real(row)[:6], value, *real(row)[7:]) if row.hit == evil else real(row)

    monkeypatch.setattr(writing, "_line", line)
    good = [a_hit(letter, who, kind=Kind.OPEN) for _ in range(6)]
    jobs._ingest([*good[:3], evil, *good[3:]])
    assert len(letter.signals(who)) == 6


def test_a_mail_of_another_workspace_gives_this_one_nothing(letter, who):
    other = make.place()
    take(a_hit(letter, who))
    assert queries.list_signals(other.id, who.id) == []
    assert queries.totals(other.id, letter.no).clicks[Verdict.HUMAN] == 0
    assert queries.by_hour(other.id, letter.no) == []
    assert queries.by_link(other.id, letter.no) == []
    assert queries.list_readers(other.id, letter.no) == []
    assert list(queries.iter_human_signals(other.id, [who.id])) == []


def test_the_figures_of_a_mailing(place):
    mara, jon, tim = (reading.reader(place) for _ in range(3))
    letter = reading.sent(place, [mara, jon, tim])
    take(
        a_hit(letter, mara, kind=Kind.OPEN), a_hit(letter, mara, kind=Kind.OPEN), a_hit(letter, mara, link=1),
        a_hit(letter, jon, kind=Kind.OPEN), a_hit(letter, tim, kind=Kind.OPEN, program="Mozilla/5.0"),
        a_hit(letter, tim, link=HIDDEN), a_hit(letter, tim, n=0, link=2, program=""),
    )  # fmt: skip
    found = queries.totals(place.id, letter.no)
    assert found.opens == {Verdict.HUMAN: 3, Verdict.MACHINE: 1, Verdict.UNKNOWN: 0}
    assert found.clicks == {Verdict.HUMAN: 1, Verdict.MACHINE: 1, Verdict.UNKNOWN: 1}
    assert (found.people_opened, found.people_clicked) == (2, 1)
    assert [(link.url, link.counts[Verdict.HUMAN]) for link in queries.by_link(place.id, letter.no)] == [
        (LINKS[0], 0), (LINKS[1], 1), (LINKS[2], 0),
    ]  # fmt: skip
    assert sum(hour.count for hour in queries.by_hour(place.id, letter.no)) == 7
    readers = queries.list_readers(place.id, letter.no)
    assert [(reader.contact_id, reader.count) for reader in readers] == [(mara.id, 3), (jon.id, 1)]
    assert [r.contact_id for r in queries.list_readers(place.id, letter.no, after_n=1)] == [jon.id]
    assert [r.contact_id for r in queries.list_readers(place.id, letter.no, Kind.CLICK)] == [mara.id]
    standing, real = counted(letter)
    assert standing == real


def test_programs_are_forgotten_after_thirty_days(letter, who):
    take(a_hit(letter, who), a_hit(letter, who, program="curl/8"))
    clock.set_shift(29 * 86400)
    jobs.forget()
    assert all(found.program for found in letter.signals(who))
    clock.set_shift(31 * 86400)
    jobs.forget()
    assert [(found.program, found.verdict) for found in letter.signals(who)] == [
        ("", "human"),
        ("", "machine"),
    ]
    # What was found by the program stays found when more hits come.
    take(a_hit(letter, who, kind=Kind.OPEN))
    assert Counter(found.verdict for found in letter.signals(who)) == {"human": 2, "machine": 1}


def test_a_thousand_hits_take_a_handful_of_statements(place, count_statements):
    people = [reading.reader(place) for _ in range(20)]
    letter = reading.sent(place, people)
    found = [
        a_hit(letter, people[i % 20], kind=Kind.OPEN, ago=timedelta(minutes=i % 50 + 1)) for i in range(1000)
    ]
    with count_statements() as few:
        assert take(*found[:40]).stored == 40
    with count_statements() as many:
        assert take(*found[40:]).stored == 960
    assert len(many) <= len(few) <= 17


def test_a_person_page_tells_who_and_why(letter, who):
    from app.tracking import timeline

    take(
        a_hit(letter, who, ago=timedelta(minutes=30)),
        a_hit(letter, who, kind=Kind.OPEN, program="Mozilla/5.0", ago=timedelta(minutes=20)),
        a_hit(letter, who, kind=Kind.OPEN, program="", ago=timedelta(minutes=10)),
    )
    unknown, machine, human = timeline.entries(letter.where.id, who.id, None, 10)
    assert (human.title, human.detail) == ("Followed a link", LINKS[0])
    assert machine.title == "A program loaded a letter's picture"
    assert "Mail Privacy Protection" in machine.detail
    assert "cannot tell" in unknown.title
    assert human.reference == f"{letter.no}-1"
    assert len(timeline.entries(letter.where.id, who.id, machine.at, 10)) == 1
    assert {line["link"] for line in timeline.export(letter.where.id, who.id)} == {"", LINKS[0]}


def test_a_token_that_names_nobody_cannot_be_read_as_a_person(letter):
    assert tokens.read(tokens.make(letter.no, 0)) == (letter.no, 0)


@pytest.mark.parametrize("query", [consent_queries._TRACKING_LOCKED, outbox._RECIPIENTS, writing._KNOWN, writing._SEEN])
def test_what_a_batch_asks_for_is_looked_up_one_by_one(letter, who, query):
    """A mailing to a million has just been made, and the planner takes ``messages`` for empty: no batch may read all of it."""
    take(a_hit(letter, who))
    session().execute(text("SET LOCAL enable_seqscan = off"))
    values = {
        "ids": array_of([uuid7() for _ in range(5000)]), "ats": array_of([clock.now()] * 5000),
        "nos": array_of([1] * 5000), "ns": array_of(range(5000)), "since": array_of([clock.now()] * 5000), "channel": "email",
    }  # fmt: skip
    asked = {name: value for name, value in values.items() if f":{name}" in str(query)}
    plan = "\n".join(session().execute(text(f"EXPLAIN (COSTS OFF) {query}"), asked).scalars())
    assert "Index Cond" in plan
    for compared in ("Hash Cond", "Join Filter", "Merge Cond"):
        assert compared not in plan
