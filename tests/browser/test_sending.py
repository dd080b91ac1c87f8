"""Watching a campaign leave: doubt, a receiver that rests, and lanes, told live and without scripts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from app.consent import queries as consent
from app.delivery import service as delivery
from app.kernel.db import session, transaction
from tests.browser.conftest import check_looks, tab
from tests.browser.test_first_run import set_up
from tests.campaigns.conftest import draft, launched
from tests.support import make
from tests.support.installation import eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def readers(nod) -> make.Place:
    """The brand with six who said yes."""
    with nod.app.app_context():
        workspace_id = session().execute(text("SELECT id FROM workspaces")).scalar_one()
        owner = session().execute(text("SELECT id FROM users")).scalar_one()
        where = make.Place(workspace_id, owner, "", tuple(consent.list_interests(workspace_id)))
        session().rollback()
        for i in range(6):
            make.confirmed(where, make.person(workspace_id, f"reader{i}@gmail.com", f"Reader{i}"), interests=1)
        return where


def leaving(nod, where: make.Place) -> tuple[str, int]:
    """A campaign to them that nobody sends here: path and number of its mailing."""
    with nod.app.app_context():
        made = draft(where, "Gesha week")
        return made.path, launched(made)


def change(nod, sql: str, **values) -> None:
    with nod.app.app_context(), transaction():
        session().execute(text(sql), values)


def rests(nod) -> None:
    with nod.app.app_context(), transaction():
        delivery.set_rate("default", "gmail.com", 90)
        session().execute(
            text("UPDATE paces SET rest = 'patience', rest_until = clock_timestamp() + interval '9 minutes',"
                 " says = '421 4.7.0 too many connections' WHERE domain_group = 'gmail.com'")
        )  # fmt: skip


LOOKS = {width: [(width, "dark"), (width, "light")] for width in ("desk", "phone")}


def test_what_happens_while_it_leaves_is_seen(nod, chromium):
    with tab(chromium, base_url=nod.url) as owner:
        set_up(owner)
        signed_in = owner.context.cookies()
    where = readers(nod)
    for width in LOOKS:
        with tab(chromium, width, base_url=nod.url) as page:
            page.context.add_cookies(signed_in)
            watch_it_leave(nod, page, where, width)
        change(nod, "UPDATE paces SET rest = DEFAULT, rest_until = NULL, says = DEFAULT")


def watch_it_leave(nod, page: Page, where: make.Place, width: str) -> None:
    path, number = leaving(nod, where)
    eventually(lambda: nod_state(nod, number) == "running", seconds=30)
    page.goto(f"{path}/sending")
    expect(page.get_by_role("link", name="6 waiting: show who")).to_be_visible()
    expect(page.get_by_text("in doubt")).to_have_count(0)
    lately = "done_at = clock_timestamp(), state ="
    change(nod, f"UPDATE messages SET {lately} 'sent' WHERE mailing_no = :no AND n <= 2", no=number)
    change(nod, f"UPDATE messages SET {lately} 'unknown' WHERE mailing_no = :no AND n = 3", no=number)
    change(nod, f"UPDATE messages SET {lately} 'failed' WHERE mailing_no = :no AND n = 4", no=number)
    rests(nod)
    # The page follows by itself.
    expect(page.get_by_role("link", name="2 sent: show who")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("1 mail is in doubt.")).to_be_visible()
    expect(page.get_by_text("gmail.com asked us to wait: 421 4.7.0.")).to_be_visible()
    expect(page.get_by_text("left, until")).to_be_visible()
    expect(page.get_by_role("heading", name="Lanes")).to_be_visible()
    check_looks(page, LOOKS[width])
    if folder := os.environ.get("NOD_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"sending-{width}.png", full_page=True)
    page.get_by_role("button", name="Send the 1 unknown").click()
    expect(page.get_by_role("link", name="3 waiting: show who")).to_be_visible()
    page.get_by_role("button", name="Send to the rest").click()
    expect(page.get_by_role("link", name="4 waiting: show who")).to_be_visible()
    check_looks(page, LOOKS[width])


def nod_state(nod, number: int) -> str:
    with nod.app.app_context():
        state = session().execute(text("SELECT state FROM mailings WHERE no = :no"), {"no": number}).scalar_one()
        session().rollback()
    return str(state)
