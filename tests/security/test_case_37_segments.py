"""Case 37: a segment's rules choose from lists; what is written into them is compared with, and is never SQL."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.contacts import service as contacts
from app.kernel.db import transaction
from app.kernel.errors import BadInput
from app.segments import queries
from app.segments.operators import operators_of
from app.segments.rules import MAX_RULES
from tests.people.conftest import Staff, owner_of
from tests.security.test_case_37_search import INJECTIONS, WILDCARDS
from tests.support import make
from tests.support.accounts import csrf_of
from tests.support.properties import ANY, examples

PATHS = ("$.town", "town}' || '", "{town}", "town,0", "->>'town'", '"town"', "fields", "strict $.* ? (@ > 1)")
MARK = "zebra"


@pytest.fixture
def where(session):
    found = make.place()
    mara = make.person(found.id, "mara@example.org", "Mara")
    make.person(found.id, "nils@example.org", "Nils")
    with transaction():
        for label, kind in (("Town", "text"), ("Age", "number"), ("Brews", "multi_choice")):
            contacts.define_field(
                found.id, label, kind, choices=["filter", "a'b"] if kind == "multi_choice" else ()
            )
        contacts.set_fields(found.id, mara.id, {"town": "Kiel", "brews": ["a'b"]})
    return found


def tree(field, op, **more):
    return {"match": "all", "rules": [{"field": field, "op": op, **more}]}


def any_of(pairs, typed):
    return {"match": "any", "rules": [{"field": field, "op": op, "value": typed} for field, op in pairs]}


def count(where, raw):
    return queries.count(where.id, queries.read(where.id, raw))


def people(session) -> int:
    return session.execute(text("SELECT count(*) FROM contacts")).scalar_one()


def test_case_37_values_are_compared_with_and_nothing_else(session, where):
    before = people(session)
    texts = [field for field in queries.fields(where.id).values() if field.type == "text"]
    assert len(texts) == 8
    pairs = [
        (field.key, operator.name)
        for field in texts
        for operator in operators_of(field)
        if "value" in operator.takes and not operator.turns
    ]
    assert 20 < len(pairs) <= MAX_RULES
    for typed in (*INJECTIONS, *PATHS):
        # Nobody is in any of them: nobody is in what they are together.
        try:
            assert count(where, any_of(pairs, typed)) == 0, typed
        except BadInput:
            assert "\x00" in typed or len(typed) > 200
    assert people(session) == before


def test_case_37_wildcards_are_letters(where):
    ops = ("contains", "begins_with", "ends_with", "is")
    pairs = list(product(("contacts.first_name", "contacts.email", "contacts.field.town"), ops))
    assert count(where, any_of(pairs, "mara@example.org")) == 1
    for typed in WILDCARDS:
        assert count(where, any_of(pairs, typed)) == 0, typed
    make.person(where.id, "100%_sure@example.org", "100%_\\sure")
    make.person(where.id, "100xysure@example.org", "100xyzsure")
    for typed in ("0%_", "0%_\\S", "%", "_", "\\"):
        assert count(where, tree("contacts.first_name", "contains", value=typed)) == 1, typed
    assert count(where, tree("contacts.email", "contains", value="0%_")) == 1


def test_case_37_other_parts_choose_from_a_list_or_are_numbers(where):
    made = {
        "field": lambda typed: tree(typed, "is", value="x"),
        "op": lambda typed: tree("contacts.first_name", typed, value="x"),
        "match": lambda typed: {**tree("contacts.first_name", "is", value="x"), "match": typed},
        "of": lambda typed: tree("tracking.open", "did", of=typed),
        "times": lambda typed: tree("tracking.open", "at_least", times=typed),
        "days": lambda typed: tree("contacts.created_at", "in_last", days=typed),
        "choice": lambda typed: tree("contacts.field.brews", "contains", value=typed),
        "number": lambda typed: tree("contacts.field.age", "at_least", value=typed),
        "day": lambda typed: tree("contacts.created_at", "before", value=typed),
        "member": lambda typed: tree("segments.member", "is", value=typed),
    }
    others = ("contacts.field.town'", "contacts.field.{key}", "1 OR 1=1", "-1", "NaN")
    with transaction():  # in one, what there is to choose from is asked for once
        taken = [
            (part, typed)
            for part, typed in product(made, (*INJECTIONS, *WILDCARDS, *PATHS, *others))
            if is_taken(where, made[part](typed))
        ]
    assert taken == [("number", "-1")]


def is_taken(where, raw) -> bool:
    try:
        queries.read(where.id, raw)
    except BadInput:
        return False
    return True


def test_case_37_a_value_with_quotes_finds_who_has_it(where):
    assert count(where, tree("contacts.field.brews", "contains", value="a'b")) == 1
    assert count(where, tree("contacts.field.town", "is", value="kiel")) == 1


def test_case_37_the_statement_carries_no_value(where, count_statements):
    raw = {
        "match": "any",
        "rules": [
            tree("contacts.first_name", "contains", value=MARK)["rules"][0],
            tree("contacts.field.town", "begins_with", value=MARK)["rules"][0],
            tree("contacts.email", "is_not", value=MARK),
            tree("contacts.field.age", "at_most", value="74123"),
        ],
    }
    raw["rules"][2:] = [part["rules"][0] for part in raw["rules"][2:]]
    with count_statements() as statements:
        count(where, raw)
        queries.sample(where.id, queries.read(where.id, raw))
    assert not any(MARK in statement or "74123" in statement for statement in statements)


def test_case_37_names_of_inputs_are_none_of_ours_or_nothing(session, where, client):
    before, staff = people(session), Staff(client, owner_of(where))
    form = {"match-0": "all", "field-0.0": "contacts.first_name", "op-0.0": "is", "value-0.0": "mara"}
    form["csrf"] = csrf_of(staff.get("/people/segments/new").text)
    for typed in (*INJECTIONS, *PATHS, "0", "0.0.0", "0.999", "0." * 9, "٠"):
        more = {f"field-{typed}": "1", f"value-0.0{typed}": "1", f"{typed}-0": "1", "version": typed}
        page = client.post("/people/segments/new", data={**form, **more, "do": f"remove-{typed}"})
        assert page.status_code == 200, typed
        assert "$argon2" not in page.text
    assert people(session) == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(ANY, max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["match", "rules", "field", "op", "value", "days", "x'"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=JSON)
def test_case_37_whatever_is_posted_is_counted_or_refused_in_words(where, raw):
    for whole in (raw, {"match": "any", "rules": [raw]}, tree("contacts.first_name", "is", value=raw)):
        try:
            found = count(where, whole)
        except BadInput:
            continue
        assert found >= 0
