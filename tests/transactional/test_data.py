"""What a template declares, and what fits it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.content.data import DataFault, as_lines, example, find_faults, read_lines, tree_of, variables
from app.content.variables import Kind
from tests.support.properties import ANY, examples

LINES = "order.number = OK-1\norder.url = https://ostkai.example/o\nitems[].name = Gedeo\nitems[].price = 9.50\n"


def test_lines_are_names_with_examples():
    found = read_lines(f"\n{LINES}  data.note =  Thank you = very much \n")
    assert found["order.number"] == "OK-1"
    assert found["note"] == "Thank you = very much"
    assert read_lines(as_lines(found)) == found
    assert example(found) == {
        "order": {"number": "OK-1", "url": "https://ostkai.example/o"},
        "items": [{"name": "Gedeo", "price": "9.50"}],
        "note": "Thank you = very much",
    }
    kinds = {one.name: one.kind for one in variables(found)}
    assert kinds["data.order.url"] is Kind.URL
    assert kinds["data.items"] is Kind.LIST


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("order.number", "Line 1"), ("a = 1\nOrder = x", "Line 2"), ("order.number =", "example"), ("a = 1\na = 2", "two lines"),
        ("order = x\norder.number = OK-1", "part of the other"), ("items[].name = x\nitems = y", "part of the other"),
        ("items[].name = x\nitems.name = y", "part of the other"), ("_x = 1", "Line 1"), ("a.b.c.d.e = 1", "Line 1"),
        ("{{ x }} = 1", "Line 1"), (f"a = {'x' * 500}", "400"), ("\n".join(f"a{n} = 1" for n in range(61)), "60"),
    ],
)  # fmt: skip
def test_a_line_that_declares_nothing_is_named(lines, says):
    with pytest.raises(DataFault, match=says):
        read_lines(lines)


SAMPLES = read_lines(LINES)
WANTED = ["data.order.number", "data.items"]
ORDER = {"order": {"number": "OK-1"}, "items": []}


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({}, {"data.order.number", "data.items"}),
        (ORDER | {"order": {"number": None}}, {"data.order.number"}),
        (ORDER | {"ordre": "x"}, {"data.ordre"}),
        (ORDER | {"order.number": "OK-2"}, {"data.order.number"}),
        (ORDER | {"order": "x"}, {"data.order", "data.order.number"}),
        (ORDER | {"order": {"number": {"a": 1}}}, {"data.order.number"}),
        (ORDER | {"order": {"number": ["a"]}}, {"data.order.number"}),
        (ORDER | {"order": {"number": "a\0"}}, {"data.order.number"}),
        (ORDER | {"order": {"number": "\ud800"}}, {"data.order.number"}),
        (ORDER | {"order": {"number": "x" * 6000}}, {"data.order.number"}),
        (ORDER | {"order": {"number": 1, "url": "javascript:alert(1)"}}, {"data.order.url"}),
        (ORDER | {"items": "x"}, {"data.items"}),
        (ORDER | {"items": ["x"]}, {"data.items.0"}),
        (ORDER | {"items": [{"name": "x", "price": 1, "sku": 2}]}, {"data.items.0.sku"}),
        (ORDER | {"items": [{"name": "x"}]}, {"data.items.0.price"}),
        (ORDER | {"items": [{"name": "x", "price": 1}] * 1001}, {"data.items"}),
    ],
)
def test_what_does_not_fit_is_named(data, where):
    assert set(find_faults(SAMPLES, WANTED, data)) == where


def test_dotted_names_are_the_same_as_nested_ones():
    data = {"order.number": "OK-1", "items": [{"name": "x", "price": 1}], "order": {"url": None}}
    assert find_faults(SAMPLES, WANTED, data) == {}
    assert tree_of(data, SAMPLES) == {"order": {"number": "OK-1"}, "items": [{"name": "x", "price": 1}]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(ANY, max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["order", "number", "items", "name", "", "a.b"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=examples(25), deadline=None)
@given(st.dictionaries(st.sampled_from(["order", "order.number", "items", "__class__", "x"]), JSON, max_size=3))
def test_any_json_is_judged_and_what_passes_can_be_kept(data):
    if not find_faults(SAMPLES, [], data):
        assert set(tree_of(data, SAMPLES)) <= {"order", "items"}
        json.dumps(tree_of(data, SAMPLES)).encode()
