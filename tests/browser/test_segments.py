"""A segment written in a real browser: the count follows while one types, by keyboard, on a phone and in the dark."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from app.consent.rules import Level
from app.contacts import service as contacts
from app.kernel.db import session
from tests.browser.conftest import check_page, tab
from tests.support import make, reading

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def place(web):
    made = make.place()
    for number, name in enumerate(("Mara", "Nils", "Marek", "Ada")):
        who = make.person(made.id, f"{name.lower()}@example.org", name)
        if number:
            make.confirmed(made, who)
            reading.allow(made, who, Level.INDIVIDUAL)
    session().commit()
    return made


def sign_in(page: Page, place: make.Place) -> None:
    page.goto("/sign-in")
    page.get_by_label("Email").fill(place.owner_email)
    page.get_by_label("Password").fill(make.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).not_to_have_url(re.compile("/sign-in"))


def look(page: Page, name: str) -> None:
    check_page(page)
    if folder := os.environ.get("NOD_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"segment-{name}.png", full_page=True)


def write(page: Page) -> None:
    """First names that begin with Mar, and either no score or a topic."""
    page.goto("/people/segments")
    look(page, "none")
    page.get_by_role("link", name="New segment").click()
    look(page, "new")
    page.get_by_label("Name", exact=True).fill("Mars who said yes")
    page.get_by_label("What, rule 1").select_option(label="First name")
    page.get_by_label("How, rule 1").select_option(label="begins with")
    page.get_by_label("Value, rule 1").fill("mar")
    expect(page.locator("#now .big")).to_have_text("2")
    expect(page.get_by_label("Value, rule 1")).to_be_focused()
    page.get_by_role("button", name="Add a group to group 1").press("Enter")
    expect(page.get_by_label("Value, rule 1")).to_have_value("mar")
    expect(page.get_by_label("What, rule 2")).to_be_focused()
    page.get_by_label("What, rule 2").select_option(label="New coffees, by email")
    page.get_by_label("Value, rule 2").select_option("yes")
    expect(page.locator("#now .big")).to_have_text("1")
    page.get_by_role("button", name="Add a rule to group 2").press("Enter")
    expect(page.get_by_label("What, rule 3")).to_be_focused()
    page.get_by_role("button", name="Remove rule 3").press("Enter")
    expect(page.get_by_role("button", name="Add a rule to group 2")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_label("What, rule 3").select_option(label="Opened a letter")
    page.get_by_label("How, rule 3").select_option(label="at least")
    page.get_by_label("Times, rule 3").fill("2")
    page.get_by_label("Days, rule 3").fill("90")
    expect(page.get_by_text("opened a letter at least 2 times in the last 90 days")).to_be_visible()
    look(page, "whole")


def test_a_segment_is_written_counted_and_saved(chromium, web, place):
    with tab(chromium, base_url=web.url) as page:
        sign_in(page, place)
        cookies = page.context.cookies()
        write(page)
        page.get_by_role("radio", name="none").nth(1).check(force=True)
        expect(page.locator("#now .big")).to_have_text("1")
        page.get_by_label("Name", exact=True).press("Enter")
        expect(page.get_by_role("heading", name="Mars who said yes")).to_be_visible()
        saved = page.url
        page.get_by_label("Times, rule 3").fill("many")
        page.get_by_role("button", name="Save segment").click()
        expect(page.get_by_role("alert")).to_contain_text("Write a whole number")
        look(page, "wrong")
    for width, dark in (("phone", False), ("phone", True), ("desk", True)):
        with tab(chromium, width, dark=dark, base_url=web.url) as page:
            page.context.add_cookies(cookies)
            page.goto(saved)
            look(page, f"{width}-{'dark' if dark else 'light'}")
            page.goto("/people/segments")
            look(page, f"list-{width}-{'dark' if dark else 'light'}")
    _join_many(place)
    with tab(chromium, "phone", base_url=web.url) as page:
        page.context.add_cookies(cookies)
        page.goto("/people/segments/new")
        page.get_by_label("What, rule 1").select_option(label="First name")
        page.get_by_label("Value, rule 1").fill("marla")
        expect(page.locator("#now .big")).to_have_text(re.compile("about (4[7-9]|5[0-3]),[0-9]00"))
        look(page, "many")
        expect(page.locator("#now .big")).to_have_text("50,000")  # a pause later
        expect(page.get_by_text("Counted in")).to_be_visible()
        page.get_by_label("Value, rule 1").fill("mara")
        expect(page.locator("#now .big")).to_have_text(re.compile("fewer than [12]00"))  # she may be in the sample
        expect(page.locator("#now .big")).to_have_text("1")


def _join_many(place: make.Place) -> None:
    session().execute(
        text(
            "INSERT INTO contacts (id, workspace_id, first_name, last_name, name_folded, language, fields, created_at, updated_at)"
            " SELECT gen_random_uuid(), :id, 'Marla', n, 'marla', 'en', '{}', now(), now() FROM generate_series(1, 50000) AS n"
        ),
        {"id": place.id},
    )
    session().commit()


@pytest.mark.parametrize(("width", "dark"), [("desk", False), ("phone", True)])
def test_moves_between_levels_lead_to_their_people_and_many_get_a_field(chromium, web, place, width, dark):
    fields = {"Town": "text", "Brews": "multi_choice"}
    made = [contacts.define_field(place.id, name, kind, choices=("Filter", "Moka")) for name, kind in fields.items()]
    session().execute(text("UPDATE contacts SET created_at = created_at - interval '40 days' WHERE first_name = 'Nils'"))
    session().commit()
    with tab(chromium, width, dark=dark, base_url=web.url) as page:
        sign_in(page, place)
        page.goto("/people/levels?days=30")
        look(page, f"levels-{width}")
        page.get_by_role("link", name="cold 30 days ago and cold now").or_(
            page.get_by_role("link", name="new 30 days ago and cold now")
        ).click()
        expect(page.locator("#now .big")).to_have_text("1")
        expect(page.locator("#now")).to_contain_text("Nils")
        page.goto("/people")
        page.locator("tbody label.check").first.click()
        page.locator(".bulk-more summary").click()
        look(page, f"many-{width}")
        page.get_by_label("Field", exact=True).select_option(label=made[1].label)
        page.locator("#act-value").get_by_text("Moka").click()
        look(page, f"many-choices-{width}")
        page.get_by_role("button", name="Set", exact=True).click()
        expect(page.locator("#act")).to_contain_text("“Brews” is “Moka” for 1 person now.")
        look(page, f"many-done-{width}")
        page.goto("/settings/fields")
        look(page, f"fields-{width}")
