"""Segments are made, changed, copied and put away; what they say is kept, and no two make a circle."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.accounts import queries as accounts
from app.accounts.rules import acts
from app.kernel.db import transaction
from app.kernel.errors import BadInput, Conflict, NotFound, Unavailable
from app.segments import queries, service
from tests.support import make

BY = acts.COMMAND


def tree(value="Mara", **more):
    return {"match": "all", "rules": [{"field": "contacts.first_name", "op": "is", "value": value} | more]}


def in_segment(segment_id, op="is"):
    return {"match": "all", "rules": [{"field": "segments.member", "op": op, "value": str(segment_id)}]}


def add(where, name="Maras", raw=None):
    with transaction():
        return service.create(where.id, name, raw or tree(), by=BY)


def change(where, segment, raw, *, name="Maras", version=1):
    with transaction():
        return service.change(where.id, segment.id, name, raw, version=version, by=BY)


def count(where, raw):
    return queries.count(where.id, queries.read(where.id, raw))


def test_each_change_is_a_version_and_an_act_and_saying_the_same_is_neither(where):
    made = add(where)
    assert change(where, made, tree()).version == 1
    assert change(where, made, tree(), name="Nils, too").version == 1
    assert change(where, made, tree("Nils"), name="Nils, too").version == 2
    assert [found.tree for found in queries.list_versions(where.id, made.id)] == [tree("Nils"), tree()]
    assert queries.get_segment(where.id, made.id).name == "Nils, too"
    told = [entry.act for entry in accounts.list_audit(where.id) if entry.object == f"segment:{made.id}"]
    assert told == ["segment.changed", "segment.changed", "segment.created"]


def test_who_was_too_late_is_told_and_changes_nothing(where):
    made = add(where)
    change(where, made, tree("Nils"))
    with pytest.raises(Conflict, match="meanwhile"):
        change(where, made, tree("Ada"), version=1)
    assert queries.get_segment(where.id, made.id).tree == tree("Nils")


def test_a_name_is_taken_once_and_free_again_when_its_segment_is_archived(where):
    made, other = add(where), add(where, "Others")
    for act in (lambda: add(where), lambda: change(where, other, tree("Nils"), name="Maras")):
        with pytest.raises(Conflict, match="called"):
            act()
    assert queries.get_segment(where.id, other.id).version == 1
    with transaction():
        service.archive(where.id, made.id, by=BY)
    add(where)
    with pytest.raises(Conflict, match="called"), transaction():
        service.restore(where.id, made.id, by=BY)
    assert [found.name for found in queries.list_segments(where.id)] == ["Maras", "Others"]


def test_copies_find_a_free_name(where):
    made = add(where)
    with transaction():
        names = [service.duplicate(where.id, made.id, by=BY).name for _ in range(2)]
    assert names == ["Maras, copy", "Maras, copy 2"]


def test_no_segment_is_made_of_itself_whatever_lies_between(where):
    first = add(where)
    second = add(where, "Second", in_segment(first.id))
    third = add(where, "Third", in_segment(second.id, "is_not"))
    for ahead in (first, second, third):
        with pytest.raises(BadInput) as refused:
            change(where, first, in_segment(ahead.id))
        assert "made of itself" in refused.value.fields["0"]
    with pytest.raises(Conflict, match="“Second” is made of it"), transaction():
        service.archive(where.id, first.id, by=BY)


def test_segments_within_segments_follow_each_other(where):
    mara = make.person(where.id, "mara@example.org", "Mara")
    make.person(where.id, "nils@example.org", "Nils")
    first = add(where)
    second = add(where, "Second", in_segment(first.id))
    assert count(where, in_segment(second.id)) == 1
    assert count(where, in_segment(second.id, "is_not")) == 1
    change(where, first, tree("Nobody"))
    assert count(where, in_segment(second.id)) == 0
    change(where, first, tree("mara"), version=2)
    assert [one.id for one in queries.sample(where.id, queries.read(where.id, in_segment(second.id)))] == [
        mara.id
    ]


def test_people_and_segments_of_another_workspace_are_not_there(where):
    other = make.place("Another")
    make.person(other.id, "mara@example.org", "Mara")
    theirs = add(other)
    assert count(where, tree()) == 0
    with pytest.raises(BadInput):
        queries.read(where.id, in_segment(theirs.id))
    with pytest.raises(NotFound):
        queries.get_segment(where.id, theirs.id)


def test_a_count_that_takes_too_long_is_stopped_in_words_and_the_transaction_goes_on(
    where, session, monkeypatch
):
    group = queries.read(where.id, tree())
    sleeping = ("SELECT id AS contact_id FROM contacts, pg_sleep(2)", {"workspace_id": where.id})
    make.person(where.id)
    with transaction():
        monkeypatch.setattr(queries, "SECONDS", 0.2)
        monkeypatch.setattr(queries, "select_sql", lambda *_, **_how: sleeping)
        with pytest.raises(Unavailable, match="was stopped"):
            queries.count(where.id, group)
        assert session.execute(text("SELECT current_setting('statement_timeout')")).scalar_one() == "30s"
        monkeypatch.undo()
        assert queries.count(where.id, group) == 1
        assert session.execute(text("SELECT current_setting('statement_timeout')")).scalar_one() == "30s"


FAULTS = [
    ([], "0"), ({"match": "some", "rules": []}, "0"), ({"match": [], "rules": []}, "0"), ({"match": "all", "rules": {}}, "0"),
    ({"match": "all", "rules": []}, "0"), ({"match": "all", "rules": [], "sql": "1"}, "0"),
    ({"match": "all", "rules": [{"match": "any", "rules": []}]}, "0.0"), ({"match": "all", "rules": ["x"]}, "0.0"),
    ({"match": "all", "rules": [tree()["rules"][0]] * 51}, "0"), (tree(op="sounds_like"), "0.0"), (tree(""), "0.0"),
    (tree("x" * 201), "0.0"), (tree(value=True), "0.0"), (tree(value={"a": 1}), "0.0"), (tree("a\x00"), "0.0"),
    (tree(field="contacts.password"), "0.0"), (tree(field=["contacts.first_name"]), "0.0"), (tree(more=1), "0.0"),
    (tree(field="tracking.open", op="at_least", times=0), "0.0"), (tree(field="tracking.open", op="did", days=4000), "0.0"),
    (tree(field="tracking.open", op="did", of="999"), "0.0"), (tree("fr-XX", field="contacts.language"), "0.0"),
    (tree("0999-01-01", field="contacts.created_at", op="before"), "0.0"),
    (tree("1e99", field="engagement.score", op="at_least"), "0.0"), (tree("NaN", field="engagement.score", op="at_most"), "0.0"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "place"), FAULTS)
def test_what_cannot_be_read_is_told_at_its_place(where, raw, place):
    with pytest.raises(BadInput) as refused:
        queries.read(where.id, raw)
    assert list(refused.value.fields) == [place]


def test_a_tree_is_at_most_four_groups_deep_and_fifty_rules_large(where):
    def nested(depth, rules):
        return {"match": "any", "rules": rules if depth == 1 else [nested(depth - 1, rules)]}

    one = tree()["rules"]
    assert count(where, nested(4, one * 50)) == 0
    for raw in (nested(5, one), {"match": "all", "rules": [nested(1, one * 26), nested(1, one * 25)]}):
        with pytest.raises(BadInput):
            queries.read(where.id, raw)
