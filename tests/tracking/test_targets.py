"""Where links may lead, and how that is told to people."""

from __future__ import annotations

import pytest

from app.content import addresses
from app.tracking.rules import targets


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://a.test/?m={{ contact.email }}", "https://a.test/?m={{ contact.email }}"),
        ("{{ brand.site }}?m={{ contact.email }}", "your website?m={{ contact.email }}"),
        ("https://a.test/", "https://a.test/"),
    ],
)
def test_what_begins_with_a_tag_begins_on_the_workspaces_website(url, says):
    assert targets.spoken(url) == says


@pytest.mark.parametrize(
    ("address", "comes_to"),
    [
        ("{{ brand.site }}", "https://ostkai.example/"),
        ("https://a.test/?from={{ brand.name|urlencode }}", "https://a.test/?from=Ost%20%26%20Kai"),
        ("https://a.test/{{ contact.email }}", "https://a.test/{{ contact.email }}"),
        ("{{ brand.site }}?{{ contact.email }}", "{{ brand.site }}?{{ contact.email }}"),
        ("https://a.test/{% if contact.email %}x{% endif %}", "https://a.test/{% if contact.email %}x{% endif %}"),
        ("https://a.test/", "https://a.test/"),
    ],
)  # fmt: skip
def test_only_what_the_brand_alone_decides_is_settled_for_everybody(address, comes_to):
    values = {"brand": {"site": "https://ostkai.example/", "name": "Ost & Kai"}}
    assert addresses.settled(address, values, "en") == comes_to


def test_a_brand_without_a_website_leaves_the_tag():
    assert addresses.settled("{{ brand.site }}", {"brand": {"site": ""}}, "en") == "{{ brand.site }}"
