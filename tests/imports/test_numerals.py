"""Numbers of other countries: read as they were meant, or asked about, and never taken for another number."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.contacts import service as contacts_service
from app.imports import numerals, reading
from app.kernel.db import transaction
from tests.imports.test_importing import person
from tests.support.properties import examples


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("12", ""), ("-7", ""), ("1,234.50", "."), ("1.234,50", ","), ("1,234,567", "."), ("1.234.567", ","), ("2.50", "."),
        ("2,5", ","), ("1,234", "?"), ("1.234", "?"), ("+12.345", "?"), ("0,123", ","), ("0.123", "."), ("1234.567", "."),
        ("1,2345", ","), (",5", ","), ("12,34,567.5", "."), ("1 234,5", ","), ("1\u00a0234.5", "."), ("1'234.50", "."),
        ("1’234", ""), ("1 234 567", ""), ("5.", "."), ("1,234,5", None), ("1.2.3", None), ("192.0.2.1", None), ("soon", None),
        ("", None), ("1e3", None), (",", None), ("1,23,4", None),
    ],
)  # fmt: skip
def test_the_sign_of_one_number(cell, wanted):
    assert numerals.sign_of(cell) == wanted


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (["1,234", "12"], "?"), (["1,234", "1,234.50"], "."), (["1.234", "2,5"], ","), (["1,234", "5,678,901"], "."), (["12", ""], ""),
        (["1,5", "1.5"], "?"), (["x", "1.2.3"], ""),
    ],
)  # fmt: skip
def test_a_column_is_settled_by_any_cell_that_can_be_read_in_one_way(cells, wanted):
    assert numerals.decide(cells) == wanted


@settings(max_examples=examples(25), deadline=None)
@given(number=st.decimals(min_value=-9_999_999, max_value=9_999_999, places=2), sign=st.sampled_from([".", ","]), cuts=st.integers(0, 3))
def test_what_one_country_writes_is_the_same_number_here_or_refused(number, sign, cuts):
    """Whatever is told of the column: the right number or none, and with the right sign always the right one."""
    text = f"{number:,.{cuts}f}" if cuts != 2 else f"{number:,}"
    meant = Decimal(text.replace(",", ""))
    written = text if sign == "." else text.translate(str.maketrans(",.", ".,"))
    assert Decimal(numerals.plain(written, sign)) == meant
    try:
        assert Decimal(numerals.plain(written, numerals.NONE)) == meant
    except ValueError:
        assert numerals.sign_of(written) == numerals.EITHER


@pytest.fixture
def numbers(where):
    with transaction():
        for name in ("Size", "Price"):
            contacts_service.define_field(where.id, name, "number", key=name.lower())


def fields_of(where, key: str):
    return person(where, key).fields


def test_a_column_of_thousands_is_read_as_such_and_its_neighbour_by_itself(staff, where, numbers):
    assert staff.bring(
        "email;size;price\na@example.org;1,234.50;1.234\nb@example.org;1,234;0,5\nd@example.org;7;1.000.000,5\n"
    ) == {"new": 3}
    assert fields_of(where, "a@example.org") == {"size": "1234.50", "price": "1234"}
    assert fields_of(where, "b@example.org") == {"size": "1234", "price": "0.5"}
    assert fields_of(where, "d@example.org") == {"size": "7", "price": "1000000.5"}


def test_where_nobody_can_tell_the_page_asks(staff, where, numbers):
    url = staff.give("email,size,ref\na@example.org,\"1,234\",1.234\nb@example.org,12,\n")
    page = staff.get(url).text
    assert 'id="decimal-2"' in page
    assert 'id="decimal-1"' not in page
    answer = staff.check(url)
    assert answer.status_code == 422
    assert "Choose the sign that begins the decimals of “size”" in answer.text
    assert 'id="decimal-2-error"' in answer.text
    assert "decimal-3-error" not in answer.text, "a column that is left out needs no sign"
    assert staff.found(url).state == "uploaded"
    assert staff.check(url, decimal=["", ".", ""]).status_code == 303
    staff.post(f"{url}/back", page=url)
    assert 'value="." selected' in staff.get(url).text, "what was chosen is kept"
    staff.check(url, decimal=["", ".", ""])
    staff.take(url)
    assert fields_of(where, "a@example.org") == {"size": "1234"}
    assert staff.check(staff.give("email\nc@example.org\n"), decimal=["x"]).status_code == 422


def test_a_later_row_that_could_be_read_twice_is_left_out_and_not_guessed(staff, where, numbers, monkeypatch):
    monkeypatch.setattr(reading, "SNIFFED", 40)
    url = staff.give("email;size\na@example.org;12\nb@example.org;13\nc@example.org;1,234\nd@example.org;1,5\n")
    staff.check(url)
    checked = dict(staff.found(url).checked)
    assert checked.pop("new") == 3
    (reason,) = checked
    assert "Size: Choose beside the column which sign begins its decimals" in reason
    staff.post(f"{url}/back", page=url)
    assert 'id="decimal-2"' in staff.get(url).text
    staff.check(url, decimal=["", ","])
    assert staff.take(url) == {"new": 4}
    assert fields_of(where, "c@example.org") == {"size": "1.234"}


def test_a_number_that_does_not_fit_its_column_is_refused(staff, where, numbers):
    counts = staff.bring("email;size\na@example.org;1,234.50\nb@example.org;2,5\nc@example.org;1e3\nd@example.org;1,5e3\n", decimal=["", "."])
    assert counts == {
        "new": 2, "Size: This number does not begin its decimals with a dot, as its column does.": 1, "Size: Write a number, like 12 or 3.5.": 1,
    }  # fmt: skip


def test_json_writes_its_own_numbers_with_a_dot(staff, where, numbers):
    assert staff.bring('{"email":"a@example.org","size":1.234,"price":"1,5"}\n{"email":"b@example.org","size":2,"price":null}\n') == {"new": 2}
    assert fields_of(where, "a@example.org") == {"size": "1.234", "price": "1.5"}
