"""Every word for readers exists in every language that public pages speak."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_file
from babel.messages.pofile import read_po

from app.kernel import i18n

APP = Path(__file__).parents[2] / "app"
HOLE = re.compile(r"%\((\w+)\)[sd]")
Words = tuple[str, ...]
REASONS = {"contacts/addresses.py", "contacts/rules.py", "forms/rules.py"}
"""Pure modules whose errors are shown beside a field of a form, in its language."""
KEYWORDS = {**DEFAULT_KEYWORDS, "AddressError": None, "ValueError": None}
SAYS = re.compile(rf"\b(?:{'|'.join(KEYWORDS)})\s*\(|\btrans\b")
"""In each file that says anything: to read the others word by word took four of five seconds."""


def sources() -> Iterator[tuple[Path, str]]:
    for path in sorted(APP.rglob("*")):
        if "node_modules" in path.parts:
            continue
        is_python, is_template = path.suffix == ".py", path.suffix == ".html" and "templates" in path.parts
        if (is_python or is_template) and SAYS.search(path.read_text()):
            yield path, "python" if is_python else "jinja2"


@pytest.fixture(scope="module")
def spoken() -> dict[str, Words]:
    """{message: its forms} of all pages and mails."""
    found: dict[str, Words] = {}
    for path, method in sources():
        keywords = KEYWORDS if path.relative_to(APP).as_posix() in REASONS else DEFAULT_KEYWORDS
        for _line, message, _comments, _context in extract_from_file(method, path, keywords):
            forms = (message,) if isinstance(message, str) else tuple(message)
            found[forms[0]] = forms
    return found


@pytest.fixture(scope="module", params=[name for name in i18n.languages() if name != i18n.DEFAULT])
def catalogue(request) -> dict[str, Words]:
    with (i18n.FOLDER / request.param / "LC_MESSAGES" / "messages.po").open("rb") as file:
        messages = [
            message for message in read_po(file, locale=request.param) if message.id and not message.fuzzy
        ]
    return {
        message.id if isinstance(message.id, str) else message.id[0]: (
            (message.string,) if isinstance(message.string, str) else tuple(message.string)
        )
        for message in messages
    }


def test_nothing_is_left_untranslated(spoken, catalogue):
    assert [message for message in spoken if not all(catalogue.get(message, ("",)))] == []


def test_nothing_is_translated_that_nobody_says(spoken, catalogue):
    assert sorted(set(catalogue) - set(spoken)) == []


def test_translations_have_the_same_holes(spoken, catalogue):
    def holes(forms: Words) -> set[str]:
        return {name for form in forms for name in HOLE.findall(form)}

    assert [
        message
        for message, forms in spoken.items()
        if len(catalogue[message]) != len(forms) or holes(catalogue[message]) != holes(forms)
    ] == []


def test_a_page_can_speak_german():
    i18n.use("de")
    assert i18n.gettext("Sign up") == "Anmelden"
    assert i18n.ngettext("Try again in %(num)d minute.", "Try again in %(num)d minutes.", 2).endswith(
        "Minuten wieder."
    )
    i18n.use("en")
