"""Typed fields, names and masks: what is stored for what somebody wrote."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.contacts.rules import FieldKind, clean_name, fold_name, mask, read_field
from tests.support.properties import ANY


@pytest.mark.parametrize(
    ("kind", "raw", "stored"),
    [
        ("text", " Kiel ", "Kiel"),
        ("text", "", None),
        ("number", "2,5", "2.5"),
        ("number", "1 000", "1000"),
        ("number", "-0.10", "-0.10"),
        ("number", "1e3", "1000"),
        ("date", "2026-02-28", "2026-02-28"),
        ("boolean", "on", True),
        ("boolean", "No", False),
        ("boolean", " ", None),
        ("country", "de", "DE"),
        ("money", "12.50eur", "12.50 EUR"),
        ("money", "-3 USD", "-3 USD"),
        ("choice", "A", "A"),
        ("choice", "", None),
        ("multi_choice", ["B", "A", "B", ""], ["A", "B"]),
        ("multi_choice", [], None),
        ("text", ["first", "second"], "first"),
    ],
)
def test_a_value_is_stored_in_its_one_form(kind, raw, stored):
    assert read_field(FieldKind(kind), raw, ["A", "B"]) == stored


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("text", "x" * 1001),
        ("text", "a\x00b"),
        ("text", "\ud800"),
        ("number", "NaN"),
        ("number", "Infinity"),
        ("number", "1e99"),
        ("number", "twelve"),
        ("number", "1." + "1" * 20_000),
        ("date", "2026-02-30"),
        ("date", "28.02.2026"),
        ("boolean", "perhaps"),
        ("country", "DEU"),
        ("country", "1A"),
        ("country", "XX"),
        ("country", "EU"),
        ("money", "12"),
        ("money", "1e5 EUR"),
        ("money", "12.12345 EUR"),
        ("choice", "C"),
        ("multi_choice", ["A", "C"]),
    ],
)
def test_what_does_not_fit_says_how_to_write_it(kind, raw):
    with pytest.raises(ValueError, match=r"[.]$"):
        read_field(FieldKind(kind), raw, ["A", "B"])


@given(st.sampled_from(sorted(FieldKind)), st.text(ANY))
def test_a_stored_value_reads_back_as_itself(kind, raw):
    try:
        stored = read_field(kind, raw, ["A", "B"])
    except ValueError:
        return
    if stored is not None:
        again = {True: "yes", False: "no"}[stored] if isinstance(stored, bool) else stored
        assert read_field(kind, again, ["A", "B"]) == stored


@pytest.mark.parametrize(
    ("raw", "name"),
    [("  Anna  von   Holt ", "Anna von Holt"), ("", ""), ("Ünal", "Ünal"), ("O’Hara-Smith", "O’Hara-Smith")],
)
def test_a_name_stands_on_one_line(raw, name):
    assert clean_name(raw) == name


@pytest.mark.parametrize("raw", ["a\nb", "a\rb", "a\u2028b", "\x1b[31m", "x" * 81, "\udfff"])
def test_a_name_with_hidden_signs_is_refused(raw):
    with pytest.raises(ValueError, match=r"[.]$"):
        clean_name(raw)


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("Elif Yıldız", "elif yildiz"),
        ("İpek", "ipek"),
        ("Łukasz Øster", "lukasz oster"),
        ("STRASSE Straße", "strasse strasse"),
        ("Ægir Þór", "aegir thor"),
        ("Ｍａｒａ", "mara"),
        ("Ελένη", "ελενη"),
    ],
)
def test_a_name_is_found_on_any_keyboard(name, folded):
    assert fold_name(name) == folded


@given(st.text(ANY))
def test_folding_twice_is_folding_once(name):
    assert fold_name(fold_name(name)) == fold_name(name)


@pytest.mark.parametrize(
    ("address", "masked"),
    [("mara@example.org", "m•••@ex….org"), ("x@a.b.example", "x•••@a.….example"), ("broken", "•••")],
)
def test_a_masked_address_tells_only_its_owner(address, masked):
    assert mask(address) == masked
