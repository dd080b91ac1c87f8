"""How many moved from level to level: the same as the page of each of them tells, and each number leads to its people."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import text

from app.accounts.rules.roles import Role
from app.engagement import queries, rules
from app.engagement.rules import Level, Moves
from app.kernel import sampling
from app.kernel.db import session as current
from app.kernel.db import transaction
from tests.engagement.test_scores import hit, take
from tests.people.conftest import Staff
from tests.support import make, reading
from tests.support.accounts import make_member

# Days on which links were followed, and for how long somebody has been here.
READ = (
    ((0.1, 1, 2, 3), 200), ((35, 36, 37, 38), 200), ((2,), 200), ((), 200), ((), 3), ((), 32), ((8, 9, 10), 60),
    ((0.2, 40, 41, 42, 43, 44), 90), ((29, 29.5, 31), 45),
)  # fmt: skip
FIGURES = (2, 0, 1)
"""Up, down and not here yet, a week ago."""


@pytest.fixture
def people(place):
    found = [reading.reader(place) for _ in READ]
    letter = reading.sent(place, found, ago=timedelta(days=300))
    take(*(hit(letter, who, days=day) for who, (days, _) in zip(found, READ, strict=True) for day in days))
    with transaction():
        for who, (_, days) in zip(found, READ, strict=True):
            values = {"id": who.id, "days": days}
            current().execute(text("UPDATE contacts SET created_at = created_at - :days * interval '1 day' WHERE id = :id"), values)
    current().expire_all()
    return found


def test_the_sum_says_what_each_page_says(place, people):
    told = Counter()
    for who in people:
        found = queries.score(place.id, who.id)
        told[(found.before.level if found.before else None, found.level)] += 1
    assert queries.moves(place.id, 30).counts == told
    assert len(told) >= 5


def test_whoever_stopped_being_measured_and_whoever_is_elsewhere_is_in_no_sum(place, people):
    assert queries.moves(make.place().id, 30).counts == {}
    with transaction():
        current().execute(text("UPDATE permissions SET level = 'aggregate' WHERE contact_id = :id"), {"id": people[0].id})
    assert queries.moves(place.id, 30).people == len(people) - 1


def test_each_number_leads_to_its_people(staff, place, people):
    for days in rules.MOVED_WITHIN:
        page = staff.get(f"/people/levels?days={days}").text
        links = re.findall(r'<a href="([^"]+)" aria-label="(\d+), [^"]+: see who">', page)
        assert len(links) == len(queries.moves(place.id, days).counts)
        assert sum(int(count) for _, count in links) == len(people)
        for url, count in links:
            told = staff.get(unescape(url)).text
            who = sum(f"/people/{one.id}" in told for one in people)
            assert who == int(count), url


def test_the_page_counts_who_went_up_down_and_came(staff, place, people):
    page = staff.get("/people/levels").text
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    moves = queries.moves(place.id, 7)
    assert (moves.moved(1), moves.moved(-1), moves.joined) == FIGURES
    for label, figure in zip(("Went up", "Went down", "Came"), FIGURES, strict=True):
        assert f"{label} {figure} " in words
    assert staff.get("/people/levels?days=8").text.count('aria-current="page">7 days') == 1
    assert 'aria-label="Who came to each level' in page


def test_nobody_measured_teaches(staff):
    assert "Nobody is measured yet" in unescape(staff.get("/people/levels").text)


def test_who_may_only_look_gets_numbers_without_ways(place, people, client):
    staff = Staff(client, make_member(place.id, Role.VIEWER))
    page = staff.get("/people/levels").text
    assert "From level to level" in page
    assert "see who" not in page


def test_up_and_down_and_came_and_left():
    moves = Moves(
        {
            (None, Level.NEW): 4, (None, Level.HOT): 1, (Level.NEW, Level.COLD): 8, (Level.COLD, Level.WARM): 2,
            (Level.HOT, Level.WARM): 16, (Level.WARM, Level.WARM): 32, (Level.HOT, Level.NEW): 64,
        }
    )  # fmt: skip
    assert (moves.people, moves.joined, moves.moved(1), moves.moved(-1)) == (127, 5, 2, 80)
    assert [moves.came(level) for level in Level] == [68, 8, 18, 1]
    assert [moves.left(level) for level in Level] == [8, 2, 0, 80]


def test_the_statement_reads_the_rules_in_force(place, people):
    before = queries.moves(place.id, 30).counts
    with transaction():
        current().execute(
            text(
                "INSERT INTO engagement_settings (workspace_id, rules_no, half_life_days, weights)"
                " VALUES (:id, 1, 30, '{\"click\": 0.01}')"
            ),
            {"id": place.id},
        )
    after = queries.moves(place.id, 30).counts
    assert after != before, "signals of the last days are taken off at their weight of now"


def test_of_many_one_in_sixteen_is_looked_at_and_said_so(staff, place, people, monkeypatch):
    monkeypatch.setattr(sampling, "FROM_PEOPLE", 0)
    monkeypatch.setattr(sampling, "ONE_IN", 1)
    assert queries.moves(place.id, 7).people == len(people), "with one in one, the sample is everybody"
    page = unescape(staff.get("/people/levels").text)
    assert "one person in sixteen" in page
    assert "fewer than" in page
    monkeypatch.setattr(sampling, "ONE_IN", 2)
    sampled = queries.moves(place.id, 7)
    assert sampled.is_sampled
    assert sampled.people == sum(uuid_hash(who.id) & 1 == 0 for who in people)


def uuid_hash(person_id) -> int:
    return current().execute(text("SELECT uuid_hash(:id)"), {"id": person_id}).scalar_one()
