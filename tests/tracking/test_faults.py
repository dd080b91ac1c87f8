"""Servers and workers are killed: links still lead on, and each signal counts once or is counted as lost."""

from __future__ import annotations

import os
import random
import signal
import textwrap
import threading
import time
from collections import Counter
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from app.consent import service as consent
from app.consent.rules import By, Level, Proof
from app.kernel import redis
from app.kernel.db import db, session, transaction
from app.tracking import jobs, recorder, state, stream
from app.tracking.rules import hits
from app.tracking.rules.hits import HIDDEN, Kind
from tests.conftest import environment_of
from tests.support import reading
from tests.support.reading import FIREFOX, LINKS, visit
from tests.support.workers import Process


def clicks(own, count, *, seconds=None):
    """So many clicks, each one led on at once."""
    who = own.letter.people[0]
    code = own.letter.link(who)
    slowest = 0.0
    for _ in range(count):
        began = time.monotonic()
        answer = visit(own.client, code)
        slowest = max(slowest, time.monotonic() - began)
        assert (answer.status_code, answer.headers["Location"]) == (302, LINKS[0])
    assert slowest < (seconds or 3)


def pictures(own, count):
    path = own.letter.pixel(own.letter.people[0])
    for _ in range(count):
        assert len(visit(own.client, path).data) == 43


def warm(own):
    """This process has answered for the letter before."""
    clicks(own, 1)
    reading.take_in()


def arrived():
    db.session.remove()
    return reading.count_signals()


def settle(expected, seconds=10.0):
    """What the job does each second, until all is in."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.15)
        jobs.ingest()
        if arrived() >= expected:
            break
    jobs.ingest()
    assert arrived() == expected


def test_redis_killed_in_mid_stream_loses_nothing(own):
    warm(own)
    clicks(own, 10)
    own.servers.redis.kill()
    clicks(own, 10)
    pictures(own, 5)
    jobs.ingest()
    assert arrived() == 16  # straight to PostgreSQL, while ten wait in a Redis that is away
    assert state.read().lost is None
    own.servers.redis.start()
    settle(26)
    assert (state.read().waiting, state.read().lost) == (0, 0)


def test_what_a_flushed_redis_held_is_counted_as_lost(own):
    warm(own)
    clicks(own, 7)
    redis.client().flushall()
    jobs.ingest()
    assert (state.read().waiting, state.read().lost) == (0, 7)
    clicks(own, 3)  # into a stream without a group
    settle(4)
    assert (state.read().waiting, state.read().lost) == (0, 7)


def test_postgresql_away_for_a_moment_stops_no_link(own):
    warm(own)
    own.servers.postgres.kill()
    clicks(own, 10)
    pictures(own, 5)
    own.servers.postgres.start()
    settle(16)
    assert state.read().lost == 0


def test_with_both_away_a_file_holds_what_comes(own):
    warm(own)
    own.servers.redis.kill()
    own.servers.postgres.kill()
    clicks(own, 8)
    pictures(own, 4)
    assert own.app.extensions[recorder.EXTENSION].spool.count() == 12
    own.servers.postgres.start()
    own.servers.redis.start()
    settle(13)
    assert own.app.extensions[recorder.EXTENSION].spool.count() == 0
    assert state.read().lost == 0


def test_a_full_file_loses_the_rest_and_says_how_many(own):
    warm(own)
    taker = own.app.extensions[recorder.EXTENSION]
    taker.spool._limit = 1000
    own.servers.redis.kill()
    own.servers.postgres.kill()
    clicks(own, 12)
    kept = taker.spool.count()
    assert 0 < kept < 12
    own.servers.postgres.start()
    own.servers.redis.start()
    settle(1 + kept)
    assert state.read().lost == 12 - kept


def test_a_thousand_clicks_with_both_away_are_quick(own):
    warm(own)
    own.servers.redis.kill()
    own.servers.postgres.kill()
    began = time.monotonic()
    clicks(own, 1000, seconds=5)
    print(f"{(time.monotonic() - began):.2f} s for 1,000 clicks without Redis and PostgreSQL")  # noqa: T201
    own.servers.postgres.start()
    own.servers.redis.start()
    time.sleep(0.2)
    jobs.ingest()
    assert state.read().lost == 0
    assert state.read().waiting == 0


def test_a_cold_process_says_so_while_the_database_is_away_and_follows_links_afterwards(own):
    own.app.extensions["nod.tracking.links"]._mailings.clear()
    who = own.letter.people[0]
    code = own.letter.link(who)
    own.app.extensions["nod.tracking.links"]._mailings.clear()
    own.servers.postgres.kill()
    assert visit(own.client, code).status_code == 503
    pictures(own, 1)
    own.servers.postgres.start()
    assert visit(own.client, code).headers["Location"] == LINKS[0]


def test_a_file_that_was_given_twice_counts_once(own):
    warm(own)
    own.servers.redis.kill()
    own.servers.postgres.kill()
    clicks(own, 3)
    taker = own.app.extensions[recorder.EXTENSION]
    path = taker.folder / "spool.jsonl"
    held = path.read_bytes()
    own.servers.postgres.start()
    own.servers.redis.start()
    settle(4)
    path.write_bytes(held)  # as if the machine had died before the file was emptied
    time.sleep(0.2)
    settle(4)
    assert state.read().lost == 0


def test_a_full_stream_gives_way_to_postgresql(own, monkeypatch):
    warm(own)
    real = stream.add
    monkeypatch.setattr(stream, "add", lambda found, parts: real(found, parts, 5))
    clicks(own, 9)
    assert stream.count() == 5
    with transaction():
        assert session().execute(text("SELECT count(*) FROM signal_inbox")).scalar_one() == 4
    settle(10)


def test_nothing_unread_is_trimmed(own):
    warm(own)
    clicks(own, 4)
    part = hits.part_of(own.letter.n(own.letter.people[0]))
    entries = stream.read(part, 2, by="test", again=False)
    assert stream.count() == 4
    stream.acknowledge(part, [entry_id for entry_id, _ in entries])
    assert stream.count() == 2
    assert [raw for _, raw in stream.read(part, 10, by="test", again=False)] != [raw for _, raw in entries]


# What a worker runs, killed at a moment of our choice.
WORKER = """
    import os, signal
    from app import create_app
    from app.config import Settings
    from app.tracking import jobs, service, stream

    def die(*_args, **_more):
        os.kill(os.getpid(), signal.SIGKILL)

    moment = os.environ["MOMENT"]
    if moment == "before commit":
        real = service.ingest_batch
        service.ingest_batch = lambda hits: (real(hits), die())
    if moment == "before ack":
        stream.acknowledge = die
    if moment == "before the inbox is emptied":
        real_take = jobs._take
        jobs._take = lambda raw: (real_take(raw), die())
    service.MAX_BATCH = int(os.environ.get("BATCH", service.MAX_BATCH))
    app = create_app(Settings.from_env())
    with app.app_context():
        getattr(jobs, os.environ.get("JOB", "ingest"))()
"""


def killed_worker(own, moment):
    environment = environment_of(own.app.config["NOD"], MOMENT=moment)
    with _worker(environment) as process:
        assert process.wait(60) == -signal.SIGKILL


@contextmanager
def _worker(environment):
    process = Process(("-c", textwrap.dedent(WORKER)), environment)
    try:
        yield process
    finally:
        process.close()


@pytest.mark.parametrize(("moment", "there"), [("before commit", 0), ("before ack", 6)])
def test_a_worker_killed_in_mid_batch_is_taken_up_and_counts_once(own, moment, there):
    warm(own)
    clicks(own, 6)
    for _ in range(2):
        killed_worker(own, moment)
        assert arrived() == 1 + there
    assert stream.count() == 6
    settle(7)
    assert stream.count() == 0
    with transaction():
        counts = session().execute(text("SELECT sum(count) FROM signal_counts")).scalar_one()
        scored = session().execute(text("SELECT sum(human_signals) FROM engagement_scores WHERE contact_id = :id"),
                                   {"id": own.letter.people[0].id}).scalar_one()  # fmt: skip
    assert (counts, scored) == (7, 7)
    assert state.read().lost == 0


def test_a_worker_killed_over_the_inbox_is_taken_up_and_counts_once(own):
    warm(own)
    own.servers.redis.kill()
    clicks(own, 6)
    killed_worker(own, "before the inbox is emptied")
    assert arrived() == 7
    settle(7)
    with transaction():
        assert session().execute(text("SELECT count(*) FROM signal_inbox")).scalar_one() == 0


def test_two_workers_at_once_count_each_signal_once(own):
    warm(own)
    clicks(own, 60)
    environment = environment_of(own.app.config["NOD"], MOMENT="never")
    with _worker(environment) as one, _worker(environment) as other:
        assert (one.wait(60), other.wait(60)) == (0, 0)
    settle(61)
    with transaction():
        assert session().execute(text("SELECT sum(count) FROM signal_counts")).scalar_one() == 61
    assert state.read().lost == 0


def test_two_parts_are_taken_in_beside_each_other_and_all_sums_are_right(own):
    taker = own.app.extensions[recorder.EXTENSION]
    dice, asked = random.Random(7), Counter()
    letter = reading.sent(own.letter.where, [reading.reader(own.letter.where) for _ in range(6)])
    for _ in range(600):
        n = dice.randrange(7)
        # Two of them have a scanner, which comes to the hidden link at some time.
        link = HIDDEN if n in {1, 2} and dice.random() < 0.05 else dice.randrange(2)
        taker.record(letter.no, n, Kind.CLICK, link, is_head=False, is_prefetch=False, program=FIREFOX)
        asked[n] += 1
    made = environment_of(own.app.config["NOD"], MOMENT="never", BATCH="10")
    with _worker(made | {"JOB": "ingest"}) as one, _worker(made | {"JOB": "assist"}) as other:
        assert (one.wait(60), other.wait(60)) == (0, 0), one.log + other.log
    assert (state.read().waiting, state.read().lost) == (0, 0)
    assert Counter(dict(_rows("SELECT coalesce(n, 0), count(*) FROM signals GROUP BY 1"))) == asked
    assert _rows("SELECT sum(count) FROM signal_counts WHERE verdict = 'human'") == _rows(
        "SELECT count(*) FROM signals WHERE verdict = 'human'"
    )
    assert _rows(f"SELECT sum(clicked) FROM signal_readers WHERE mailing_no = {letter.no}") == _rows(
        "SELECT count(DISTINCT n) FROM signals WHERE verdict = 'human' AND n IS NOT NULL"
    )


def _rows(query):
    with transaction():
        return session().execute(text(query)).all()


def test_a_forked_process_numbers_its_own_answers(own):
    taker = own.app.extensions[recorder.EXTENSION]
    mine = [(one.source, one.next()) for one in taker._series]
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, " ".join(f"{one.source} {one.next()}" for one in taker._series).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reader, 1000).decode().split()
    os.close(reader)
    os.close(writer)
    assert len({*theirs[::2], *(source for source, _ in mine)}) == 2 * hits.PARTS
    assert set(theirs[1::2]) == {"1"}
    assert [(one.source, one.next()) for one in taker._series] == [(source, 2) for source, _ in mine]


def test_the_word_of_a_process_that_is_long_gone_is_dropped_and_its_losses_stay_known(own):
    warm(own)
    clicks(own, 2)
    redis.client().flushall()
    jobs.ingest()
    folder = own.app.extensions[recorder.EXTENSION].folder
    (word,) = folder.glob("*.answered")
    os.utime(word, (1, 1))
    jobs.forget()
    assert not list(folder.glob("*.answered"))
    assert state.read().lost == 2


def test_a_withdrawal_under_way_is_waited_for_and_obeyed(own):
    who = own.letter.people[0]
    clicks(own, 2)
    withdrawn, go_on, failed = threading.Event(), threading.Event(), []

    def withdraw():
        try:
            with own.app.app_context(), transaction():
                consent.set_tracking(own.letter.where.id, who.id, Level.NONE, by=By(), proof=Proof())
                withdrawn.set()
                go_on.wait(10)
        except BaseException as error:
            failed.append(error)

    def take_in():
        with own.app.app_context():
            jobs.ingest()

    person, worker = threading.Thread(target=withdraw), threading.Thread(target=take_in)
    person.start()
    assert withdrawn.wait(10)
    worker.start()
    worker.join(1.0)
    assert worker.is_alive()  # it waits for the person's answer
    go_on.set()
    person.join(20)
    worker.join(20)
    assert failed == []
    assert arrived() == 0
    assert state.read().waiting == 0
