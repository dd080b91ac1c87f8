"""Tags, notes, a company and a household in a real browser: written on a person's page, on a phone and in the dark."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.kernel.db import session
from tests.browser.conftest import check_page, tab
from tests.browser.test_segments import sign_in
from tests.support import make

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def place(web):
    made = make.place()
    for name in ("Mara", "Nils", "Ada"):
        make.person(made.id, f"{name.lower()}@acme.example", name)
    session().commit()
    return made


def look(page: Page, name: str) -> None:
    check_page(page)
    if folder := os.environ.get("NOD_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"profile-{name}.png", full_page=True)


def open_person(page: Page, name: str) -> None:
    page.goto("/people")
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()


def write(page: Page) -> None:
    """Everything by hand, on a desk."""
    for path in ("/people/tags", "/companies", "/households"):
        page.goto(path)
        look(page, f"none-{path.rpartition('/')[2]}")
    open_person(page, "Mara")
    look(page, "person-empty")
    page.get_by_label("Add tags").fill("wholesale, met in Kiel")
    page.get_by_label("Add tags").press("Enter")
    expect(page.get_by_role("button", name="Take off wholesale")).to_be_visible()
    page.get_by_label("Add tags").press_sequentially("who")
    expect(page.locator("#tags-known option")).to_have_count(1)
    expect(page.locator("#tags-known option")).to_have_attribute("value", "wholesale")
    page.get_by_label("What should be remembered").fill("Wants decaf.\nCalls on Mondays.")
    page.get_by_role("button", name="Add note").click()
    expect(page.get_by_text("Note by Jonna", exact=True)).to_be_visible()
    page.get_by_text("Put into a company").click()
    page.get_by_label("Company", exact=True).fill("Acme GmbH")
    page.get_by_label("Role", exact=True).fill("Head of purchasing")
    page.get_by_role("button", name="Save").press("Enter")
    expect(page.get_by_role("link", name="Acme GmbH")).to_be_visible()
    page.get_by_text("Put into a household").click()
    page.get_by_label("Household", exact=True).fill("Family Yıldız")
    page.get_by_label("Household", exact=True).press("Enter")
    expect(page.get_by_role("link", name="Family Yıldız")).to_be_visible()
    page.get_by_role("link", name="Acme GmbH").click()
    look(page, "company-new")
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Domains of their email addresses").fill("acme.example")
    page.get_by_label("Country").select_option("DE")
    page.get_by_label("Size").fill("50 to 200 people")
    look(page, "company-form")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Add Nils").click()
    expect(page.get_by_role("button", name="Take out Nils")).to_be_visible()
    open_person(page, "Ada")
    page.get_by_role("button", name="Add to it").click()
    expect(page.get_by_role("link", name="Acme GmbH")).to_be_visible()


def visit(page: Page, name: str) -> None:
    """Each page as it is now."""
    open_person(page, "Mara")
    page.get_by_text("Another company or role").click()
    look(page, f"person-{name}")
    page.get_by_role("link", name="Change").click()
    look(page, f"note-{name}")
    page.goto("/companies")
    look(page, f"companies-{name}")
    page.get_by_role("link", name="Acme GmbH").click()
    look(page, f"company-{name}")
    page.goto("/households")
    page.get_by_role("link", name="Family Yıldız").click()
    look(page, f"household-{name}")
    page.goto("/people/tags")
    page.get_by_text("wholesale", exact=True).click()
    look(page, f"tags-{name}")
    page.goto("/people")
    page.get_by_role("button", name="More").click()
    expect(page.get_by_role("link", name="Households")).to_be_visible()
    look(page, f"people-{name}")


def choose(page: Page) -> None:
    """Several of the list at once, by keyboard: a tag is put on them, seen in a column, and taken off again."""
    page.goto("/people")
    page.get_by_role("link", name="Ada").focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("status").filter(has_text="1 selected")).to_have_count(1)
    page.get_by_label("Select all on this page").focus()
    page.keyboard.press("Space")
    bar = page.get_by_role("region", name="With the selected people")
    expect(bar.get_by_text("3 selected")).to_be_visible()
    page.get_by_label("Select Mara").uncheck()
    expect(bar.get_by_text("2 selected")).to_be_visible()
    page.keyboard.press("t")
    expect(page.get_by_label("Tag", exact=True)).to_be_focused()
    look(page, "list-bar")
    page.keyboard.type("decaf")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The tag “decaf” is on 2 people.")).to_be_visible()
    page.get_by_role("button", name="Columns").click()
    look(page, "list-columns")
    page.get_by_label("Tags", exact=True).check()
    page.get_by_role("button", name="Show these").click()
    expect(page.get_by_role("cell", name="decaf")).to_have_count(2)


def take_back(page: Page) -> None:
    """The same on a phone: what does not fit is said beside the input, and what was done is undone."""
    page.goto("/people")
    page.get_by_label("Select all on this page").check()
    look(page, "list-bar-phone")
    page.get_by_label("Tag", exact=True).fill("tea")
    page.get_by_role("button", name="Take off").click()
    expect(page.locator("#tag-error")).to_be_visible()
    expect(page.get_by_label("Select Nils")).to_be_checked()
    look(page, "list-fault-phone")
    page.get_by_label("Tag", exact=True).fill("decaf")
    page.get_by_role("button", name="Take off").click()
    expect(page.get_by_text("The tag “decaf” is off 2 people. 1 person did not carry it.")).to_be_visible()
    look(page, "list-done-phone")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("The tag “decaf” is on 2 people again.")).to_be_visible()
    page.goto("/people/acts")
    look(page, "acts-phone")


def test_a_person_gets_tags_a_note_a_company_and_a_household(chromium, web, place):
    with tab(chromium, base_url=web.url) as page:
        sign_in(page, place)
        write(page)
        visit(page, "desk")
        choose(page)
    with tab(chromium, "phone", dark=True, base_url=web.url) as page:
        sign_in(page, place)
        visit(page, "phone-dark")
        take_back(page)
        page.goto("/people/tags")
        page.get_by_text("wholesale", exact=True).click()
        page.get_by_role("button", name="Remove").click()
        expect(page).to_have_url(re.compile("/people/tags$"))
        expect(page.get_by_text("wholesale", exact=True)).to_have_count(0)
    if os.environ.get("NOD_SCREENSHOTS"):
        for width, dark in (("desk", True), ("phone", False)):
            with tab(chromium, width, dark=dark, base_url=web.url) as page:
                sign_in(page, place)
                page.goto("/people")
                open_person(page, "Mara")
                look(page, f"person-{width}-{'dark' if dark else 'light'}")
                page.get_by_role("link", name="Acme GmbH").click()
                look(page, f"company-{width}-{'dark' if dark else 'light'}")
