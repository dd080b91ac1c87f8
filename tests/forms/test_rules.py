"""Pure decisions about forms."""

from __future__ import annotations

from uuid import UUID

import pytest

from app.forms import rules
from app.forms.rules import Age, Asked, Definition, Use
from app.forms.wording import first_words


def test_a_definition_survives_the_way_through_json():
    words = Definition("News", "Yes.", asked=(Asked("c_size", Use.REQUIRED),), interests=(UUID(int=7),))
    assert Definition.from_json(words.to_json()) == words
    assert words.sha256() != Definition("News", "Yes!").sha256()


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(0, Age.TOO_FAST), (1.9, Age.TOO_FAST), (2, Age.FINE), (86400, Age.FINE), (86401, Age.STALE)],
)
def test_the_time_between_page_and_post(seconds, age):
    assert rules.judge_age(seconds) is age


@pytest.mark.parametrize(
    "raw", ["", "3", "3.", ".en", "0.en", "-1.en", "3.en.de", "3.EN", "9999999.en", "x.en"]
)
def test_what_is_no_version_name(raw):
    assert rules.read_version_name(raw) is None


def test_version_names_round_trip():
    assert rules.read_version_name(rules.version_name(3, "de")) == (3, "de")


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("https://Example.org/", "https://example.org"),
        ("https://example.org:443", "https://example.org"),
        ("http://localhost:8000", "http://localhost:8000"),
    ],
)
def test_websites_as_browsers_name_them(raw, clean):
    assert rules.origin(raw) == clean


@pytest.mark.parametrize(
    "raw",
    [
        "*",
        "null",
        "example.org",
        "https://",
        "https://a.example/path",
        "https://u@a.example",
        "ftp://a.example",
    ],
)
def test_what_is_no_website(raw):
    with pytest.raises(ValueError, match="Write each website"):
        rules.origin(raw)


def test_the_same_post_has_the_same_fingerprint_whatever_its_order():
    a = rules.fingerprint("once", [("a", "1"), ("b", "2")])
    assert a == rules.fingerprint("once", [("b", "2"), ("a", "1")])
    assert a != rules.fingerprint("once", [("a", "12"), ("b", "")])
    assert a != rules.fingerprint("other", [("a", "1"), ("b", "2")])


@pytest.mark.parametrize("language", ["de", "en", "es", "fr", "it", "nl", "pt"])
def test_a_form_begins_in_each_language_with_words_of_its_own(language):
    one, two = (first_words("Ostkai", language, tuple(UUID(int=n) for n in range(count))) for count in (1, 2))
    assert one.consent != two.consent
    assert "Ostkai" in one.consent
    assert all([two.title, two.intro, two.consent_hint, two.tracking, two.tracking_hint, two.notice])
    if language != "en":
        assert two.title != first_words("Ostkai", "en", two.interests).title
