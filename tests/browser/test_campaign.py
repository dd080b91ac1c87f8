"""A letter from the first word to the report, as a person does it, in a real browser; its readers press its links."""

from __future__ import annotations

import re
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from app.consent.rules import Level
from app.contacts import queries as contacts
from app.kernel.db import session, transaction
from tests.browser.conftest import check_looks, tab
from tests.browser.test_first_run import press, set_up
from tests.support import make, reading
from tests.support.installation import eventually
from tests.support.properties import whole

pytestmark = [pytest.mark.thorough, pytest.mark.browser, pytest.mark.timeout(300)]
READERS = 4


def bring_readers(page: Page, film: Film) -> None:
    """The people that the brand has already, as a file from its counter, with what they said."""
    page.goto("/people")
    page.get_by_role("link", name="Import").first.click()
    rows = "".join(f"reader{n}@example.org;Reader{n};01.05.2026\n" for n in range(READERS))
    file = {"name": "counter.csv", "mimeType": "text/csv", "buffer": f"E-Mail;Vorname;Datum\n{rows}".encode()}
    page.set_input_files("input[type=file]", file)
    film.step(page, "a-file")
    press(page, "Look at its columns")
    page.get_by_label("What “Datum” holds").select_option("said_at")
    page.get_by_label("They said yes, and we can say").check()
    page.locator("input[name=interest]").first.check()
    page.get_by_label("The words that they agreed to").fill("Yes, send me the letters.")
    page.get_by_label("Where they said it").fill("The counter in Kiel")
    page.get_by_label("How you know that").fill("They wrote it into our book.")
    film.step(page, "what-it-holds")
    press(page, "Check the file")
    page.get_by_role("button", name=f"Bring in {READERS} people").click(timeout=60_000)
    expect(page.get_by_text(f"{READERS} people may be written to because of this file.")).to_be_visible(timeout=60_000)
    film.step(page, "readers")


def let_see(nod) -> None:
    """All readers but the last say that what they open may be seen, as they do on a page of their own."""
    with nod.app.app_context():
        workspace_id = session().execute(text("SELECT id FROM workspaces")).scalar_one()
        where = make.Place(workspace_id, workspace_id, "", ())
        for who, address in contacts.list_by_beginning(workspace_id, "reader"):
            if address != f"reader{READERS - 1}@example.org":
                reading.allow(where, who, Level.INDIVIDUAL)


def mail_to(page: Page, to: str) -> dict:
    found = eventually(lambda: page.request.get(f"/mailbox.json?to={to}").json()["mails"], seconds=60)
    return page.request.get(f"/mailbox/{found[0]['id']}.json").json()


def link_of(mail: dict, start: str) -> str:
    found = [
        url for url in re.findall(r"https?://[^\s>\"]+", mail["text"]) if urlsplit(url).path.startswith(start)
    ]
    assert found, mail["text"]
    return urlsplit(found[0]).path


class Film:
    """A picture of each step, in the test's own folder, and how long the whole has taken so far."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.began, self.steps = folder, time.monotonic(), 0

    def step(self, page: Page, name: str) -> None:
        self.steps += 1
        page.screenshot(path=self.folder / f"{self.steps:02}-{name}.png")

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began


def write(page: Page, film: Film) -> None:
    """From the empty list to a letter of blocks with one button."""
    page.goto("/campaigns")
    film.step(page, "no-campaign-yet")
    check_looks(page)
    page.get_by_role("link", name="New campaign").first.click()
    check_looks(page)
    page.get_by_label("Name", exact=True).fill("Guji week")
    film.step(page, "new-campaign")
    press(page, "Write the letter")
    expect(page).to_have_url(re.compile("/letters/"))
    page.get_by_role("textbox", name="Subject", exact=True).fill("Guji is in")
    page.get_by_role("textbox", name="Preview line").fill("Washed and bright")
    film.step(page, "two-lines")
    page.get_by_role("button", name="Add", exact=True).click()
    page.locator("#add").get_by_role("button", name=re.compile("^Button")).click()
    page.get_by_role("textbox", name="Words on it", exact=True).fill("Hello, Guji is in")
    page.get_by_role("textbox", name="Leads to").fill("https://ostkai.example/guji")
    expect(page.frame_locator("#preview").get_by_role("link", name="Hello, Guji is in")).to_be_visible()
    expect(page.locator("#facts")).not_to_contain_text("leads nowhere")
    film.step(page, "a-button")
    page.get_by_role("link", name="Continue").click()


def choose(page: Page) -> None:
    expect(page.get_by_role("heading", name="Who gets it")).to_be_visible()
    page.get_by_role("checkbox").first.check()
    expect(page.locator("#who .big")).to_have_text(str(READERS))
    check_looks(page)
    press(page, "Review")
    expect(page).to_have_url(re.compile("/review"))
    check_looks(page)


@pytest.mark.parametrize("width", whole(["phone"], ["phone", "desk"]))
def test_a_letter_from_the_first_word_to_the_report(nod, chromium, width, tmp_path):
    nod.start("bulk")
    with tab(chromium, width, dark=width == "phone", base_url=nod.url) as page:
        film = Film(tmp_path)
        set_up(page, lambda step: film.step(step, urlsplit(step.url).path.strip("/").replace("/", "-")))
        bring_readers(page, film)
        let_see(nod)
        write(page, film)
        choose(page)
        film.step(page, "review")
        press(page, "Try it with everybody")
        # By a real worker; the panel follows by itself, and the checks with it.
        expect(page.get_by_text(f"Tried with {READERS} people.")).to_be_visible(timeout=60_000)
        expect(page.get_by_text("Not tried with everybody yet")).to_be_hidden()
        check_looks(page)
        film.step(page, "tried")
        press(page, "Send me a test")
        expect(page.get_by_text("A test is on its way")).to_be_visible()
        page.get_by_label("Time to change your mind").select_option("600")
        press(page, f"Send to {READERS} people")
        expect(page.get_by_role("heading", name="Leaves in")).to_be_visible()
        check_looks(page)
        press(page, "Send without waiting")
        assert film.seconds < 300  # from nothing to a first newsletter on its way
        # The page follows by itself until all of it is over.
        expect(page).to_have_url(re.compile("/report"), timeout=60_000)
        check_looks(page)
        film.step(page, "report")
        expect(page.get_by_role("link", name=f"{READERS} sent: show who")).to_be_visible()
        read_and_leave(nod, chromium, page, width)
        eventually(lambda: clicked(page), seconds=40, pause=1.0)
        check_looks(page)
        page.get_by_text("Show as a table").click()
        check_looks(page)
        page.get_by_role("link", name=f"{READERS} sent: show who").click()
        check_looks(page)
        for path in ("/campaigns", "/campaigns/calendar"):
            page.goto(path)
            expect(page.get_by_role("link", name=re.compile("Guji week"))).to_be_visible()
            check_looks(page)


def read_and_leave(nod, chromium, page: Page, width: str) -> None:
    """One reader presses the link of the mail, another leaves by it."""
    with nod.app.app_context(), transaction():
        # What comes within seconds of the delivery is a program's: an hour has passed.
        session().execute(
            text(
                "UPDATE messages SET done_at = done_at - interval '1 hour', began_at = began_at - interval '1 hour'"
            )
        )
    with tab(chromium, width, scripts=False, base_url=nod.url) as reader:
        answer = reader.request.get(
            link_of(mail_to(page, "reader0@example.org"), "/r/"),
            max_redirects=0,
            headers={"User-Agent": reading.FIREFOX},
        )
        assert answer.status == 302
        assert answer.headers["location"] == "https://ostkai.example/guji"
        reader.goto(link_of(mail_to(page, "reader1@example.org"), "/u/"))
        reader.locator("form button").first.click()
        expect(reader.locator("h1")).to_be_visible()


def clicked(page: Page) -> bool:
    page.reload()
    found = dict(
        re.findall(r"(Clicked by hand|Left within a week)</dt><dd><a[^>]*>(\d+)</a>", page.content())
    )
    return found == {"Clicked by hand": "1", "Left within a week": "1"}
