"""Attack case 5 in letters: what people call themselves is text in previews, mails and the editor, never HTML."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from app.contacts import service as contacts
from app.content import service
from app.content.service import Reader
from app.kernel.db import transaction
from tests.support import accounts, letters, make

NASTY = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "{{ contact.email }}{% for x in y %}",
    "javascript:alert(1)",
]
INNER = (
    "<mj-text>Hello {{ contact.first_name }}, {{ contact.fields.shop }}</mj-text>"
    '<mj-image src="https://media.ostkai.test/a.png" alt="For {{ contact.first_name }}" />'
    '<mj-text><a href="https://shop.ostkai.test/?n={{ contact.first_name|urlencode }}" title="{{ contact.first_name }}">x</a></mj-text>'
)


class Tags(HTMLParser):
    """Elements and attributes by name."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs) -> None:
        self.found.append((tag, tuple(sorted(name for name, _ in attrs))))


@pytest.fixture
def place(session):
    made = make.place()
    with transaction():
        contacts.define_field(made.id, "Shop", "text", key="shop")
    return made


@pytest.fixture
def inside(client, place):
    account = accounts.Account(place.owner_id, place.id, place.owner_email, make.PASSWORD)
    accounts.sign_in(client, account)
    return client


@pytest.mark.parametrize("name", NASTY)
def test_a_name_changes_no_element_of_a_letter_or_its_preview(inside, place, name):
    made = letters.letter(place.id, INNER, subject="For {{ contact.first_name }}")
    harmless = make.person(place.id, first_name="Mara")
    person = make.person(place.id, first_name=name)
    with transaction():
        for one, shop in ((harmless, "Kiel"), (person, name)):
            contacts.set_fields(place.id, one.id, {"shop": shop})
    expected = Tags(inside.get(f"/letters/{made.id}/preview?as={harmless.id}").text).found
    shown = inside.get(f"/letters/{made.id}/preview?as={person.id}").text
    assert Tags(shown).found == expected
    version = service.freeze_version(place.id, made.id)
    sent = service.render(version, letters.values(place.id, Reader(name, fields={"shop": name})))
    assert Tags(sent.html).found == expected
    assert name in sent.text  # the text part is text
    assert "\n" not in sent.subject


@pytest.mark.parametrize("name", NASTY)
def test_a_name_changes_no_element_of_the_editor(inside, place, name):
    made = letters.letter(place.id, INNER, subject="For {{ contact.first_name }}")
    harmless, person = make.person(place.id, first_name="Mara"), make.person(place.id, first_name=name)
    plain, shown = (inside.get(f"/letters/{made.id}?as={one.id}").text for one in (harmless, person))
    assert Tags(shown).found == Tags(plain).found


def test_a_name_is_no_template(place):
    version = letters.version(place.id)
    sent = service.render(version, letters.values(place.id, Reader("{{ brand.postal_address }}")))
    assert "Hello {{ brand.postal_address }}" in sent.html


@pytest.mark.parametrize("field", ["first_name", "fields.shop"])
def test_a_value_of_a_person_never_begins_a_link(place, field):
    made = letters.letter(place.id)
    for source in (f'<mj-text><a href="{{{{ contact.{field} }}}}">x</a></mj-text>',
                   f'<mj-button href="{{{{ contact.{field} }}}}">x</mj-button>'):  # fmt: skip
        problems = service.save_draft(place.id, made.id, "S", "P", letters.source(source))
        assert [(one.line, one.severity) for one in problems if "is no link" in one.message] == [(8, "error")]
