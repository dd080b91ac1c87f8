"""From a fresh installation to a confirmed reader, as a person does it, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import check_looks, tab
from tests.support.installation import eventually
from tests.support.properties import whole

pytestmark = [pytest.mark.thorough, pytest.mark.browser, pytest.mark.timeout(240)]
READER = "mara.lindqvist@example.org"


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).first.click()


def look_away(_page: Page) -> None:
    """What most do who only need an installation that is set up."""


def set_up(page: Page, look: Callable[[Page], None] = look_away) -> None:
    """The wizard, to its end; each of its pages is looked at."""
    page.goto("/")
    expect(page).to_have_url(re.compile("/setup/account"))
    look(page)
    page.get_by_label("Your name").fill("Jonna Petersen")
    page.get_by_label("Your email address").fill("jonna@ostkai.example")
    page.get_by_label("Password").fill("a long walk by the harbour")
    press(page, "Create the account")
    expect(page).to_have_url(re.compile("/setup/brand"))
    look(page)
    page.get_by_label("Brand name").fill("Ostkai Coffee Roasters")
    page.get_by_label("Website").fill("https://ostkai.example/")
    page.get_by_label("Postal address").fill("Speicherweg 4\n24103 Kiel")
    press(page, "Save and continue")
    expect(page).to_have_url(re.compile("/setup/sender"))
    look(page)
    page.get_by_label("Sender name").fill("Jonna at Ostkai")
    page.get_by_label("Sender address").fill("jonna@news.ostkai.example")
    press(page, "Save and continue")
    expect(page).to_have_url(re.compile("/setup/test"))
    look(page)


def mails(page: Page, to: str) -> list[dict]:
    return page.request.get(f"/mailbox.json?to={to}").json()["mails"]


def newest(page: Page, to: str, count: int) -> dict:
    found = eventually(lambda: (all_ := mails(page, to)) and len(all_) >= count and all_, seconds=30)
    return page.request.get(f"/mailbox/{found[0]['id']}.json").json()


def link(mail: dict, start: str) -> str:
    found = [
        url for url in re.findall(r"https?://[^\s>]+", mail["text"]) if urlsplit(url).path.startswith(start)
    ]
    assert found, mail["text"]
    return urlsplit(found[0]).path


# What is pressed on a phone is looked at on a desk as well.
EACH_LOOK = [("desk", "dark"), ("desk", "light"), ("phone", "dark"), ("phone", "light")]
BY_DAY = [("desk", "light"), ("phone", "light")]


@pytest.mark.parametrize("width", whole(["phone"], ["phone", "desk"]))
def test_from_the_wizard_to_a_reader_who_leaves(nod, chromium, width):
    with tab(chromium, width, base_url=nod.url) as page:
        set_up(page, lambda step: check_looks(step, EACH_LOOK))
        if not mails(page, "jonna@ostkai.example"):
            press(page, "Send")
        newest(page, "jonna@ostkai.example", 1)
        page.get_by_role("link", name="It arrived, go on").click()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        check_looks(page, BY_DAY)
        page.goto("/forms")
        check_looks(page, BY_DAY)
        read_as_a_stranger(nod, chromium, width, form_of(page))
        page.goto("/people")
        check_looks(page, BY_DAY)
        page.get_by_role("link", name=re.compile("mara", re.IGNORECASE)).first.click()
        check_looks(page, BY_DAY)
        expect(page.get_by_text("Said yes").first).to_be_visible()
        person = page.url
        page.get_by_role("link", name=re.compile(r"This is wrong \(Said yes")).click()
        check_looks(page, BY_DAY)
        for path in ("/ground", "/ground?basis=contract"):
            page.goto(person + path)
            check_looks(page, BY_DAY)


def form_of(page: Page) -> str:
    """The path of the first form, from its own page."""
    page.locator("a.rowlink").first.click()
    check_looks(page, BY_DAY)
    found = re.search(r"/f/[\w-]+", page.content())
    assert found
    return found.group()


def read_as_a_stranger(nod, chromium, width, form):
    """Sign up, confirm, choose and leave without a script."""
    with tab(chromium, width, scripts=False, base_url=nod.url) as page:
        page.goto(form)
        sign_up(page)
        page.goto(link(newest(page, READER, 1), "/c/"))
        confirm(page)
        expect(page.locator("h1")).to_be_visible()
        welcome = newest(page, READER, 2)
        page.goto(link(welcome, "/p/"))
        page.locator("form button").first.click()
        page.goto(link(newest(page, READER, 3), "/my/"))
        expect(page.get_by_text(READER).first).to_be_visible()
        page.get_by_role("button", name="Stop everything").first.click()
        expect(page.locator("h1")).to_be_visible()


def sign_up(page: Page, reader: str = READER) -> None:
    page.locator("[name=email]").fill(reader)
    for box in page.locator("[name=topic]").all():
        box.check()
    page.locator("[name=yes]").check()
    page.wait_for_timeout(2100)
    page.locator("form button").first.click()
    expect(page.locator("h1")).to_be_visible()
    assert "inbox" in page.url


def confirm(page: Page) -> None:
    page.wait_for_timeout(2100)  # a person reads first; who is quicker is asked for one more tap
    page.locator("form button").first.click()
    expect(page.locator("h1")).to_be_visible()


def test_public_pages_are_whole_for_everybody(nod, chromium):
    with tab(chromium, base_url=nod.url) as owner:
        set_up(owner)
        owner.goto("/forms")
        address = form_of(owner)
    for width in whole(["phone"], ["phone", "desk"]):
        with tab(chromium, width, dark=width == "phone", base_url=nod.url) as page:
            read_every_page(page, address, f"mara-{width}@example.org")


def read_every_page(page: Page, address: str, reader: str) -> None:
    """All that somebody without an account can come to, each page looked at."""
    page.goto(address)
    check_looks(page)
    page.locator("form button").first.click()
    expect(page.get_by_role("alert")).to_be_visible()
    check_looks(page)
    sign_up(page, reader)
    check_looks(page)
    page.goto(link(newest(page, reader, 1), "/c/"))
    check_looks(page)
    confirm(page)
    check_looks(page)
    welcome = newest(page, reader, 2)
    for start in ("/p/", "/u/"):
        page.goto(link(welcome, start))
        check_looks(page)
    page.goto("/nowhere")
    check_looks(page)
