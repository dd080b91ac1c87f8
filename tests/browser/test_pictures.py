"""Pictures in a real browser: brought, described and cut by keyboard and without scripts, in light and in dark."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from app.content import service
from app.kernel.db import transaction
from tests.browser.conftest import check_page, sign_in, tab
from tests.support import accounts, images, letters

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def owner(alone):
    return accounts.make_owner()


def test_a_picture_is_brought_and_cut_without_scripts_and_both_pages_suit_everybody(chromium, web, owner):
    with tab(chromium, base_url=web.url, scripts=False) as page:
        sign_in(page, owner)
        page.goto("/campaigns")
        page.get_by_role("link", name="Pictures").click()
        expect(page.get_by_role("heading", name="No picture yet")).to_be_visible()
        page.get_by_label("Picture, or several").set_input_files(
            {"name": "Flag.jpg", "mimeType": "image/jpeg", "buffer": images.photo(1_600, 900)}
        )
        page.get_by_label("Alt text").fill("Red and blue")
        page.get_by_role("button", name="Add the picture").click()
        shown = page.locator(".cut-view img")
        expect(shown).to_have_attribute("alt", "Red and blue")
        assert shown.bounding_box()["width"] == 600

        page.get_by_role("radio", name="1:1").focus()
        page.keyboard.press("Space")
        box = shown.bounding_box()
        assert abs(box["width"] - box["height"]) < 1, "it is seen before it is made, by styles alone"
        page.get_by_role("radio", name="Middle", exact=True).focus()
        page.keyboard.press("ArrowRight")
        expect(shown).to_have_css("object-position", "100% 50%")
        page.get_by_role("radio", name="Half, 300 px").check()
        assert shown.bounding_box()["width"] == 300
        page.get_by_role("button", name="Make the picture").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("600 × 600 px")).to_be_visible()
        expect(page.locator("#picture-code")).to_have_value(re.compile('alt="Red and blue" width="300px"'))
    with transaction():
        made = service.list_pictures(owner.workspace_id).rows[0]
    assert images.decoded(made.data).convert("RGB").getpixel((300, 300))[2] > 200, "the right part, which is blue"
    letters.letter(owner.workspace_id, f'<mj-image src="https://a.example/pictures/{made.key}.jpeg" alt="" />')
    for width, dark in (("desk", False), ("phone", True)):
        with tab(chromium, width, base_url=web.url, dark=dark) as page:
            sign_in(page, owner)
            page.goto("/pictures")
            expect(page.locator(".picture")).to_have_count(2)
            check_page(page)
            page.get_by_label("Search pictures").fill("harbour")
            expect(page.get_by_text("Nothing matches “harbour”")).to_be_visible()
            page.get_by_label("Search pictures").fill("BLUE")
            page.locator(".picture").first.get_by_role("link", name="Flag").click()
            expect(page.get_by_role("heading", name="Where it is used")).to_be_visible()
            check_page(page)
