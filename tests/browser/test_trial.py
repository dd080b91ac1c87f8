"""A trial of variants with a second person's yes, and what follows a campaign: by mouse on a desk, by keys alone on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from app.accounts.rules.roles import Role
from app.campaigns import deciding
from app.consent.rules import Level
from app.delivery import schedule
from app.delivery import service as delivery
from app.kernel.db import session, transaction
from app.kernel.ids import uuid7
from tests.browser.conftest import by_keys, check_page, sign_in, tab
from tests.campaigns.conftest import Made, draft
from tests.campaigns.test_trials import hand_over, parts
from tests.support import make
from tests.support.accounts import Account, make_member
from tests.support.mailing import Setting, crowd

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def made(web) -> Made:
    where = make.place()
    with transaction():
        delivery.set_sender(where.id, "Ostkai", "hello@ostkai.example")
    crowd(Setting(where, uuid7()), 120, tracking=Level.INDIVIDUAL)
    return draft(where)


def test_variants_are_tried_agreed_to_and_followed_up(web, chromium, made):
    owner = Account(made.where.owner_id, made.where.id, made.where.owner_email, make.PASSWORD)
    colleague = make_member(made.where.id, Role.EDITOR, f"jo{uuid7()}@ostkai.example")
    with tab(chromium, base_url=web.url) as page:
        sign_in(page, owner)
        vary(page, made)
        page.get_by_label("Say something to your colleagues").fill("Is B too long?")
        page.get_by_role("button", name="Add comment").click()
        expect(page.get_by_text("Is B too long?")).to_be_visible()
        page.get_by_role("button", name="Ask for a second person’s yes").click()
        expect(page.get_by_role("button", name=re.compile("Send A, B, C"))).to_be_disabled()
        check_page(page)
        agree(web, chromium, made, colleague)
        page.reload()
        page.get_by_label("Time to change your mind").select_option("0")
        page.get_by_role("button", name=re.compile("Send A, B, C")).click()
        expect(page.get_by_text("The sample is on its way")).to_be_visible()
    schedule.run()
    hand_over(session(), made, {"A": 2, "B": 9})
    deciding.run()
    session().commit()
    follow(web, chromium, made, owner)


def vary(page: Page, made: Made) -> None:
    """Three variants by mouse: of subject and of content; orders decide."""
    page.goto(f"{made.path}/review")
    page.get_by_role("link", name="Try variants").click()
    check_page(page)
    page.get_by_label("Another subject").fill("Plum, cocoa and a surprise")
    page.get_by_label("What decides").select_option("order")
    page.get_by_label("Sample, in percent").fill("50")
    page.get_by_label("Held out, in percent").fill("10")
    page.get_by_role("button", name="Add a variant").click()
    third = page.get_by_role("group", name="Variant C")
    third.get_by_label("Another letter").check()
    page.get_by_role("button", name="Keep and review").click()
    expect(page.get_by_text("the winner by orders, 4 hours after the sample has gone")).to_be_visible()
    page.get_by_role("link", name="Change", exact=True).first.click()
    expect(third.get_by_role("link", name="Edit the letter of C")).to_be_visible()
    third.get_by_label("Another sender’s name").fill("Jonna of Ostkai")
    check_page(page)
    page.get_by_role("button", name="Keep and review").click()
    check_page(page)


def agree(web, chromium, made: Made, colleague: Account) -> None:
    with tab(chromium, "phone", dark=True, base_url=web.url) as page:
        sign_in(page, colleague)
        page.goto(f"{made.path}/review")
        check_page(page)
        by_keys(page, page.get_by_role("button", name="Say yes to it as it is"), "Enter")
        expect(page.get_by_text("has said yes.")).to_be_visible()


def follow(web, chromium, made: Made, owner: Account) -> None:
    """By keys alone: what the numbers say, the decision, and the letter again for those whom it did not move."""
    with tab(chromium, "phone", dark=True, base_url=web.url) as page:
        sign_in(page, owner)
        page.goto(f"{made.path}/trial")
        expect(page.get_by_text("Too few orders to tell (A 0.0%, B 0.0%, C 0.0%)")).to_be_visible()
        expect(page.get_by_text("Too few orders to tell what it brought")).to_be_visible()
        check_page(page)
        by_keys(page, page.get_by_role("button", name="Send B to the rest now"), "Enter")
        expect(page.get_by_text("The rest gets B")).to_be_visible()
        check_page(page)
        page.goto(f"/campaigns/{parts(made)['B'].id}/report")
        check_page(page)
        by_keys(page, page.get_by_role("button", name="To those who did not click"), "Enter")
        expect(page).to_have_url(re.compile("/letters/|/write"))
        check_page(page)
