"""From the list of doubles to one person and back in a real browser: by keyboard, on a phone, in the dark."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.consent import service as consent
from app.consent.rules import By, Proof
from app.contacts import service as contacts
from app.kernel.db import session, transaction
from tests.browser.conftest import check_page, tab
from tests.browser.test_segments import sign_in
from tests.support import make

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def place(web):
    made = make.place()
    with transaction():
        contacts.define_field(made.id, "Phone", "text")
        contacts.define_field(made.id, "A field with a rather long name", "text", key="long")
    for number, address in enumerate(("mara.lindqvist@gmail.com", "maralindqvist+a.rather.long.part@gmail.com")):
        who = make.person(made.id, address, ("Mara", "Maria-Magdalena")[number])
        make.confirmed(made, who)
        with transaction():
            contacts.set_fields(made.id, who.id, {"phone": "0431 123456", "long": f"{number} " * 60})
    with transaction():
        consent.withdraw(made.id, who.id, [made.interests[0].id], by=By(), proof=Proof())
    session().commit()
    return made


def look(page: Page, name: str) -> None:
    check_page(page)
    if folder := os.environ.get("NOD_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"merging-{name}.png", full_page=True)


def test_two_entries_become_one_and_come_apart(chromium, web, place):
    with tab(chromium, base_url=web.url) as page:
        sign_in(page, place)
        cookies = page.context.cookies()
        page.goto("/people/doubles")
        look(page, "doubles")
        page.get_by_role("link", name="Compare and merge").press("Enter")
        look(page, "compare")
        page.get_by_label("First name: Maria-Magdalena").press("Space")
        expect(page.get_by_label("First name: Mara")).not_to_be_checked()
        page.get_by_role("button", name="Merge them").press("Enter")
        expect(page.get_by_role("heading", name="Maria-Magdalena")).to_be_visible()
        look(page, "merged")
    with tab(chromium, "phone", dark=True, base_url=web.url) as page:
        page.context.add_cookies(cookies)
        page.goto("/people?q=maria")
        page.get_by_role("link", name="Maria-Magdalena").click()
        page.get_by_role("link", name="Take it back").click()
        look(page, "undo")
        page.get_by_role("button", name="Take it back").click()
        expect(page.get_by_role("heading", name="Mara")).to_be_visible()
        page.get_by_role("button", name="More").click()
        page.get_by_role("link", name="Merge with…").click()
        look(page, "find")
        page.get_by_label("Address of the other entry").fill("maralindqvist+a.rather.long.part@gmail.com")
        page.get_by_role("button", name="Compare").click()
        expect(page).to_have_url(re.compile("/merge/"))
        look(page, "compare-phone")
        page.goto("/people/doubles")
        look(page, "none")
