"""A letter gets a second language in a real browser, on a phone in the dark and at a desk, and the review lists both."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from app.campaigns import service as campaigns
from app.content import queries, service
from app.content.service import blocks
from app.kernel.db import transaction
from tests.browser.conftest import by_keys, check_page, sign_in, tab
from tests.support import accounts

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def owner(alone):
    return accounts.make_owner()


def test_a_second_language_is_added_written_and_looked_at(chromium, web, owner):
    with transaction():
        made = campaigns.create(owner.workspace_id, "November", "announcement", by=owner.user_id)
    path = f"/campaigns/{made.id}/review"
    with tab(chromium, "phone", dark=True, base_url=web.url) as page:
        sign_in(page, owner)
        page.goto(f"/letters/{made.letter_id}?back={path}")
        page.get_by_role("button", name="Add a language").click()
        page.get_by_label("Language", exact=True).select_option(label="Deutsch")
        check_page(page)
        page.get_by_role("button", name="Add it").click()
        tabs = page.get_by_role("navigation", name="Languages of this letter")
        expect(tabs.get_by_role("link", name=re.compile("^Deutsch"))).to_have_attribute("aria-current", "page")
        expect(tabs).to_contain_text("not translated yet")
        expect(page.frame_locator("#preview").get_by_text("Abmelden")).to_be_visible()
        check_page(page)
        page.get_by_role("button", name="Remove", exact=True).click()
        expect(page.get_by_text("Remove this language?")).to_be_visible()
        page.keyboard.press("Escape")
    german = queries.find_translation(owner.workspace_id, made.letter_id, "de")
    assert german is not None
    with transaction():
        blocks.edit(owner.workspace_id, german.id, subject="Drei neue Kaffees")
    for width, dark in (("phone", True), ("desk", False)):
        with tab(chromium, width, dark=dark, base_url=web.url) as page:
            sign_in(page, owner)
            page.goto(path)
            languages = page.get_by_role("region", name="Languages")
            expect(languages).to_contain_text("Drei neue Kaffees")
            check_page(page)
            by_keys(page, page.get_by_role("navigation", name="Language of the preview").get_by_role("link", name="Deutsch"), "Enter")
            expect(page.frame_locator("main iframe").get_by_text("Abmelden")).to_be_visible()
            by_keys(page, languages.get_by_role("link", name="Edit Deutsch"), "Enter")
            expect(page).to_have_url(re.compile(str(german.id)))
            check_page(page)
            if width == "desk":
                come_and_go_by_keys(page)
    with transaction():
        assert [one.name for one in service.list_languages(german)] == ["English", "Deutsch"]


def come_and_go_by_keys(page: Page) -> None:
    """A third language is added and taken out again with keys alone."""
    by_keys(page, page.get_by_role("button", name="Add a language"), "Enter")
    by_keys(page, page.get_by_label("Language", exact=True))
    page.keyboard.type("Fran")
    by_keys(page, page.get_by_role("button", name="Add it"), "Enter")
    tabs = page.get_by_role("navigation", name="Languages of this letter")
    expect(tabs.get_by_role("link", name=re.compile("^Français"))).to_have_attribute("aria-current", "page")
    by_keys(page, page.get_by_role("button", name="Remove", exact=True), "Enter")
    by_keys(page, page.get_by_role("button", name="Remove it"), "Enter")
    expect(tabs.get_by_role("link", name=re.compile("^Français"))).to_have_count(0)
