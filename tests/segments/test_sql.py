"""Random trees against random people: PostgreSQL finds whom plain Python finds, and nobody else."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.kernel import sampling
from app.kernel.db import session as current
from app.kernel.segment_fields import Type
from app.segments import queries, rules
from app.segments.operators import operators_of
from app.segments.sentences import sentence
from tests.segments.plain import matches
from tests.segments.world import NAMES, TOWNS, World, people
from tests.support.properties import examples

PHASES = (
    Phase.explicit,
    Phase.reuse,
    Phase.generate,
)  # a tree that fails says enough: making it smaller takes minutes
TEXTS = ("a", "mar", "Émile", "émile", "%", "_", "\\", "0%", "example.org", "köln", "k", "n_")
NUMBERS = ("0", "18", "30", "30.5", "50", "-2", "100", "101", "7")


@pytest.fixture
def world(session):
    made = World()
    session.info["now"] = made.now  # the same for the people and for the statement
    yield made
    del session.info["now"]


def values_of(world, field):
    if field.choices:
        return st.sampled_from(
            [value for value, _ in field.choices if len(field.choices) < 20 or value in {"DE", "FR"}]
        )
    days = [(world.today - timedelta(days=back)).isoformat() for back in (-1, 0, 1, 5, 30, 31, 400)]
    known = {
        Type.NUMBER: NUMBERS, Type.MONEY: ("12.50 EUR", "50 EUR", "100 USD"), Type.DAY: days, Type.MOMENT: days,
    }  # fmt: skip
    texts = [*TEXTS, *(name for name in NAMES if name), *(town for town in TOWNS if town)]
    return st.sampled_from(known.get(field.type, texts))


def rules_of(world, fields):
    @st.composite
    def rule(draw):
        field = draw(st.sampled_from(fields))
        operator = draw(st.sampled_from(operators_of(field)))
        made = {"field": field.key, "op": operator.name}
        takes = [*operator.takes, *(part for part in operator.may_take if draw(st.booleans()))]
        parts = {
            "value": values_of(world, field), "times": st.sampled_from(["1", "2", "3"]),
            "days": st.sampled_from(["1", "5", "30", "90"]),
            "of": st.sampled_from([value for value, _ in field.of_choices] or [""]),
        }  # fmt: skip
        return made | {part: draw(parts[part]) for part in takes}

    return rule()


def trees(world, fields):
    leaf = rules_of(world, list(fields.values()))

    def group(inner):
        found = st.sampled_from(["all", "any", "none"])
        return st.builds(lambda match, parts: {"match": match, "rules": parts}, found, inner)

    third = group(st.lists(leaf, min_size=1, max_size=2))
    second = group(st.lists(leaf | third, min_size=1, max_size=3))
    return group(st.lists(leaf | second, min_size=1, max_size=4))


def found_by_sql(world, group, **how):
    sql, values = queries.select_sql(world.id, group, **how)
    return sorted(current().execute(text(sql), values).scalars())


@pytest.fixture
def every_other(monkeypatch):
    """Samples of every other person, so that few people are enough to be in them and not; gives who is."""
    monkeypatch.setattr(sampling, "ONE_IN", 2)
    query = text(f"SELECT id FROM contacts WHERE {sampling.is_sampled('id')}")
    return lambda: set(current().execute(query).scalars())


@pytest.mark.hypothesis
def test_random_trees_find_whom_plain_python_finds(session, world, every_other):
    fields = queries.fields(world.id)

    @settings(max_examples=examples(15), deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
    @given(found=people(world.today), tree=trees(world, fields))
    def agree(found, tree):
        with session.begin_nested() as attempt:
            world.fill(found)
            expected = sorted(one.id for one in found if matches(world, one, tree))
            group = rules.parse(tree, fields)
            assert found_by_sql(world, group) == expected
            sampled = every_other()
            assert found_by_sql(world, group, is_sampled=True) == [one for one in expected if one in sampled]
            assert sentence(group).endswith(".")
            attempt.rollback()

    agree()


@pytest.mark.hypothesis
def test_every_field_and_operator_agrees_by_itself(session, world, every_other):
    """The same, one rule at a time over all of them: what random trees meet seldom is met here."""
    fields = queries.fields(world.id)

    @settings(max_examples=examples(4), deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
    @given(found=people(world.today, 20), data=st.data())
    def agree(found, data):
        with session.begin_nested() as attempt:
            world.fill(found)
            sampled = every_other()
            for field in fields.values():
                for operator in operators_of(field):
                    rule = {"field": field.key, "op": operator.name}
                    if "value" in operator.takes:
                        rule["value"] = data.draw(values_of(world, field))
                    rule |= {"times": "2"} if "times" in operator.takes else {}
                    rule |= {"days": "30"} if "days" in operator.takes else {}
                    tree = {"match": "all", "rules": [rule]}
                    expected = sorted(one.id for one in found if matches(world, one, tree))
                    group = rules.parse(tree, fields)
                    assert found_by_sql(world, group) == expected, rule
                    in_sample = [one for one in expected if one in sampled]
                    assert found_by_sql(world, group, is_sampled=True) == in_sample, rule
            attempt.rollback()

    agree()


def test_signals_of_a_sample_are_told_by_an_index_alone(session, world):
    """The condition stands in it as the statement has it: where they differ, all signals are read for each count."""
    session.execute(text("SET LOCAL enable_seqscan = off"))
    session.execute(text("SET LOCAL enable_bitmapscan = off"))
    session.execute(text("SELECT make_signal_month(now())"))
    session.execute(
        text(
            "INSERT INTO signals (event_id, workspace_id, contact_id, mailing_no, n, kind, at, verdict, reason)"
            " SELECT gen_random_uuid(), :workspace, gen_random_uuid(), 1, n, 'click', now(), 'human', ''"
            " FROM generate_series(1, 2000) AS n"
        ),
        {"workspace": world.id},
    )
    rule = {"field": "tracking.click", "op": "at_least", "times": "2", "days": "365"}
    group = rules.parse({"match": "all", "rules": [rule]}, queries.fields(world.id))
    sql, values = queries.select_sql(world.id, group, is_sampled=True)
    plan = "".join(session.execute(text(f"EXPLAIN {sql}"), values).scalars())
    assert re.search(r"Index Only Scan using \S*workspace_id_kind_at_contact_id", plan), plan


def test_what_is_chosen_of_many_is_found_by_the_index_of_all_fields(session, world):
    """Of few choices each is a large part of all people, which is read faster one by one."""
    fields = queries.fields(world.id)
    session.execute(text("SET LOCAL enable_seqscan = off"))
    for key, op, value, is_found in (
        ("brews", "contains", "filter", True), ("member", "is", "true", True), ("country", "is", "DE", True),
        ("roast", "is", "dark", False),
    ):  # fmt: skip
        rule = {"field": f"contacts.field.{key}", "op": op, "value": value}
        sql, values = queries.select_sql(world.id, rules.parse({"match": "all", "rules": [rule]}, fields))
        condition = re.search(r"c\.fields @> CAST\(:\w+ AS jsonb\)", sql)
        assert (condition is not None) is is_found, key
        if condition:
            plan = session.execute(text(f"EXPLAIN SELECT FROM contacts c WHERE {condition[0]}"), values)
            assert "ix_contacts_fields" in "".join(plan.scalars())


def test_the_tree_comes_back_as_it_was_stored(world):
    tree = {
        "match": "none",
        "rules": [
            {
                "field": "tracking.click",
                "op": "at_least",
                "times": "2",
                "days": "30",
                "of": str(world.mailings[0]),
            },
            {
                "match": "any",
                "rules": [{"field": "contacts.field.spent", "op": "at_least", "value": "12.50 EUR"}],
            },
        ],
    }
    assert rules.to_json(queries.read(world.id, tree)) == tree
