"""A receipt from the first word to the shop's call, in a real browser: the mail leaves, the report says so."""

from __future__ import annotations

import os
import re

import pytest
from playwright.sync_api import Page, expect

from app.delivery import outlets, pump, service
from app.kernel.db import session, transaction
from tests.browser.conftest import by_keys, check_page, sign_in, tab
from tests.browser.test_first_run import press
from tests.support import accounts, programs

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("NOD_SHOTS", "")


@pytest.fixture(scope="module")
def owner(alone):
    made = accounts.make_owner()
    with transaction():
        service.set_sender(made.workspace_id, "Oxbow", "hello@oxbow.example")
    return made


def look(page: Page, name: str) -> None:
    check_page(page)
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def test_a_receipt_is_written_published_and_sent_by_a_shop(chromium, web, owner, smtp):
    outlets.configure(f"smtp://127.0.0.1:{smtp.port}")
    with tab(chromium, base_url=web.url) as page:
        sign_in(page, owner)
        page.goto("/campaigns")
        page.get_by_role("link", name="Transactional", exact=True).click()
        look(page, "empty")
        page.get_by_role("link", name="New template").first.click()
        page.get_by_label("Name", exact=True).fill("Order receipt")
        look(page, "new")
        press(page, "Make the template")
        expect(page.get_by_role("heading", name="Order receipt")).to_be_visible()
        template = page.url
        page.get_by_label("Names with an example").fill("order.number = OK-1\norder.url = https://oxbow.example/OK-1")
        press(page, "Keep the names")
        write(page)
        press(page, "Publish")
        expect(page.get_by_text("Programs send this from now on")).to_be_visible()
        look(page, "template")
        call_as_a_shop(owner, page, smtp)
        page.goto("/transactional/report")
        expect(page.get_by_role("cell", name="Accepted").first).to_be_visible()
        look(page, "report")
    with tab(chromium, "phone", dark=True, base_url=web.url) as page:
        sign_in(page, owner)
        for path in ("/transactional", "/transactional/new", template, "/transactional/report"):
            page.goto(path)
            look(page, f"phone-{path.rpartition('/')[2]}")
        begin_by_keys(page)


def write(page: Page) -> None:
    """The subject, in the editor of every letter, and back."""
    page.get_by_role("link", name="Write", exact=True).click()
    expect(page).to_have_url(re.compile("/letters/"))
    page.get_by_role("textbox", name="Subject", exact=True).fill("Order {{ data.order.number }}")
    page.get_by_role("textbox", name="Preview line").fill("Thank you")
    expect(page.locator("#seen-subject")).to_have_text("Order OK-1")
    look(page, "editor")
    page.get_by_role("link", name="Continue").click()


def begin_by_keys(page: Page) -> None:
    """As somebody who has no mouse: a template, what it is told, its words, and out to the programs."""
    page.goto("/transactional")
    by_keys(page, page.get_by_role("link", name="New template").first, "Enter")
    by_keys(page, page.get_by_label("Name", exact=True))
    page.keyboard.type("Parcel sent")
    by_keys(page, page.get_by_role("button", name="Make the template"), "Enter")
    expect(page.get_by_role("heading", name="Parcel sent")).to_be_visible()
    by_keys(page, page.get_by_label("Names with an example"))
    page.keyboard.type("parcel.number = P-7")
    by_keys(page, page.get_by_role("button", name="Keep the names"), "Enter")
    expect(page.get_by_text("Kept.")).to_be_visible()
    by_keys(page, page.get_by_role("link", name="Write", exact=True), "Enter")
    by_keys(page, page.get_by_role("textbox", name="Subject", exact=True))
    page.keyboard.type("Parcel {{ data.parcel.number }}")
    by_keys(page, page.get_by_role("textbox", name="Preview line"))
    page.keyboard.type("On its way")
    expect(page.locator("#seen-subject")).to_have_text("Parcel P-7")
    expect(page.locator("#saved")).to_contain_text(re.compile(r"Saved \d\d:\d\d"))
    by_keys(page, page.get_by_role("link", name="Continue"), "Enter")
    by_keys(page, page.get_by_role("button", name="Publish"), "Enter")
    expect(page.get_by_text("Programs send this from now on")).to_be_visible()


def call_as_a_shop(owner, page: Page, smtp) -> None:
    headers = programs.key_of(owner.workspace_id, ("campaigns.write",)) | {"Idempotency-Key": "receipt-1"}
    body = {"template": "order-receipt", "to": "mara@example.org", "data": {"order.number": "OK-20418"}}
    for _ in range(2):
        assert page.request.post("/api/v1/transactional", headers=headers, data=body).status == 202
    pump.run_slice("system", deadline_seconds=20)
    (copy,) = smtp.to("mara@example.org")
    assert copy.parsed["Subject"] == "Order OK-20418"
    session().rollback()
