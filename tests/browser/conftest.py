"""A real Chromium in front of a whole running Nod, with the development mailbox."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from app.kernel.db import db
from app.local.supervised import free_port
from tests.conftest import settings_of_its_own
from tests.support.accounts import Account
from tests.support.browser import axe_source, launch_options
from tests.support.installation import Installation, running

WIDTHS = {"phone": (375, 812), "desk": (1280, 900)}
DESK_AND_PHONE = (("desk", "light"), ("phone", "dark"))
# Rules of WCAG 2.2 A and AA, and what axe calls best practice.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# To describe what is well, and to fetch all styles again for a rule that is not among these, is a third of axe's work.
FAULTS_ONLY = {"runOnly": RULES, "resultTypes": ["violations"], "preload": {"assets": ["media"]}}


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options())
        yield browser
        browser.close()


_MEANT = re.compile("status of 4|^htmx:(sendAbort|afterRequest),")
"""Refusals, and requests that a later one has taken the place of, which htmx tells as errors; those that fail have names of their own."""


@contextmanager
def tab(
    chromium, width: str = "desk", *, scripts: bool = True, dark: bool = False, base_url: str = ""
) -> Iterator[Page]:
    """A fresh browser profile; whatever the page's policy refuses or a script throws fails the test."""
    wide, high = WIDTHS[width]
    context = chromium.new_context(
        base_url=base_url or None, java_script_enabled=scripts, viewport={"width": wide, "height": high},
        color_scheme="dark" if dark else "light", reduced_motion="reduce",
    )  # fmt: skip
    page = context.new_page()
    page.set_default_timeout(15_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        lambda said: (
            faults.append(said.text) if said.type == "error" and not _MEANT.search(said.text) else None
        ),
    )
    try:
        yield page
    finally:
        context.close()
    assert not faults, faults


def check_page(page: Page) -> None:
    """Nothing for axe to say, nothing wider than the window."""
    page.wait_for_load_state()  # a press may still be on its way to the next page
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, f"{page.url} is {overflow} px too wide"
    _bring_axe(page)
    found = page.evaluate(
        "(async ([options]) => { const r = await axe.run(document, options);"
        " return r.violations.map(v => [v.id, v.nodes.slice(0, 3).map(n => n.html + ' ' + n.failureSummary)]); })",
        [FAULTS_ONLY],
    )
    assert not found, f"{page.url}: {json.dumps(found, indent=1)[:3000]}"


def _bring_axe(page: Page) -> None:
    """By the line that debuggers have: what comes so is compiled once, and no policy of the page is asked."""
    line = page.context.new_cdp_session(page)
    line.send("Runtime.evaluate", {"expression": f"{axe_source()};0"})
    line.detach()


def check_looks(page: Page, looks: Sequence[tuple[str, str]] = DESK_AND_PHONE) -> None:
    """The same in each of these widths and colour schemes; the page stays as the last one is."""
    for width, scheme in looks:
        wide, high = WIDTHS[width]
        page.set_viewport_size({"width": wide, "height": high})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        check_page(page)


def by_keys(page: Page, place: Locator, key: str = "") -> None:
    """Come to a place with the Tab key alone, as somebody does who has no mouse, and press ``key`` there."""
    for _ in range(200):
        if place.evaluate("one => one === document.activeElement"):
            break
        page.keyboard.press("Tab")
    expect(place).to_be_focused()
    if key:
        page.keyboard.press(key)


def sign_in(page: Page, account: Account) -> None:
    """Somebody with an account comes in."""
    page.goto("/sign-in")
    page.fill("[name=email]", account.email)
    page.fill("[name=password]", account.password)
    page.click("main button[type=submit]")
    expect(page).not_to_have_url(re.compile("/sign-in"))


@pytest.fixture
def nod(other_settings, tmp_path) -> Iterator[Installation]:
    """Everything that ``make run`` starts, the mailbox included."""
    port = free_port()
    settings = replace(
        other_settings, smtp_url=f"smtp://127.0.0.1:{port}", mailbox_dir=str(tmp_path / "mailbox")
    )
    with running(settings, tmp_path / "nod.log", "mailbox", "web", "senders", "clock") as made:
        yield made


@pytest.fixture(scope="module")
def alone(servers, template, tmp_path_factory) -> Iterator[Installation]:
    """The web alone, on a database that the tests of one file share: no mail leaves here."""
    log = tmp_path_factory.mktemp("web") / "nod.log"
    with settings_of_its_own(servers, template) as settings, running(settings, log, "web") as made:
        yield made


@pytest.fixture
def web(alone: Installation) -> Iterator[Installation]:
    """The same for one test, which leaves no session behind; whom it is about it makes itself."""
    db.session.remove()
    yield alone
    db.session.remove()
