"""The settings in a real browser: every page clean for axe, on a phone and at a desk, in light and dark."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import check_page, tab
from tests.browser.test_first_run import press, set_up

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
PAGES = (
    "/", "/settings", "/settings/domain", "/settings/interests", "/settings/signals", "/settings/scores", "/settings/proof", "/settings/keys", "/settings/you", "/components",
)  # fmt: skip
PASSWORD = "a long walk by the harbour"
NEW = "nine herons stand in the shallows"


def sign_in(page: Page, password: str = PASSWORD) -> None:
    page.goto("/sign-in")
    page.get_by_label("Email").fill("jonna@ostkai.example")
    page.get_by_label("Password").fill(password)
    press(page, "Sign in")


def test_every_page_is_clean_and_each_form_works(chromium, nod):
    with tab(chromium, base_url=nod.url) as page:
        set_up(page)
        for path in PAGES:
            page.goto(path)
            check_page(page)
        count_anew(page)
        make_a_key(page)
        sign_the_mails(page)
        change_the_password(page)
    with tab(chromium, "phone", dark=True, scripts=False, base_url=nod.url) as page:
        sign_in(page, "the wrong words altogether")
        expect(page.get_by_text("do not match")).to_be_visible()
        sign_in(page, NEW)
        expect(page).to_have_url(re.compile("/$"))
    with tab(chromium, "phone", dark=True, base_url=nod.url) as page:
        page.goto("/sign-in")
        check_page(page)
        sign_in(page, NEW)
        for path in PAGES:
            page.goto(path)
            check_page(page)
        end_the_other_sessions(page)


def count_anew(page: Page) -> None:
    """Other rules of the score: the page follows by itself until everybody is counted by them."""
    page.goto("/settings/scores")
    page.get_by_label("Half-life in days").fill("0")
    press(page, "Save and count anew")
    expect(page.get_by_role("alert").get_by_text("1 to 3650 days")).to_be_visible()
    check_page(page)
    page.get_by_label("Half-life in days").fill("14")
    press(page, "Save and count anew")
    expect(page.get_by_label("Half-life in days")).to_have_value("14")
    check_page(page)
    expect(page.get_by_text("Everybody is being counted anew")).to_have_count(0, timeout=60_000)
    expect(page.get_by_text("after 14 days")).to_be_visible()


def make_a_key(page: Page) -> None:
    page.goto("/settings/keys")
    press(page, "Make the key")
    page.get_by_label("What uses it").fill("Shop")
    press(page, "Make the key")
    expect(page.get_by_role("alert").get_by_text("Choose at least one right")).to_be_visible()
    check_page(page)
    page.get_by_label("people.read").check()
    press(page, "Make the key")
    secret = page.get_by_label("Copy the key").first.input_value()
    check_page(page)
    answer = page.request.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
    assert answer.json()["key"]["scopes"] == ["people.read"]
    page.goto("/settings/keys")
    press(page, "Revoke Shop")
    assert page.request.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}).status == 401


def sign_the_mails(page: Page) -> None:
    page.goto("/settings/domain")
    press(page, "Make the keys")
    page.get_by_text("As a line of a zone file").click()
    expect(page.get_by_label("Copy line of the RSA key record").first).to_be_visible()
    check_page(page)
    press(page, "The records stand")
    press(page, "Sign with these keys")
    expect(page.get_by_text("Mails from this domain are signed")).to_be_visible()
    press(page, "Make new keys")
    check_page(page)


def change_the_password(page: Page) -> None:
    page.goto("/settings/you")
    page.get_by_label("Your password now").fill("the wrong words altogether")
    page.get_by_label("New password").fill(NEW)
    press(page, "Change the password")
    expect(page.get_by_role("alert").get_by_text("That is not your password")).to_be_visible()
    check_page(page)
    page.get_by_label("Your password now").fill(PASSWORD)
    page.get_by_label("New password").fill(NEW)
    press(page, "Change the password")
    expect(page.get_by_text("Your password is changed")).to_be_visible()
    check_page(page)


def end_the_other_sessions(page: Page) -> None:
    page.goto("/settings/you")
    expect(page.get_by_role("button", name=re.compile("^End the session"))).not_to_have_count(0)
    press(page, "End all others")
    expect(page.get_by_text("This one")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^End the session"))).to_have_count(0)
