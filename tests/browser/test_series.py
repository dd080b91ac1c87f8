"""A feed in a letter and a series of it, in a real browser: with scripts, on a phone, in the dark."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from app.campaigns import service as campaigns
from app.content import syndication
from app.content.service import feeds
from app.kernel.db import transaction
from tests.browser.conftest import by_keys, check_page, sign_in, tab
from tests.support import accounts
from tests.support.feeds import numbered

pytestmark = pytest.mark.browser
URL = "https://blog.example/feed.xml"


@pytest.fixture(scope="module")
def owner(alone):
    return accounts.make_owner()


def test_a_feed_is_shown_looked_at_and_becomes_a_series(chromium, web, owner):
    with transaction():
        feeds.keep_feed(owner.workspace_id, URL, feeds.Fetched(syndication.read(numbered(1, 2, 3), URL)))
        made = campaigns.create(owner.workspace_id, "Coffee letter", "announcement", by=owner.user_id)
    with tab(chromium, base_url=web.url) as page:
        sign_in(page, owner)
        page.goto(f"/campaigns/{made.id}/write")
        seen = page.frame_locator("#preview")
        page.get_by_role("button", name="Add", exact=True).click()
        page.locator("#add").get_by_role("button", name=re.compile("^Feed")).click()
        address = page.get_by_role("textbox", name="Address of the feed")
        expect(address).to_be_focused()
        address.fill(URL)
        expect(seen.get_by_text("Entry 3")).to_be_visible()
        expect(page.locator("#v-entries")).to_contain_text("Entry 1")
        # One press keeps what was typed and looks; what cannot be asked is said there, and nothing is lost.
        address.fill("https://127.0.0.1/feed.xml")
        page.get_by_role("button", name="Look at the feed now").click()
        expect(page.locator("#v-entries")).to_contain_text("not public")
        expect(seen.get_by_text("Entry 3")).to_have_count(0)
        check_page(page)
        address.fill(URL)
        expect(seen.get_by_text("Entry 3")).to_be_visible()
        page.goto("/campaigns/series")
        check_page(page)
    with tab(chromium, "phone", dark=True, base_url=web.url) as page:
        sign_in(page, owner)
        page.goto(f"/campaigns/{made.id}/series")
        check_page(page)
        page.get_by_label("Thursday").check()
        page.get_by_label("Only when its feed holds something new").check()
        page.get_by_role("button", name="Begin the series").click()
        expect(page.get_by_role("heading", name="Next dates")).to_be_visible()
        expect(page.get_by_text("Every week on Monday and Thursday at 10:00")).to_be_visible()
        check_page(page)
        by_keys(page, page.get_by_role("link", name="Change"), "Enter")
        expect(page.get_by_role("heading", name="Change the series")).to_be_visible()
        check_page(page)
        by_keys(page, page.get_by_label("Thursday"), "Space")
        by_keys(page, page.get_by_role("button", name="Keep"), "Enter")
        expect(page.get_by_text("Every week on Monday at 10:00")).to_be_visible()
        page.goto("/campaigns/series")
        check_page(page)
