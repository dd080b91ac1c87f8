"""The report of a campaign in a real browser: on a desk and on a phone in the dark, and what everybody may see of it."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from app.consent.rules import Level
from app.contacts import service as contacts
from app.delivery import schedule
from app.delivery import service as delivery
from app.kernel import clock
from app.kernel.db import session, transaction
from app.kernel.ids import uuid7
from app.tracking import service as tracking
from app.tracking.rules.hits import NO_LINK, Hit, Kind
from tests.browser.conftest import by_keys, check_page, tab
from tests.browser.test_segments import sign_in
from tests.campaigns.conftest import Made, draft, launched
from tests.support import make, reading

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
INNER = (
    '<mj-text>Hello, three coffees are new: <a href="https://ostkai.example/guji">Guji</a>,'
    ' <a href="https://ostkai.example/gedeo">Gedeo</a> and <a href="https://ostkai.example/huila?from=letter">Huila</a>.</mj-text>'
)
DOMAINS = ("gmail.com", "gmail.com", "gmx.de", "posteo.example", "example.org")


@pytest.fixture
def made(web):
    """Two campaigns that went to twenty people, a day apart; who read it did so over some hours."""
    where = make.place()
    with transaction():
        delivery.set_sender(where.id, "Ostkai", "hello@ostkai.example")
        contacts.define_field(where.id, "Country", "country")
    people = [make.person(where.id, f"reader{i}@{DOMAINS[i % 5]}", f"Reader{i}") for i in range(20)]
    for i, who in enumerate(people):
        make.confirmed(where, who, interests=1)
        reading.allow(where, who, Level.INDIVIDUAL)
        with transaction():
            contacts.set_fields(where.id, who.id, {"country": ["DE" if i % 3 else "AT"]})
    sent(draft(where, "October letter", inner=INNER), days=1)
    return sent(draft(where, "Three new coffees", inner=INNER), days=0)


def sent(made: Made, days: int) -> Made:
    number = launched(made)
    schedule.run()
    at = "clock_timestamp() - interval '9 hours'"
    with transaction():
        for first, last, what in (
            (1, 15, "state = 'sent'"), (16, 17, "state = 'failed', reply_code = 550, reply_status = '5.1.1'"),
            (18, 18, "state = 'failed', reply_code = 554, reply_status = '5.7.1'"),
            (19, 19, "state = 'suppressed', reply_text = 'stopped everything'"), (20, 20, "state = 'unknown'"),
        ):  # fmt: skip
            session().execute(
                text(f"UPDATE messages SET {what}, began_at = {at}, done_at = {at} WHERE mailing_no = :no AND n BETWEEN :a AND :b"),
                {"no": number, "a": first, "b": last},
            )
        values = {"no": number, "ago": timedelta(days=days, hours=9)}
        session().execute(text("UPDATE mailings SET frozen_at = clock_timestamp() - CAST(:ago AS interval) WHERE no = :no"), values)
    schedule.run()
    phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) Mobile/15E148"
    with transaction():
        now = clock.now()
        hits = [
            Hit(uuid7().hex, number, n, kind, NO_LINK if kind is Kind.OPEN else n % 3, now - timedelta(minutes=minutes), False, False,
                phone if n % 2 else reading.FIREFOX, uuid7().hex, 1)
            for kind, most, step in ((Kind.OPEN, 11, 40), (Kind.CLICK, 7, 55))
            for n in range(1, most - days)
            for minutes in (n * step,)
        ]  # fmt: skip
        hits += [Hit(uuid7().hex, number, 12, Kind.CLICK, 0, now - timedelta(hours=3), False, False, "curl/8", uuid7().hex, 1)]
        tracking.ingest_batch(hits)
    session().commit()
    return made


def look(page: Page, name: str) -> None:
    check_page(page)
    if folder := os.environ.get("NOD_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"report-{name}.png", full_page=True)


def read_the_archive(page: Page, url: str) -> None:
    """As everybody may: the letters so far, one of them, and what its mail's own link leads to looks the same."""
    page.goto("/" + url.split("/", 3)[3].rpartition("/")[0])
    check_page(page)
    by_keys(page, page.get_by_role("link", name="Three new coffees"), "Enter")
    expect(page.frame_locator("iframe").get_by_text("Hello, three coffees are new")).to_be_visible()
    check_page(page)


def read_by_keys(page: Page, path: str) -> None:
    """As somebody who has no mouse: to the people of a number, into a segment that is kept, and a link for a week."""
    page.goto(path)
    by_keys(page, page.get_by_role("link", name=re.compile("no such mailbox: show who")), "Enter")
    by_keys(page, page.get_by_label("Save as a segment called"), "ControlOrMeta+a")
    page.keyboard.type("Gone")
    by_keys(page, page.get_by_role("button", name="Save as segment"), "Enter")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Gone")
    page.goto("/people/segments")
    expect(page.get_by_role("link", name="Gone")).to_be_visible()
    page.goto(path)
    by_keys(page, page.get_by_label("A link for everybody works for"), "Home")
    by_keys(page, page.get_by_role("button", name="Make a link"), "Enter")
    by_keys(page, page.get_by_role("button", name="Copy the link").first, "Enter")
    expect(page.get_by_text("works until")).to_have_count(2)


def test_a_report_is_read_saved_and_shared(made, web, chromium):
    with tab(chromium, base_url=web.url) as page:
        sign_in(page, made.where)
        page.goto(f"{made.path}/report")
        expect(page.get_by_role("heading", name="Receivers")).to_be_visible()
        look(page, "desk")
        page.get_by_role("link", name="On the mail").click()
        expect(page.frame_locator("iframe").get_by_text("%").first).to_be_visible()
        look(page, "clicks-desk")
        page.goto(f"{made.path}/report")
        page.get_by_role("link", name=re.compile("no such mailbox: show who")).click()
        look(page, "people-desk")
        page.get_by_role("button", name="Save as segment").click()
        expect(page.get_by_label("Name", exact=True)).to_have_value("Three new coffees: not reached: no such mailbox")
        page.goto(f"{made.path}/report")
        page.get_by_role("button", name="Make a link").click()
        address = page.get_by_label("Copy the link").input_value()
        page.get_by_role("button", name="Show it in the archive").click()
        archive = page.get_by_role("link", name="in your archive").get_attribute("href")
        signed_in = page.context.cookies()
        read_by_keys(page, f"{made.path}/report")
    path = "/" + address.split("/", 3)[3]
    with tab(chromium, base_url=web.url) as page:
        page.goto(path)
        look(page, "public-desk")
        read_the_archive(page, archive)
    with tab(chromium, "phone", dark=True, base_url=web.url) as page:
        page.goto(path)
        expect(page.get_by_text("Audience of 20")).to_be_visible()
        look(page, "public-phone-dark")
        read_the_archive(page, archive)
        page.context.add_cookies(signed_in)
        page.goto(f"{made.path}/report")
        look(page, "phone-dark")
        by_keys(page, page.get_by_role("link", name=re.compile("no such mailbox: show who")), "Enter")
        expect(page.get_by_label("Save as a segment called")).to_be_visible()
        look(page, "people-phone-dark")
        page.goto(f"{made.path}/report")
        by_keys(page, page.get_by_role("button", name="To those who did not click"), "Enter")
        expect(page).to_have_url(re.compile("/letters/"))
        check_page(page)
        page.goto(f"{made.path}/clicks")
        look(page, "clicks-phone-dark")
