"""The calendar in a real browser: moved with the mouse on a desk, with keys alone on a phone in the dark; the hours of a
review; and a campaign from its name to its day with keys alone."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.campaigns import queries
from app.delivery import service as delivery
from app.delivery.rules.hours import Span
from app.kernel.db import session, transaction
from app.kernel.ids import uuid7
from tests.browser.conftest import by_keys, check_page, sign_in, tab
from tests.campaigns.conftest import Made, draft, launched
from tests.support import make
from tests.support.accounts import Account

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def made(web) -> Made:
    where = make.place()
    with transaction():
        delivery.set_sender(where.id, "Ostkai", "hello@ostkai.example")
        delivery.set_contact_limits(where.id, quiet=Span(time(21), time(8)), weekly=3)
    make.confirmed(where, make.person(where.id, f"reader{uuid7()}@example.org"), interests=1)
    found = draft(where, "Gesha week")
    launched(found, send_at=datetime.combine(monday() + timedelta(days=1), time(10), UTC))
    return found


def monday():
    """Of the week after next: none of its days is over."""
    today = datetime.now(UTC).date()
    return today + timedelta(days=14 - today.weekday())


def day_of(made: Made):
    session().rollback()
    found = queries.get_standing(made.where.id, made.campaign.id).at
    session().rollback()
    assert found is not None
    return found


def shot(page: Page, name: str) -> None:
    """Keep a picture where somebody wants to look at them."""
    if folder := os.environ.get("NOD_SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_what_is_scheduled_is_moved_with_the_mouse_and_with_keys(web, chromium, made):
    with tab(chromium, base_url=web.url) as page:
        sign_in(page, Account(made.where.owner_id, made.where.id, made.where.owner_email, make.PASSWORD))
        cookies = page.context.cookies()
        page.goto(f"/campaigns/calendar?week={monday()}")
        check_page(page)
        head, button = (page.get_by_role(role, name=name).bounding_box() for role, name in (("heading", None), ("link", "New campaign")))
        assert abs(head["y"] + head["height"] / 2 - button["y"] - button["height"] / 2) < 4, "one row"
        event = page.get_by_role("link", name="Gesha week")
        event.drag_to(page.locator(f"td[data-day='{monday() + timedelta(days=3)}']"))
        moved = page.locator(f"td[data-day='{monday() + timedelta(days=3)}'] .event")
        expect(moved).to_contain_text("10:00 Gesha week")
        expect(moved).to_be_focused()
        assert day_of(made) == datetime.combine(monday() + timedelta(days=3), time(10), UTC)
        shot(page, "calendar-week-desk")
    with tab(chromium, "phone", dark=True, base_url=web.url) as page:
        page.context.add_cookies(cookies)
        page.goto(f"/campaigns/calendar?month={monday():%Y-%m}")
        check_page(page)
        page.get_by_role("link", name="Gesha week").focus()
        page.keyboard.press("Alt+ArrowRight")
        expect(page.locator(f"td[data-day='{monday() + timedelta(days=4)}'] .event")).to_be_focused()
        assert day_of(made) == datetime.combine(monday() + timedelta(days=4), time(10), UTC)
        shot(page, "calendar-month-phone")
        page.goto(f"{made.path}/sending")
        check_page(page)
        shot(page, "sending-phone")


@pytest.mark.parametrize(("width", "dark"), [("desk", False), ("phone", True)])
def test_clocks_and_hours_are_chosen_on_the_review(web, chromium, made, width, dark):
    other = draft(made.where, "Winter blend")
    with tab(chromium, width, dark=dark, base_url=web.url) as page:
        sign_in(page, Account(made.where.owner_id, made.where.id, made.where.owner_email, make.PASSWORD))
        page.goto(f"{other.path}/review")
        page.get_by_label("At a time").check()
        page.get_by_label("Day", exact=True).fill(str(monday()))
        page.get_by_label("Who gets it when").select_option("local")
        page.get_by_text("Clocks, hours and frequency").click()
        for day in ("Sat", "Sun"):
            page.get_by_label(day, exact=True).uncheck()
        page.evaluate("scrollTo(0, 0)")  # what the menu of a phone covers now is not too small
        check_page(page)
        shot(page, f"review-hours-{width}")
        page.get_by_role("button", name="Send to 1 person").click()
        expect(page.get_by_text("Each gets it at 10:00 by their own clock")).to_be_visible()
        expect(page.get_by_text("Only Mon to Fri, by the reader’s clock.")).to_be_visible()
        check_page(page)
        shot(page, f"sending-hours-{width}")


@pytest.mark.parametrize(("width", "dark"), [("desk", True), ("phone", False)])
def test_a_campaign_is_made_varied_and_scheduled_with_keys_alone(web, chromium, made, width, dark):
    for number in range(29):
        make.confirmed(made.where, make.person(made.where.id, f"more{number}-{uuid7()}@example.org"), interests=1)
    with tab(chromium, width, dark=dark, base_url=web.url) as page:
        sign_in(page, Account(made.where.owner_id, made.where.id, made.where.owner_email, make.PASSWORD))
        page.goto("/campaigns")
        by_keys(page, page.get_by_role("link", name="New campaign"), "Enter")
        by_keys(page, page.get_by_label("Name", exact=True))
        page.keyboard.type("By keys")
        by_keys(page, page.get_by_role("radio", name="Empty"), "ArrowDown")
        by_keys(page, page.get_by_role("button", name="Write the letter"), "Enter")
        by_keys(page, page.get_by_role("textbox", name="Subject", exact=True))
        page.keyboard.type("Guji is in")
        expect(page.locator("#seen-subject")).to_have_text("Guji is in")
        by_keys(page, page.get_by_role("link", name="Continue"), "Enter")
        by_keys(page, page.get_by_role("checkbox", name="New coffees"), "Space")
        expect(page.locator("#who .big")).to_have_text("30")
        by_keys(page, page.get_by_role("button", name="Review"), "Enter")
        by_keys(page, page.get_by_label("Say something to your colleagues"))
        page.keyboard.type("Shall we name the farm?")
        by_keys(page, page.get_by_role("button", name="Add comment"), "Enter")
        expect(page.get_by_text("Shall we name the farm?")).to_be_visible()
        by_keys(page, page.get_by_role("link", name="Try variants"), "Enter")
        by_keys(page, page.get_by_label("Another subject"))
        page.keyboard.type("Plum and cocoa")
        by_keys(page, page.get_by_label("Sample, in percent"))
        page.keyboard.type("100")  # over what stands there; of thirty, each variant has somebody
        page.evaluate("scrollTo(0, 0)")
        check_page(page)
        shot(page, f"variants-{width}")
        by_keys(page, page.get_by_role("button", name="Keep and review"), "Enter")
        expect(page.get_by_text("“Plum and cocoa”")).to_be_visible()
        by_keys(page, page.get_by_role("radio", name="Now"), "ArrowDown")
        expect(page.get_by_role("radio", name="At a time")).to_be_checked()
        page.evaluate("scrollTo(0, 0)")
        check_page(page)
        by_keys(page, page.get_by_role("button", name="Send A, B"), "Enter")
        expect(page).to_have_url(re.compile("/trial$"))
        expect(page.get_by_role("heading", name="By keys")).to_be_visible()
        check_page(page)
        shot(page, f"trial-{width}")
