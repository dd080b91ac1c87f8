"""Other rules of the score: everybody is counted anew in slices, and no score is ever half of both."""

from __future__ import annotations

import math
import random
import threading
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from app.consent.rules import Level as TrackingLevel
from app.contacts.models import Contact
from app.engagement import jobs, queries, service
from app.engagement.models import EngagementScore
from app.engagement.service import recount
from app.kernel import clock, schedule
from app.kernel.db import db, transaction
from app.kernel.db import session as current
from app.kernel.errors import BadInput
from app.kernel.ids import uuid7
from app.tracking import queries as tracking_queries
from app.tracking import service as tracking
from app.tracking.rules.hits import HIDDEN, NO_LINK, Hit, Kind
from tests.conftest import environment_of, ground
from tests.support import make, reading
from tests.support.reading import FIREFOX
from tests.support.workers import Process, until

USUAL = {"open": 1.0, "click": 3.0}


@dataclass(frozen=True)
class World:
    """Seven readers and a letter that they got 300 days ago."""

    place: make.Place
    people: list[Contact]
    letter: reading.Letter


def _world() -> World:
    place = make.place()
    people = [reading.reader(place) for _ in range(7)]
    return World(place, people, reading.sent(place, people, ago=timedelta(days=300)))


world = ground(_world)


@pytest.fixture
def place(world, session):
    return world.place


@pytest.fixture
def people(world, session):
    return world.people


@pytest.fixture
def letter(world, session):
    return world.letter


def hit(letter, who, kind=Kind.CLICK, *, days=0.0, link=0):
    with transaction():
        at = clock.now() - timedelta(days=days)
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    link = NO_LINK if kind is Kind.OPEN else link
    return Hit(uuid7().hex, letter.no, letter.n(who), kind, link, at, False, False, FIREFOX, uuid7().hex, 1)


def take(*hits):
    with transaction():
        tracking.ingest_batch(hits)


@pytest.fixture
def hits(letter, people):
    """Signals of each person over ten months, by person."""
    chance = random.Random(5)
    found = {
        who.id: [hit(letter, who, chance.choice(list(Kind)), days=chance.uniform(0, 300)) for _ in range(9)]
        for who in people
    }
    take(*(one for some in found.values() for one in some))
    return found


def change(place, days, **weights):
    with transaction():
        service.set_rules(place.id, days, weights)


def step(place) -> bool:
    with transaction():
        return service.recount_slice(place.id)


def finish(place):
    for _ in range(1000):
        if not step(place):
            return
    raise AssertionError("it does not end")


def plain(hits, days, weights=USUAL):
    """The plain sum, now."""
    with transaction():
        now = clock.now()
    return sum(weights[h.kind] * 2 ** -((now - h.at) / timedelta(days=days)) for h in hits)


def is_counted_by(place, hits, days, weights=USUAL) -> bool:
    """Whether each shown score is the plain sum, to 1e-9 of log2; time passes between two looks, which s does not see."""
    current().expire_all()
    number = queries.rules_of(place.id).no
    for contact_id, some in hits.items():
        row = current().get(EngagementScore, (contact_id, number))
        exact = math.fsum(
            weights[h.kind] * 2.0 ** ((h.at - clock_landmark()) / timedelta(days=days)) for h in some
        )
        if not exact:
            if row is not None:
                return False
        elif row is None or not math.isclose(row.s, math.log2(exact), rel_tol=0, abs_tol=1e-9):
            return False
        if abs(queries.score(place.id, contact_id).points - plain(some, days, weights)) > 1e-3:
            return False
    return True


def clock_landmark():
    from app.engagement.rules import LANDMARK

    return LANDMARK


def rows(place) -> int:
    query = text("SELECT count(*) FROM engagement_scores WHERE workspace_id = :w")
    return current().execute(query, {"w": place.id}).scalar_one()


@pytest.mark.parametrize(("days", "weights"), [(7, {}), (90, {"open": 0.5}), (1, {"click": 10, "open": 0})])
def test_afterwards_scores_are_the_plain_sum_by_the_new_rules(place, hits, days, weights):
    assert is_counted_by(place, hits, 30)
    change(place, days, **weights)
    finish(place)
    assert is_counted_by(place, hits, days, {**USUAL, **weights})
    assert queries.underway(place.id) is None
    assert rows(place) == sum(any({**USUAL, **weights}[h.kind] for h in some) for some in hits.values())


def test_until_the_last_slice_all_scores_are_by_the_old_rules_then_all_by_the_new(
    place, hits, people, monkeypatch
):
    monkeypatch.setattr(recount, "SLICE", 2)
    change(place, 5)
    seen = []
    while True:
        old, new = is_counted_by(place, hits, 30), is_counted_by(place, hits, 5)
        assert old != new, "by one of the two, and by no mixture"
        seen.append(new)
        if not step(place):
            break
    assert seen == sorted(seen)
    assert seen.count(False) == 6, (
        "before, after looking through, and after each of four slices of seven people"
    )
    assert is_counted_by(place, hits, 5)


def test_the_list_of_the_keenest_follows_the_rules_in_force(place, letter, people, monkeypatch):
    monkeypatch.setattr(recount, "SLICE", 1)
    take(hit(letter, people[0], days=40), hit(letter, people[0], days=41), hit(letter, people[1], days=1))

    def order():
        return [one.contact_id for one in queries.list_at_least(place.id, 0.001)]

    assert order() == [people[1].id, people[0].id]
    change(place, 365)
    while queries.underway(place.id):
        assert order() == [people[1].id, people[0].id]
        step(place)
    assert order() == [people[0].id, people[1].id]


def test_what_people_do_meanwhile_counts_once_by_both_rules(place, hits, letter, people, monkeypatch):
    monkeypatch.setattr(recount, "SLICE", 2)
    change(place, 5, open=2)
    left = True
    while left:
        for who in people:
            late = hit(letter, who, Kind.OPEN, days=3)
            take(late)
            hits[who.id].append(late)
        if queries.underway(place.id):
            assert is_counted_by(place, hits, 30)
        left = step(place)
    assert is_counted_by(place, hits, 5, {"open": 2.0, "click": 3.0})


def test_what_turns_out_to_be_a_programs_counts_by_neither(place, letter, people, monkeypatch):
    monkeypatch.setattr(recount, "SLICE", 2)
    old = {who.id: [hit(letter, who, days=20)] for who in people}
    swept = [hit(letter, who, days=0.02) for who in people]
    take(*(one for some in old.values() for one in some), *swept)
    change(place, 5)
    step(place)
    step(place)
    take(*(hit(letter, who, link=HIDDEN, days=0.0199) for who in people))
    assert is_counted_by(place, old, 30)
    finish(place)
    assert is_counted_by(place, old, 5)


def test_who_withdraws_meanwhile_has_no_score_and_who_allows_it_again_has(place, hits, people, monkeypatch):
    monkeypatch.setattr(recount, "SLICE", 2)
    first, last = min(people, key=lambda who: who.id), max(people, key=lambda who: who.id)
    change(place, 5)
    step(place)
    step(place)
    for who in (first, last):
        reading.allow(place, who, TrackingLevel.NONE)
    step(place)
    reading.allow(place, first, TrackingLevel.INDIVIDUAL)
    finish(place)
    current().expire_all()
    assert queries.score(place.id, last.id).is_measured is False
    assert rows(place) == 6
    others = {one: some for one, some in hits.items() if one != last.id}
    assert is_counted_by(place, others, 5)


def test_other_rules_in_the_middle_begin_anew_and_the_old_ones_end_it(place, hits, monkeypatch):
    monkeypatch.setattr(recount, "SLICE", 2)
    change(place, 5)
    for _ in range(3):
        step(place)
    change(place, 9)
    assert queries.underway(place.id).counted == 0
    for _ in range(3):
        step(place)
    assert is_counted_by(place, hits, 30)
    finish(place)
    assert is_counted_by(place, hits, 9)
    change(place, 5)
    for _ in range(3):
        step(place)
    change(place, 9)
    assert queries.underway(place.id) is None
    assert is_counted_by(place, hits, 9)
    finish(place)
    assert is_counted_by(place, hits, 9)
    assert rows(place) == 7
    change(place, 30)
    finish(place)
    assert is_counted_by(place, hits, 30)


def test_asking_for_the_same_changes_nothing(place, hits, monkeypatch):
    monkeypatch.setattr(recount, "SLICE", 2)
    change(place, 30, click=3, open=1)
    assert queries.underway(place.id) is None
    change(place, 5)
    step(place)
    step(place)
    change(place, 5)
    assert queries.underway(place.id).counted == 2
    with pytest.raises(BadInput) as fault, transaction():
        service.set_rules(place.id, 0, {"click": -1, "open": float("nan"), "nod": 1})
    assert set(fault.value.fields) == {"half_life_days", "weight_click", "weight_open", "weight_nod"}
    for days in (0, -1, 3651):
        with pytest.raises(BadInput), transaction():
            service.set_rules(place.id, days, {})


def test_another_workspace_keeps_its_rules_and_scores(place, hits):
    other = make.place()
    who = reading.reader(other)
    there = reading.sent(other, [who], ago=timedelta(days=300))
    theirs = {who.id: [hit(there, who, days=12)]}
    take(*theirs[who.id])
    change(place, 5)
    finish(place)
    assert is_counted_by(other, theirs, 30)
    assert step(other) is False


def test_the_job_does_it_and_a_large_workspace_keeps_no_small_one_waiting(place, hits, monkeypatch):
    monkeypatch.setattr(recount, "SLICE", 1)
    small = make.place()
    change(place, 5)
    change(small, 7)
    order = []
    real = service.recount_slice
    monkeypatch.setattr(jobs.service, "recount_slice", lambda one: order.append(one) or real(one))
    assert schedule.run(service.RECOUNT) is True
    assert is_counted_by(place, hits, 5)
    assert queries.rules_of(small.id).half_life_days == 7
    assert queries.list_underway() == []
    assert order.index(small.id) < 2
    assert len(order) - order[::-1].index(small.id) < order.count(place.id)


def test_the_job_stops_after_its_time_and_goes_on_where_it_was(place, hits, monkeypatch):
    monkeypatch.setattr(recount, "SLICE", 1)
    monkeypatch.setattr(jobs, "SECONDS", 0.0)
    change(place, 5)
    jobs.recount()
    assert queries.underway(place.id).total is None
    monkeypatch.setattr(jobs, "SECONDS", 20.0)
    for _ in range(3):
        step(place)
    assert queries.underway(place.id).counted == 2
    jobs.recount()
    assert is_counted_by(place, hits, 5)


def test_a_slice_that_dies_leaves_nothing_half_counted(place, hits, monkeypatch):
    monkeypatch.setattr(recount, "SLICE", 3)
    change(place, 5)
    step(place)
    step(place)
    with pytest.raises(RuntimeError), transaction():
        service.recount_slice(place.id)
        raise RuntimeError
    assert queries.underway(place.id).counted == 3
    assert is_counted_by(place, hits, 30)
    finish(place)
    assert is_counted_by(place, hits, 5)


def test_the_next_people_are_looked_up_however_little_is_known_of_the_table(place, session):
    """Nobody gathers statistics of a table that is cut by month; as a DISTINCT it read all signals for each slice."""
    session.execute(text("SELECT make_signal_month(now())"))
    made = (
        "INSERT INTO signals (event_id, workspace_id, contact_id, kind, at, verdict, reason) SELECT gen_random_uuid(),"
        " :workspace_id, CAST(lpad(to_hex(n % 2500 + 1), 32, '0') AS uuid), 'order', now(), 'human', '' FROM generate_series(1, 10000) AS n"
    )
    session.execute(text(made), {"workspace_id": place.id})
    assert [one.int for one in tracking_queries.next_people(place.id, UUID(int=0), 10)] == list(range(1, 11))
    assert [one.int for one in tracking_queries.next_people(place.id, UUID(int=2498), 10)] == [2499, 2500]
    assert tracking_queries.next_people(place.id, UUID(int=2500), 10) == []
    values = {"workspace_id": place.id, "after": UUID(int=0), "limit": 10}
    plan = session.execute(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {tracking_queries._NEXT.text}"), values).scalar_one()
    assert read_by(plan[0]["Plan"]) <= 40


def read_by(node) -> float:
    """Rows that the scans of tables in a plan have read."""
    own = node["Actual Rows"] * node["Actual Loops"] if "Relation Name" in node else 0
    return own + sum(read_by(part) for part in node.get("Plans", ()))


def test_signals_that_come_from_other_processes_meanwhile_are_each_counted_once(live, monkeypatch):
    """Over real connections: slices and batches wait for each other and pass none by."""
    monkeypatch.setattr(recount, "SLICE", 1)
    place = make.place()
    people = [reading.reader(place) for _ in range(5)]
    letter = reading.sent(place, people, ago=timedelta(days=300))
    hits = {who.id: [hit(letter, who, days=50)] for who in people}
    take(*(one for some in hits.values() for one in some))
    late = [hit(letter, who, Kind.OPEN, days=days) for days in range(1, 9) for who in people]
    for one in late:
        hits[letter.people[one.n - 1].id].append(one)
    change(place, 5)
    db.session.remove()
    faults = []

    def work(of):
        try:
            with live.app_context():
                for one in of:
                    take(one)
                db.session.remove()
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(late[i::2],)) for i in range(2)]
    for thread in threads:
        thread.start()
    finish(place)
    for thread in threads:
        thread.join()
    finish(place)
    assert faults == []
    db.session.remove()
    assert is_counted_by(place, hits, 5)


def test_the_same_work_for_a_slice_however_many_signals_stand_behind_it(
    place, letter, people, count_statements
):
    take(*(hit(letter, who) for who in people))
    change(place, 5)
    step(place)
    with count_statements() as statements:
        step(place)
    assert len(statements) <= 10, statements


COUNTING = """
import sys, time
import wsgi
from app.engagement.service import recount, recount_slice
from app.kernel.db import transaction
from uuid import UUID
recount.SLICE = 1
with wsgi.app.app_context():
    left = True
    while left:
        with transaction():
            left = recount_slice(UUID(sys.argv[1]))
            time.sleep(0.05)
"""


def test_a_process_that_is_killed_leaves_what_the_next_one_goes_on_with(live, monkeypatch):
    place = make.place()
    people = [reading.reader(place) for _ in range(25)]
    letter = reading.sent(place, people, ago=timedelta(days=300))
    hits = {who.id: [hit(letter, who, days=50), hit(letter, who, Kind.OPEN, days=3)] for who in people}
    take(*(one for some in hits.values() for one in some))
    change(place, 5)

    def counted():
        db.session.remove()
        found = queries.underway(place.id)
        db.session.remove()
        return found.counted if found else len(people)

    seen = 0
    for _ in range(3):
        process = Process(("-c", COUNTING, str(place.id)), environment_of(live.config["NOD"]))
        try:
            until(lambda least=seen + 2: counted() > least, 40, lambda one=process: one.log)
            process.kill()
        finally:
            process.close()
        assert seen + 2 < counted() < len(people)
        seen = counted()
        assert is_counted_by(place, hits, 30)
        db.session.remove()
    finish(place)
    db.session.remove()
    assert is_counted_by(place, hits, 5)
