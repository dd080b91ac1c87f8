"""Own fields that segments look many people up by get an index each, which answers what the segment asks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.accounts.rules import acts
from app.contacts import service as contacts
from app.contacts.rules import FieldKind, index_of
from app.kernel import clock, jobs
from app.kernel.db import as_owner, transaction
from app.kernel.db import session as current
from app.segments import indexing, queries, rules, service
from app.segments.models import FieldIndex
from tests.support import make

BY = acts.COMMAND
KINDS = (("town", "text"), ("age", "number"), ("birthday", "date"), ("spent", "money"))
PEOPLE = text(
    "INSERT INTO contacts (id, workspace_id, fields, created_at, updated_at) SELECT gen_random_uuid(), :workspace_id,"
    " jsonb_build_object('town', 'Town ' || n, 'age', n::text, 'birthday', (date '1950-01-01' + n)::text,"
    " 'spent', n || '.50 EUR'), now(), now() FROM generate_series(1, :count) AS n"
)
LONG = "x" * 70


def tree(key, op, match="all", **takes):
    return {"match": match, "rules": [{"field": f"contacts.field.{key}", "op": op} | takes]}


ASKED = (
    ("town", "is", {"value": "TOWN 77"}, 1),
    ("town", "begins_with", {"value": "town 777"}, 11),
    ("town", "begins_with", {"value": LONG}, 0),
    ("town", "is", {"value": LONG}, 0),
    ("age", "is", {"value": "77"}, 1),
    ("age", "at_least", {"value": "19991"}, 10),
    ("age", "at_most", {"value": "10"}, 10),
    ("birthday", "is", {"value": "1950-01-02"}, 1),
    ("birthday", "before", {"value": "1950-01-12"}, 10),
    ("birthday", "from", {"value": "2004-10-01"}, 4),
    ("birthday", "in_next", {"days": "3"}, None),
    ("spent", "at_least", {"value": "19991 EUR"}, 10),
)


def fields(where):
    with transaction():
        return {key: contacts.define_field(where.id, key.title(), kind, key=key) for key, kind in KINDS}


def save(where, raw, name="Some"):
    with transaction():
        return service.create(where.id, name, raw, by=BY)


def there():
    with transaction():
        return queries.built_indexes(current())


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(indexing, "FROM_PEOPLE", 3)


def test_what_is_asked_is_answered_by_the_index_as_it_was_declared(session, where):
    found = fields(where)
    session.execute(PEOPLE, {"workspace_id": where.id, "count": 20_000})
    session.execute(text("SET ROLE NONE"))
    for field in found.values():
        index = index_of(where.id, field.id, FieldKind(field.kind), field.key)
        session.execute(text(f"CREATE INDEX {index.name} ON {index.on}"))
    session.execute(text("ANALYZE contacts"))
    for key, op, takes, count in ASKED:
        asked = queries.read(where.id, tree(key, op, **takes))
        sql, values = queries.select_sql(where.id, asked)
        plan = "\n".join(session.execute(text(f"EXPLAIN {sql}"), values).scalars())
        assert found[key].id.hex in plan, (key, op, plan)
        if count is not None:
            assert queries.count(where.id, asked) == count, (key, op)


def test_a_text_is_compared_beyond_what_the_index_holds(session, where):
    fields(where)
    session.execute(PEOPLE, {"workspace_id": where.id, "count": 3})
    session.execute(text("UPDATE contacts SET fields = jsonb_build_object('town', repeat('x', 64 + length(id::text) % 2) || 'y')"))
    for op, value, count in (
        ("is", "X" * 64 + "y", 3), ("is", "x" * 65, 0), ("is", "x" * 64, 0),
        ("begins_with", "x" * 64, 3), ("begins_with", "x" * 64 + "Y", 3), ("begins_with", "x" * 65, 0),
    ):  # fmt: skip
        assert queries.count(where.id, queries.read(where.id, tree("town", op, value=value))) == count, (op, len(value))


def test_a_stored_text_that_is_no_money_and_one_that_is_no_number_end_no_statement(session, where):
    fields(where)
    session.execute(PEOPLE, {"workspace_id": where.id, "count": 3})
    session.execute(text("UPDATE contacts SET fields = '{\"spent\": \"free of EUR\", \"age\": \"1e5\"}' WHERE fields ->> 'age' = '2'"))
    for key, value in (("spent", "0 EUR"), ("age", "0")):
        assert queries.count(where.id, queries.read(where.id, tree(key, "at_least", value=value))) == 2


def test_an_index_comes_with_a_segment_is_made_again_when_it_is_broken_and_goes_with_the_segment(live, few):
    where = make.place()
    found = fields(where)
    with transaction():
        current().execute(PEOPLE, {"workspace_id": where.id, "count": 5})
    made = save(where, tree("age", "at_least", value="3"))
    with transaction():
        assert queries.indexed_fields(where.id) == {}
    indexing.run()
    name = f"ix_own_field_{found['age'].id.hex}"
    assert there() == {name: True}
    with transaction():
        assert queries.indexed_fields(where.id) == {found["age"].id: True}

    # As one that died at it leaves it.
    with as_owner() as owner:
        owner.exec_driver_sql(f"DROP INDEX {name}")
        with pytest.raises(Exception, match="division by zero"):
            owner.exec_driver_sql(
                f"CREATE INDEX CONCURRENTLY {name} ON contacts ((1 / ((fields ->> 'age')::int - 5)))"
            )
    assert there() == {name: False}
    with transaction():
        assert queries.indexed_fields(where.id) == {found["age"].id: False}
    indexing.run()
    assert there() == {name: True}

    with transaction():
        service.archive(where.id, made.id, by=BY)
    indexing.run()
    assert there() == {name: True}
    clock.set_shift(31 * 86400)
    indexing.run()
    assert there() == {}
    clock.set_shift(0)
    with transaction():
        assert current().get(FieldIndex, found["age"].id) is None


def test_one_that_cannot_be_built_holds_up_no_other(live, few, monkeypatch):
    where = make.place()
    found = fields(where)
    with transaction():
        current().execute(PEOPLE, {"workspace_id": where.id, "count": 5})
    asked = {"town": "Town 1", "age": "3", "birthday": "1950-01-02"}
    for key, value in asked.items():
        save(where, tree(key, "is", value=value), key)
    broken = min(found[key].id for key in asked)
    of = indexing._index_of
    with monkeypatch.context() as patch:
        odd = "contacts ((1 / ((fields ->> 'age')::int - 5)))"
        patch.setattr(indexing, "_index_of", lambda field: replace(of(field), on=odd) if field.id == broken else of(field))
        indexing.run()
    assert sorted(there().values()) == [False, True, True]
    indexing.run()
    assert sorted(there().values()) == [True, True, True]


def test_nobody_else_is_in_the_way_of_who_builds_and_who_comes_meanwhile_leaves_it_out(live, few):
    where = make.place()
    fields(where)
    with transaction():
        current().execute(PEOPLE, {"workspace_id": where.id, "count": 5})
    save(where, tree("age", "is", value="3"))
    with as_owner() as other:
        assert other.execute(indexing._HELD).scalar_one()
        indexing.run()
        assert there() == {}
        with transaction():
            current().execute(text("SELECT learn_people()"))
        learnt = other.exec_driver_sql("SELECT reltuples FROM pg_class WHERE relname = 'contacts'").scalar_one()
        assert learnt == -1, "statistics of people would wait for who builds, and they for us"
    with transaction():
        current().execute(text("SELECT learn_people()"))
        learnt = current().execute(text("SELECT reltuples FROM pg_class WHERE relname = 'contacts'")).scalar_one()
        assert learnt == 5
    indexing.run()
    assert list(there().values()) == [True]


@pytest.mark.parametrize(
    ("raw", "is_wanted"),
    [
        (tree("town", "contains", value="x"), False),
        (tree("town", "is_not", value="x"), False),
        (tree("town", "is_known"), False),
        (tree("town", "is", match="none", value="x"), False),
        (tree("town", "begins_with", value="x"), True),
        ({"match": "all", "rules": [tree("town", "is", match="any", value="x")]}, True),
    ],
)  # fmt: skip
def test_only_what_an_index_answers_is_worth_one(session, where, few, raw, is_wanted):
    fields(where)
    session.execute(PEOPLE, {"workspace_id": where.id, "count": 5})
    save(where, raw)
    assert bool(indexing._kept()) is is_wanted


def test_where_few_people_are_none_is_made(session, where):
    fields(where)
    session.execute(PEOPLE, {"workspace_id": where.id, "count": 5})
    save(where, tree("town", "is", value="x"))
    assert indexing._kept() == {}


def test_no_more_than_so_many_are_made_and_a_field_that_is_put_away_makes_room(session, where, few, monkeypatch):
    found = fields(where)
    monkeypatch.setattr(rules, "MOST_INDEXES", 2)
    session.execute(PEOPLE, {"workspace_id": where.id, "count": 5})
    for key in ("town", "birthday", "age"):
        value = "1990-01-01" if key == "birthday" else "7"
        save(where, tree(key, "is", value=value), key)
    assert sorted(indexing._kept()) == sorted(f"ix_own_field_{found[key].id.hex}" for key in ("town", "age"))
    contacts.archive_field(where.id, found["town"].id)
    assert sorted(indexing._kept()) == sorted(f"ix_own_field_{found[key].id.hex}" for key in ("birthday", "age"))


def test_saving_rings_for_the_index(session, where, monkeypatch):
    fields(where)
    rung = []
    monkeypatch.setattr(jobs, "ring_job", rung.append)
    save(where, tree("town", "contains", value="x"), "No")
    assert rules.INDEX_JOB not in rung
    save(where, tree("town", "is", value="x"), "Yes")
    assert rules.INDEX_JOB in rung


def test_a_use_is_written_down_once_an_hour(session, where, few):
    fields(where)
    session.execute(PEOPLE, {"workspace_id": where.id, "count": 5})
    save(where, tree("town", "is", value="x"))
    indexing._kept()
    row = current().query(FieldIndex).one()
    first = row.used_at
    clock.set_shift(1800)
    current().info.pop("now", None)
    indexing._kept()
    assert row.used_at == first
    clock.set_shift(7200)
    current().info.pop("now", None)
    indexing._kept()
    assert row.used_at - first >= timedelta(hours=1)
