"""However hits come, alone, together, again, in any order: the tables hold what a plain reading of the rules says."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from itertools import groupby

import pytest
from sqlalchemy import text

from app.consent.rules import Level
from app.engagement import rules as points
from app.kernel import clock
from app.kernel.db import session, transaction
from app.kernel.ids import uuid7
from app.tracking import service
from app.tracking.rules import verdicts
from app.tracking.rules.hits import HIDDEN, NO_LINK, Hit, Kind
from app.tracking.rules.verdicts import Reason, Seen, Verdict
from tests.support import make, reading
from tests.support.reading import FIREFOX

LEVELS = (Level.INDIVIDUAL, Level.INDIVIDUAL, Level.AGGREGATE, Level.DATE, Level.NONE)
PROGRAMS = (FIREFOX, FIREFOX, FIREFOX, "", "curl/8", "Mozilla/5.0", 'odd "quoted\\", {braces}, NULL', "NULL", "ünïcode")
WEIGHTS = {Kind.OPEN: 1.0, Kind.CLICK: 3.0}


def some_hits(dice, letters, now, count):
    """Of the letters' readers, of nobody, of messages and links that never were."""
    source, found = uuid7().hex, []
    for seq in range(1, count + 1):
        letter = dice.choice(letters)
        kind = dice.choice(list(Kind))
        link = NO_LINK if kind is Kind.OPEN else dice.choice([0, 0, 1, 2, 3, HIDDEN] if dice.random() < 0.3 else [0, 1])
        ago = timedelta(minutes=dice.randrange(70), seconds=dice.randrange(3), milliseconds=dice.randrange(1000))
        n = dice.choice([0, *range(1, len(LEVELS) + 2)])
        at = (now - ago).replace(microsecond=dice.randrange(1000) * 1000)
        is_head, is_prefetch = dice.random() < 0.05, dice.random() < 0.05
        found.append(Hit(uuid7().hex, letter.no, n, kind, link, at, is_head, is_prefetch, dice.choice(PROGRAMS), source, seq))
    return found


def by_the_rules(letters, found):
    """(rows by event, days by person, human signals by person), each hit looked at by itself and each message whole."""
    of = {letter.no: letter for letter in letters}
    rows, days, human = {}, {}, {}
    for (no, n), group in groupby(sorted(found, key=lambda h: (h.mailing_no, h.n)), lambda h: (h.mailing_no, h.n)):
        hits = [hit for hit in group if hit.link < len(of[no].links)]
        level = Level.AGGREGATE if n == 0 else LEVELS[n - 1] if n <= len(LEVELS) else Level.NONE
        seen = [Seen(hit.event_id, hit.kind, hit.link, hit.at, verdicts.by_request(hit)) for hit in hits]
        if level is Level.AGGREGATE:
            for hit, one in zip(hits, seen, strict=True):
                hour = hit.at.replace(minute=0, second=0, microsecond=0)
                rows[hit.event_id] = (None, no, None, hit.kind, hit.link, hour, *_words(one.finding), None)
        elif level is Level.INDIVIDUAL:
            who = of[no].people[n - 1].id
            sent_at = _handed(no, n)
            whole = verdicts.by_company(seen, *sent_at)
            for hit, finding in zip(hits, whole, strict=True):
                rows[hit.event_id] = (
                    who, no, n, hit.kind, hit.link, hit.at, *_words(finding), hit.program or None
                )  # fmt: skip
                if finding.verdict is Verdict.HUMAN:
                    human.setdefault(who, []).append((hit.kind, hit.at))
        elif level is Level.DATE:
            for hit, one in zip(hits, seen, strict=True):
                if hit.kind is Kind.OPEN and one.finding.verdict is not Verdict.MACHINE:
                    who = of[no].people[n - 1].id
                    days[who] = max(days.get(who, hit.at.date()), hit.at.date())
    return rows, days, human


COMPANY = {Reason.HIDDEN_LINK, Reason.MANY_LINKS, Reason.TOO_SOON}


def _words(finding):
    return finding.verdict.value, _reason(finding.reason)


def _reason(reason):
    """Of what others of its message tell about a signal, the first stays: any of them is right."""
    return "company" if reason in COMPANY else str(reason)


def _handed(no, n):
    query = text("SELECT began_at, done_at FROM messages WHERE mailing_no = :no AND n = :n")
    return session().execute(query, {"no": no, "n": n}).one()


def readers_in(rows):
    """By mailing: how many people opened, and clicked, by the signals of people."""
    opened, clicked = {}, {}
    for _who, no, n, kind, _link, _at, verdict, *_ in rows:
        if n is not None and verdict == Verdict.HUMAN.value:
            opened.setdefault(no, set()).add(n)
            if kind is Kind.CLICK:
                clicked.setdefault(no, set()).add(n)
    return {no: (len(found), len(clicked.get(no, ()))) for no, found in opened.items()}


def readers_kept():
    """What is kept of it."""
    rows = read("SELECT mailing_no, sum(opened), sum(clicked) FROM signal_readers GROUP BY 1 HAVING sum(opened) > 0")
    return {no: (int(opened), int(clicked)) for no, opened, clicked in rows}


def read(query):
    return session().execute(text(query)).all()


@pytest.mark.parametrize("seed", range(4))
def test_the_tables_hold_what_the_rules_say(session, seed):
    dice = random.Random(seed)
    letters = []
    for _ in range(2):
        where = make.place()
        letters.append(reading.sent(where, [reading.reader(where, level) for level in LEVELS]))
    with transaction():
        now = clock.now()
    found = some_hits(dice, letters, now, 400)
    coming = [*found, *dice.sample(found, 60)]
    dice.shuffle(coming)
    taken = Counter()
    while coming:
        size = dice.choice([1, 2, 7, 50, 120])
        batch, coming = coming[:size], coming[size:]
        with transaction():
            said = service.ingest_batch(batch)
        taken.update(stored=said.stored, repeated=said.repeated, dropped=said.dropped)
    rows, days, human = by_the_rules(letters, found)
    kept = read("SELECT event_id, contact_id, mailing_no, n, kind, link, at, verdict, reason, program FROM signals")
    assert {row[0].hex: (*row[1:8], _reason(row[8]), row[9]) for row in kept} == rows
    assert taken["stored"] == len(rows)
    assert taken.total() == 460
    sums = Counter((row[1], row[3], row[4], row[5].replace(minute=0, second=0, microsecond=0), row[6]) for row in rows.values())
    counted = read("SELECT mailing_no, kind, link, hour, verdict, count FROM signal_counts WHERE count <> 0")
    assert {tuple(row[:5]): row[5] for row in counted} == sums
    assert readers_kept() == readers_in(rows.values())
    assert dict(map(tuple, read("SELECT contact_id, day FROM last_opens"))) == days
    scores = {row[0]: row[1:] for row in read("SELECT contact_id, s, human_signals, last_signal_at FROM engagement_scores")}
    assert scores.keys() == human.keys()
    for who, signals in human.items():
        s, count, last = scores[who]
        assert s == pytest.approx(points.total(points.term(WEIGHTS[kind], at, 30) for kind, at in signals))
        assert (count, last) == (len(signals), max(at for _, at in signals))
    (arrived,) = read("SELECT CAST(arrived AS text) FROM signal_sources")
    assert arrived[0] == "{[1,401)}"


@pytest.mark.parametrize("seed", range(2))
def test_whoever_is_erased_is_no_reader_any_more(session, seed):
    dice = random.Random(seed)
    where = make.place()
    letters = [reading.sent(where, [reading.reader(where) for _ in range(5)]) for _ in range(2)]
    with transaction():
        now = clock.now()
    found = some_hits(dice, letters, now, 200)
    for batch in (found[:120], found[120:]):
        with transaction():
            service.ingest_batch(batch)
        for letter in letters:
            with transaction():
                service.erase(where.id, letter.people[0].id)
        rows = [(*row[:3], Kind(row[3]), *row[4:]) for row in read("SELECT contact_id, mailing_no, n, kind, link, at, verdict FROM signals")]
        assert readers_kept() == readers_in(rows)
    assert readers_kept()


def test_a_copy_that_was_read_before_its_mail_went_out_once_more_counts_once(session):
    where = make.place()
    letter = reading.sent(where, [reading.reader(where)], ago=timedelta(hours=5))
    with transaction():
        now = clock.now()
    first, later = (
        Hit(uuid7().hex, letter.no, 1, Kind.OPEN, NO_LINK, now - ago, False, False, FIREFOX, uuid7().hex, 1)
        for ago in (timedelta(hours=4), timedelta(minutes=1))
    )
    with transaction():
        service.ingest_batch([first])
        again = "UPDATE messages SET began_at = :at, done_at = :at, doubts = 1 WHERE mailing_no = :no"
        session.execute(text(again), {"at": now - timedelta(hours=1), "no": letter.no})
    with transaction():
        service.ingest_batch([later])
    assert readers_kept() == {letter.no: (1, 0)}
