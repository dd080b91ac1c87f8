"""Scores over real tables: signals of people count, each once; what turns out to be a program's does not."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.consent.rules import Level as TrackingLevel
from app.engagement import module, queries, rules, service
from app.engagement.models import EngagementScore
from app.engagement.rules import Level
from app.kernel import clock
from app.kernel.db import session as current
from app.kernel.db import transaction
from app.kernel.errors import NotFound
from app.kernel.ids import uuid7
from app.tracking import service as tracking
from app.tracking.rules.hits import HIDDEN, NO_LINK, Hit, Kind
from tests.support import make, reading
from tests.support.reading import FIREFOX

WEIGHT = {Kind.OPEN: 1.0, Kind.CLICK: 3.0}


@pytest.fixture
def who(place):
    return reading.reader(place)


@pytest.fixture
def letter(place, who):
    return reading.sent(place, [who], ago=timedelta(days=300))


def hit(letter, who, kind=Kind.CLICK, *, days=0.0, link=0, program=FIREFOX):
    with transaction():
        at = clock.now() - timedelta(days=days)
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    link = NO_LINK if kind is Kind.OPEN else link
    return Hit(uuid7().hex, letter.no, letter.n(who), kind, link, at, False, False, program, uuid7().hex, 1)


def take(*hits):
    with transaction():
        tracking.ingest_batch(hits)


def row(who):
    current().expire_all()
    number = queries.rules_of(who.workspace_id).no
    return current().get(EngagementScore, (who.id, number))


def plain(hits, half_life=30):
    with transaction():
        now = clock.now()
    return sum(WEIGHT[h.kind] * 2 ** -((now - h.at) / timedelta(days=half_life)) for h in hits)


def points(place, who):
    return queries.score(place.id, who.id).points


def test_opens_and_clicks_of_a_person_add_up(place, letter, who):
    hits = [
        hit(letter, who, Kind.OPEN, days=40),
        hit(letter, who, days=40),
        hit(letter, who, Kind.OPEN, days=1),
    ]
    for one in hits:
        take(one)
    assert math.isclose(points(place, who), plain(hits), rel_tol=1e-6)
    assert (row(who).human_signals, row(who).last_signal_at) == (3, hits[2].at)


def test_the_table_adds_as_the_rule_does(place, letter, who):
    hits = [hit(letter, who, kind, days=days) for days in (250, 3, 90, 0, 41) for kind in Kind]
    for one in hits:
        take(one)
    s = rules.total(rules.term(WEIGHT[h.kind], h.at, 30) for h in hits)
    assert math.isclose(row(who).s, s, rel_tol=1e-12)


def test_late_signals_and_batches_give_the_same_score(place, letter):
    one, other = reading.reader(place), reading.reader(place)
    both = reading.sent(place, [one, other], ago=timedelta(days=300))
    moments = [(Kind.OPEN, 200), (Kind.CLICK, 5), (Kind.OPEN, 33), (Kind.CLICK, 100)]
    take(*(hit(both, one, kind, days=days) for kind, days in moments))
    for kind, days in sorted(moments, key=lambda m: m[1]):
        take(hit(both, other, kind, days=days))
    assert math.isclose(row(one).s, row(other).s, rel_tol=0, abs_tol=1e-6)


def test_a_signal_that_comes_again_adds_nothing(place, letter, who):
    one = hit(letter, who)
    take(one, one)
    before = row(who).s
    take(one)
    assert (row(who).s, row(who).human_signals) == (before, 1)


def test_programs_and_unknown_ones_add_nothing(place, letter, who):
    take(
        hit(letter, who, program="curl/8"),
        hit(letter, who, program=""),
        hit(letter, who, Kind.OPEN, program="Mozilla/5.0"),
    )
    assert row(who) is None
    found = queries.score(place.id, who.id)
    assert (found.value, found.machine_signals) == (0, 2)


def test_a_hidden_link_takes_earlier_points_back(place, letter, who):
    old = hit(letter, who, days=20)
    take(old)
    take(hit(letter, who, Kind.OPEN, days=0.02), hit(letter, who, days=0.02))
    assert row(who).human_signals == 3
    take(hit(letter, who, link=HIDDEN, days=0.0199))
    assert row(who).human_signals == 1
    assert math.isclose(points(place, who), plain([old]), rel_tol=1e-6)


def test_who_has_only_a_programs_signals_left_has_no_score(place, letter, who):
    take(hit(letter, who, days=0.02))
    take(hit(letter, who, link=HIDDEN, days=0.0199))
    assert row(who) is None


def test_counting_anew_gives_what_was_added(place, letter, who):
    take(*(hit(letter, who, kind, days=days) for days in (1, 7, 77) for kind in Kind))
    before = row(who).s
    with transaction():
        service.recompute(place.id, [who.id])
    assert math.isclose(row(who).s, before, rel_tol=1e-12)
    assert row(who).human_signals == 6


def test_counting_anew_leaves_others_alone(place, letter, who):
    other_place = make.place()
    other = reading.reader(other_place)
    there = reading.sent(other_place, [other], ago=timedelta(days=300))
    take(hit(letter, who), hit(there, other))
    with transaction():
        service.recompute(place.id, [who.id, other.id])
    assert (row(who).human_signals, row(other).human_signals) == (1, 1)


def test_a_score_falls_by_itself_and_needs_no_writing(place, letter, who):
    take(*(hit(letter, who, days=0.001 * k) for k in (1, 90, 200, 300)))
    assert queries.score(place.id, who.id).level is Level.HOT
    stored = row(who).s
    clock.set_shift(60 * 86400)
    assert queries.score(place.id, who.id).level is Level.WARM
    clock.set_shift(200 * 86400)
    assert queries.score(place.id, who.id).level is Level.COLD
    assert row(who).s == stored


def test_levels_and_reasons(place, letter, who):
    assert queries.score(place.id, who.id).level is Level.NEW
    take(*(hit(letter, who, days=d) for d in (0.5, 1.5)), hit(letter, who, Kind.OPEN, days=0.5))
    found = queries.score(place.id, who.id)
    assert (found.level, found.is_measured) == (Level.WARM, True)
    assert [(r.label, r.count) for r in found.reasons] == [("Followed a link", 2), ("Opened a letter", 1)]
    assert math.isclose(sum(r.points for r in found.reasons), found.points, rel_tol=1e-6)
    assert abs(sum(r.share for r in found.reasons) - found.value) <= 1


def test_a_person_is_told_apart_from_a_month_ago(client, place, letter, who):
    from tests.support import accounts

    assert queries.score(place.id, who.id).before is None, "they have come just now"
    past = [hit(letter, who, days=d) for d in (31, 45, 60)]
    since = [hit(letter, who, days=d) for d in (0.1, 1, 2, 3, 29)]
    take(*past, *since)
    with transaction():
        current().execute(text("UPDATE contacts SET created_at = created_at - interval '200 days'"))
        then = clock.now() - timedelta(days=30)
    current().expire_all()
    found = queries.score(place.id, who.id)
    expected = sum(WEIGHT[h.kind] * 2 ** -((then - h.at) / timedelta(days=30)) for h in past)
    assert math.isclose(found.before.points, expected, rel_tol=1e-4)
    assert (found.before.level, found.level) == (Level.WARM, Level.HOT)
    accounts.sign_in(client, accounts.Account(place.owner_id, place.id, place.owner_email, make.PASSWORD))
    page = client.get(f"/people/{who.id}").text
    assert f"Up from {found.before.value} 30 days ago, when they were warm." in page
    clock.set_shift(30 * 86400)
    moved = queries.score(place.id, who.id)
    assert (moved.before.value, moved.before.level) == (found.value, found.level)
    clock.set_shift(0)
    reading.allow(place, who, TrackingLevel.NONE)
    assert queries.score(place.id, who.id).before is None


def test_the_reasons_are_of_all_that_counts_however_much_was_done_since(place, letter, who):
    """Six hundred acts that count for nothing, newer than two clicks: the score is theirs, and so are its reasons."""
    take(*(hit(letter, who, days=d) for d in (40, 41)))
    with transaction():
        now = clock.now()
        acts = [tracking.Act(uuid7(), who.id, "service", now - timedelta(minutes=n)) for n in range(600)]
        tracking.record_acts(place.id, acts)
    found = queries.score(place.id, who.id)
    assert [(r.label, r.count) for r in found.reasons] == [("Followed a link", 2)]
    assert math.isclose(found.reasons[0].points, found.points, rel_tol=1e-6)
    assert found.reasons[0].share == found.value > 0


def test_a_signal_of_long_ago_by_a_short_half_life_is_told_and_worth_nothing(place, letter, who):
    with transaction():
        service.set_rules(place.id, 1, {})
    for _ in range(5):
        with transaction():
            service.recount_slice(place.id)
    with transaction():
        acts = [tracking.Act(uuid7(), who.id, "order", clock.now() - timedelta(days=3650))]
        tracking.record_acts(place.id, acts)
    found = queries.score(place.id, who.id)
    assert [(r.count, r.share, found.value) for r in found.reasons] == [(1, 0, 0)]


@pytest.mark.parametrize("level", [TrackingLevel.NONE, TrackingLevel.AGGREGATE])
def test_who_allows_less_is_not_measured(place, letter, who, level):
    take(hit(letter, who))
    reading.allow(place, who, level)
    found = queries.score(place.id, who.id)
    assert (found.is_measured, found.value, found.level, found.reasons) == (False, None, None, ())
    assert queries.list_at_least(place.id, 0.1) == []


def test_withdrawing_drops_the_score_and_allowing_again_counts_anew(place, letter, who):
    take(hit(letter, who))
    before = row(who).s
    reading.allow(place, who, TrackingLevel.AGGREGATE)
    assert row(who) is None
    with transaction():
        service.recompute(place.id, [who.id])
    assert row(who) is None
    reading.allow(place, who, TrackingLevel.INDIVIDUAL)
    assert row(who).s == before


def test_a_person_of_another_workspace_is_not_here(place, letter, who):
    take(hit(letter, who))
    with pytest.raises(NotFound):
        queries.score(make.place().id, who.id)


def test_people_above_a_threshold_most_first(place):
    people = [reading.reader(place) for _ in range(5)]
    letter = reading.sent(place, people, ago=timedelta(days=300))
    for times, who in enumerate(people, 1):
        take(*(hit(letter, who, days=0.01 * k) for k in range(times)))
    found = queries.list_at_least(place.id, 7.5)
    assert [standing.contact_id for standing in found] == [people[4].id, people[3].id, people[2].id]
    first = queries.list_at_least(place.id, 7.5, limit=2)
    rest = queries.list_at_least(place.id, 7.5, below=(first[-1].s, first[-1].contact_id))
    assert [standing.contact_id for standing in [*first, *rest]] == [
        standing.contact_id for standing in found
    ]
    assert queries.list_at_least(make.place().id, 0.1) == []


def test_a_threshold_is_answered_by_the_index(place, who):
    with transaction():
        current().execute(
            text(
                "INSERT INTO contacts (id, workspace_id, created_at, updated_at) SELECT gen_random_uuid(), :w, now(),"
                " now() FROM generate_series(1, 5000)"
            ),
            {"w": place.id},
        )
        current().execute(
            text(
                "INSERT INTO engagement_scores (contact_id, workspace_id, s, human_signals, last_signal_at)"
                " SELECT id, workspace_id, random() * 20, 1, now() FROM contacts WHERE workspace_id = :w"
            ),
            {"w": place.id},
        )
        current().execute(text("SET ROLE NONE"))  # only a table's owner may
        current().execute(text("ANALYZE engagement_scores"))
        values = {
            "workspace_id": place.id, "usual": 30, "log2": 1.0, "days": 600.0, "s": None, "contact_id": None,
            "limit": 50,
        }  # fmt: skip
        plan = current().execute(text(f"EXPLAIN {queries._AT_LEAST.text}"), values)
        lines = "\n".join(plan.scalars())
    assert "ix_engagement_scores_s" in lines
    # What is sorted is the page that the index gave.
    assert "Index Only Scan Backward" in lines or "Index Scan Backward" in lines


def test_a_batch_takes_the_same_statements_for_one_person_as_for_fifty(place, count_statements):
    people = [reading.reader(place) for _ in range(50)]
    letter = reading.sent(place, people, ago=timedelta(days=300))
    with count_statements() as few:
        take(hit(letter, people[0]))
    with count_statements() as many:
        take(*(hit(letter, who, Kind.OPEN) for who in people))
    # Telling the time of each hit is this test's own question.
    assert len([s for s in many if "clock_timestamp" not in s]) <= len(
        [s for s in few if "clock_timestamp" not in s]
    )


def test_erasing_forgets_the_score_and_the_export_tells_it(place, letter, who):
    take(hit(letter, who))
    told = module.MODULE.personal_data[0].export(place.id, who.id)
    assert told["value"] == 19
    assert told["because"][0]["what"] == "Followed a link"
    with transaction():
        module.MODULE.personal_data[0].erase(place.id, who.id)
    assert row(who) is None


def test_the_persons_page_shows_level_value_and_reasons(client, place, letter, who):
    from tests.support import accounts

    take(hit(letter, who), hit(letter, who, Kind.OPEN, program="Mozilla/5.0"))
    accounts.sign_in(client, accounts.Account(place.owner_id, place.id, place.owner_email, make.PASSWORD))
    page = client.get(f"/people/{who.id}").text
    assert "Followed a link" in page
    assert "+19" in page
    assert "Done by programs, 1 time" in page
    assert "Warm" in page
    reading.allow(place, who, TrackingLevel.NONE)
    assert "Not measured" in client.get(f"/people/{who.id}").text
