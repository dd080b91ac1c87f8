"""Bringing a file of people in, as a marketer does it, in a real browser with real workers; on a phone in the dark, too."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import check_page, tab
from tests.browser.test_first_run import press, set_up
from tests.browser.test_settings import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
FILE = (
    "E-Mail;Vorname;Nachname;Datum\n"
    + "".join(f"reader{n}@example.org;Mara;Lund {n};01.05.2026\n" for n in range(400))
    + "no address;Ann;;\nreader7@example.org;Again;;\n"
)


def test_a_file_comes_in_and_goes_again(chromium, nod):
    with tab(chromium, base_url=nod.url) as page:
        set_up(page)
        page.goto("/people")
        page.get_by_role("link", name="Import").first.click()
        expect(page.get_by_text("Bring the people you have")).to_be_visible()
        check_page(page)
        give(page)
        check_page(page)
        declare(page)
        bring_in(page)
        url = page.url
        page.goto("/people")
        expect(page.get_by_text("reader399@example.org")).to_be_visible()
    with tab(chromium, "phone", dark=True, base_url=nod.url) as page:
        page.goto("/sign-in")
        sign_in(page)
        page.goto("/people/import")
        check_page(page)
        page.goto(url)
        check_page(page)
        press(page, "Take this import back")
        expect(page.get_by_text("was taken back")).to_be_visible(timeout=60_000)
        page.goto("/people?q=reader399")
        expect(page.get_by_text("may be mailed now")).to_be_visible()


def give(page: Page) -> None:
    page.set_input_files("input[type=file]", {"name": "Kunden.csv", "mimeType": "text/csv", "buffer": FILE.encode("cp1252")})
    press(page, "Look at its columns")
    expect(page.get_by_label("What “E-Mail” holds")).to_have_value("email")
    expect(page.get_by_label("What “Nachname” holds")).to_have_value("last_name")


def declare(page: Page) -> None:
    page.get_by_label("What “Datum” holds").select_option("said_at")
    page.get_by_label("They said yes, and we can say").check()
    press(page, "Check the file")
    expect(page.get_by_text("Choose at least one interest").first).to_be_visible()
    check_page(page)
    page.locator("input[name=interest]").first.check()
    page.get_by_label("The words that they agreed to").fill("Yes, send me the letters.")
    page.get_by_label("Where they said it").fill("The counter in Kiel")
    page.get_by_label("How you know that").fill("They wrote it into our book.")
    press(page, "Check the file")


def bring_in(page: Page) -> None:
    button = page.get_by_role("button", name="Bring in 400 people")
    expect(button).to_be_visible(timeout=60_000)
    expect(page.get_by_text("stands in the file twice")).to_be_visible()
    expect(page.get_by_text("400 people could be written to because of this file.")).to_be_visible()
    check_page(page)
    button.click()
    expect(page.get_by_text("What became of it")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("400 people may be written to because of this file.")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/people/import/[0-9a-f-]{36}$"))
    check_page(page)
