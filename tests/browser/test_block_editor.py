"""Writing a letter of blocks in a real browser: with a mouse, with keys alone on a phone, and what is never lost."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from app.content import pictures, queries, service
from app.content.service import blocks as service_blocks
from app.content.service import pictures as service_pictures
from app.content.service import snippets
from app.kernel.db import session, transaction
from tests.browser.conftest import by_keys, check_page, sign_in, tab
from tests.support import accounts, images

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def owner(alone):
    return accounts.make_owner()


TYPED = """(field, all) => {
  for (const words of all) {
    field.value = words;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
}"""


def begin(owner, page: Page):
    with transaction():
        letter = service.create_letter(owner.workspace_id, "November", design="announcement")
    sign_in(page, owner)
    page.goto(f"/letters/{letter.id}")
    return letter


def kinds(owner, letter) -> list[str]:
    session().rollback()
    session().expire_all()
    return [one["kind"] for one in queries.get_letter(owner.workspace_id, letter.id).blocks]


def saved(page: Page) -> None:
    expect(page.locator("#saved")).to_contain_text(re.compile(r"Saved \d\d:\d\d"))


def test_blocks_are_pressed_dragged_filled_in_and_seen_at_once(chromium, web, owner):
    with tab(chromium, base_url=web.url) as page:
        letter = begin(owner, page)
        seen = page.frame_locator("#preview")
        # Words for many letters are written first, and seen while they are.
        page.goto("/snippets/new")
        expect(page.frame_locator("[name=preview-frame]").get_by_role("heading")).to_have_text("No preview yet")
        page.get_by_label("Name").fill("Opening hours")
        page.locator(".rich .ProseMirror").click()
        page.keyboard.type("Open from 8 to 18")
        expect(page.frame_locator("[name=preview-frame]").locator("section div").first).to_have_text("Open from 8 to 18")
        check_page(page)
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("heading", name="Where it stands")).to_be_visible()
        check_page(page)
        page.goto("/snippets")
        check_page(page)
        page.goto(f"/letters/{letter.id}")
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), "its parts scroll, not the page"

        # A press in the preview opens the block there.
        seen.get_by_text("Three neighbours, three cups").click()
        expect(page.locator("#block-title")).to_have_text("Heading")
        expect(page.get_by_role("textbox", name="Heading", exact=True)).to_be_focused()
        page.get_by_role("textbox", name="Heading", exact=True).fill("Guji is in, ")
        page.get_by_role("button", name="Insert what is known of the reader into “Heading”").click()
        page.locator("#tags").get_by_role("button", name=re.compile("^First name")).click()
        expect(seen.get_by_text("Guji is in, Mara")).to_be_visible()
        page.get_by_role("button", name="Insert what is known of the reader into “Heading”").click()
        page.locator("#tags").get_by_role("button", name="Opening hours").click()
        expect(seen.get_by_text("Guji is in, MaraOpen from 8 to 18")).to_be_visible()
        saved(page)
        expect(page.locator("#words-b4")).to_contain_text("Guji is in")

        # Rich text stays clean, and what is pasted from elsewhere becomes clean.
        page.locator("#go-b6").click()
        writing = page.locator(".rich .ProseMirror")
        expect(writing).to_be_visible()
        writing.click()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type("Washed and bright.")
        page.keyboard.press("Shift+Home")
        page.get_by_role("button", name="Bold", exact=True).click()
        expect(seen.locator("strong")).to_have_text("Washed and bright.")
        check_page(page)

        page.get_by_role("button", name="Add", exact=True).click()
        page.locator("#add").get_by_role("button", name=re.compile("^Quote")).click()
        expect(page.get_by_role("textbox", name="What was said")).to_be_focused()
        expect(seen.get_by_text("Something kind that somebody said.")).to_be_visible()
        assert kinds(owner, letter)[6] == "quote"
        page.locator(".blocks li.on").drag_to(page.locator(".blocks li[data-id=b2]"))
        expect(page.locator(".blocks li").nth(2)).to_contain_text("Quote")
        assert kinds(owner, letter)[1] == "quote"
        page.get_by_role("button", name="Undo").click()
        expect(page.locator(".blocks li").nth(7)).to_contain_text("Quote")
        page.get_by_role("button", name="Redo").click()
        expect(page.locator(".blocks li").nth(2)).to_contain_text("Quote")
        last = page.locator(".blocks li").last
        height = last.bounding_box()["height"]
        page.locator(".blocks li.on").drag_to(last, target_position={"x": 60, "y": height - 3})
        expect(last).to_contain_text("Quote")
        assert kinds(owner, letter)[-1] == "quote"
        page.locator(".blocks li.on a").click()
        # One that is kept for other letters can be had again, and kept no longer.
        page.get_by_text("Keep it for other letters").click()
        page.locator("#kept-name").fill("Praise")
        page.get_by_role("button", name="Keep block").click()
        expect(page.locator("#add-kept")).to_have_count(1)
        page.get_by_role("button", name="Add", exact=True).click()
        check_page(page)
        page.locator("#add").get_by_role("button", name="Keep “Praise” no longer").click()
        expect(page.locator("#add-kept")).to_have_count(0)
        expect(page.locator("#block-title")).to_have_text("Quote")
        page.get_by_role("button", name="Remove block").click()
        expect(seen.get_by_text("Something kind that somebody said.")).to_have_count(0)
        assert "quote" not in kinds(owner, letter)

        # Typed and pressed on at once: what was typed is kept too.
        page.locator("#go-b7").click()
        page.get_by_role("textbox", name="Words on it", exact=True).fill("Taste it")
        page.locator("#go-lines").click()
        page.get_by_role("textbox", name="Subject", exact=True).fill("Guji is in")
        page.locator("#go-b2").click()
        expect(page.locator("#block-title")).to_have_text("Image")
        session().rollback()
        session().expire_all()
        kept = queries.get_letter(owner.workspace_id, letter.id)
        assert kept.subject == "Guji is in"
        assert "Taste it" in kept.source

        # A version is kept, looked back at and left alone.
        by_keys(page, page.get_by_role("button", name="Versions"), "Enter")
        by_keys(page, page.get_by_role("button", name="Keep this as a version"), "Enter")
        page.get_by_role("button", name="Versions").click()
        by_keys(page, page.get_by_role("link", name="What has changed since"), "Enter")
        expect(page.get_by_role("heading", name="What has changed since version 1")).to_be_visible()
        check_page(page)
        page.get_by_role("link", name="Back to the letter").click()
        page.locator("#go-b2").click()
        expect(page.locator("#block-title")).to_have_text("Image")

        # Somebody else's words are never written over.
        with transaction():
            service_blocks.edit(owner.workspace_id, letter.id, subject="Theirs")
        page.get_by_role("textbox", name="What it shows", exact=True).fill("A ship")
        expect(page.locator("#notice")).to_contain_text("somebody else has saved this letter")
        assert queries.get_letter(owner.workspace_id, letter.id).subject == "Theirs"
        page.on("dialog", lambda dialog: dialog.accept())


def test_the_mail_comes_before_what_is_said_of_it_and_nobody_elses_words_are_written_over(chromium, web, owner):
    with tab(chromium, base_url=web.url) as page:
        letter = begin(owner, page)
        saved(page)
        page.locator("#go-lines").click()
        asked: list[str] = []
        own = f"/letters/{letter.id}"
        page.on("request", lambda one: asked.append(f"{one.method} {one.url}".partition("?")[0]) if own in one.url else None)
        page.locator("#subject").fill("Guji is in")
        expect(page.locator("#inbox")).to_contain_text("Guji is in")
        assert [one.replace(web.url + own, "") for one in asked] == ["POST /lines", "GET /preview", "GET "]
        saved(page)

        held = []
        page.route("**/preview?*", lambda route: held.append(route), times=1)
        page.locator("#subject").fill("Mine")
        while not held:
            page.wait_for_timeout(20)
        with transaction():
            service_blocks.edit(owner.workspace_id, letter.id, subject="Theirs")
        with page.expect_response(lambda one: one.request.method == "GET" and one.url.partition("?")[0].endswith(own)):
            held.pop().continue_()
        page.locator("#subject").fill("Mine again")
        expect(page.locator("#notice")).to_contain_text("somebody else has saved this letter since")
        session().rollback()
        assert queries.get_letter(owner.workspace_id, letter.id).subject == "Theirs"


def test_blocks_are_written_with_keys_alone_on_a_phone(chromium, web, owner):
    with tab(chromium, "phone", dark=True, base_url=web.url) as page:
        letter = begin(owner, page)
        page.locator("#go-lines").focus()
        page.keyboard.press("Tab")  # to the first block's link
        expect(page.locator("#go-b1")).to_be_focused()
        page.keyboard.press("Alt+ArrowDown")
        expect(page.locator("#saved")).to_contain_text("Moved to place 2")
        expect(page.locator("#go-b1")).to_be_focused()
        assert kinds(owner, letter)[:2] == ["image", "header"]
        page.locator("#add-button").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # the first kind: a heading
        expect(page.get_by_role("textbox", name="Heading", exact=True)).to_be_focused()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type("By keys")
        expect(page.frame_locator("#preview").get_by_text("By keys")).to_be_visible()
        page.keyboard.press("Tab")  # leaves the field: it is saved at once
        saved(page)
        page.locator("#weight").scroll_into_view_if_needed()  # no row of the list half below the bar
        check_page(page)
        page.locator("#undo").focus()
        page.keyboard.press("Enter")
        expect(page.frame_locator("#preview").get_by_text("By keys")).to_have_count(0)
        for keys, count in (("ControlOrMeta+Shift+z", 1), ("ControlOrMeta+z", 0)):
            page.keyboard.press(keys)
            expect(page.frame_locator("#preview").get_by_text("By keys")).to_have_count(count)

        with transaction():
            snippets.create_snippet(owner.workspace_id, "Delivery", "<p>Within <strong>three days</strong></p>")
        page.goto("/snippets")
        check_page(page)
        page.get_by_role("link", name="Delivery").focus()
        page.keyboard.press("Enter")
        expect(page.frame_locator("[name=preview-frame]").locator("strong").first).to_have_text("three days")
        check_page(page)


def test_a_picture_is_looked_for_and_older_ones_follow(chromium, web, owner):
    with transaction():
        for number in range(40):
            kept = service_pictures.keep_picture(
                owner.workspace_id, f"photo {number}.png", pictures.as_it_is(images.png(20 + number, 20)),
                alt="The lighthouse in June" if number in {3, 5} else "",
            )  # fmt: skip
            kept.created_at += timedelta(seconds=number)
    with tab(chromium, "phone", dark=True, base_url=web.url) as page:
        letter = begin(owner, page)
        page.locator("#go-b2").click()
        box = page.locator("[data-picker]")
        page.get_by_text("Choose another picture").click()
        expect(box.get_by_role("button", name=re.compile("^Use "))).to_have_count(12)
        box.get_by_role("button", name="Older pictures").focus()
        page.keyboard.press("Enter")
        expect(box.get_by_role("button", name="Use photo 27", exact=True)).to_be_focused()
        expect(box.get_by_role("status")).to_contain_text("The newest 36 pictures. There are more.")
        box.get_by_role("button", name="Older pictures").click()
        expect(box.get_by_role("status")).to_contain_text(re.compile(r"^4\d pictures\.$"))
        expect(box.get_by_role("button", name="Older pictures")).to_be_hidden()

        search = box.get_by_role("searchbox", name="Search pictures")
        search.fill("nothing like it")
        expect(box.get_by_role("status")).to_contain_text("No picture with “nothing like it” in the name or alt text.")
        revision = page.locator("#letter").get_attribute("data-revision")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "/pictures?" in request.url else None)
        search.evaluate(TYPED, ["light", "lightho", "LIGHTHOUSE"])  # faster than anybody types
        expect(box.get_by_role("status")).to_have_text("2 pictures with “LIGHTHOUSE” in the name or alt text.")
        assert [url.partition("?")[2] for url in asked] == ["q=LIGHTHOUSE"]
        assert page.locator("#letter").get_attribute("data-revision") == revision  # looking for one writes nothing
        page.locator("#weight").scroll_into_view_if_needed()  # nothing half below the bar
        check_page(page)
        search.focus()
        page.keyboard.press("Enter")
        page.keyboard.press("ArrowDown")
        expect(box.get_by_role("button", name="Use photo 5: The lighthouse in June")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("textbox", name="What it shows")).to_have_value("The lighthouse in June")
        saved(page)
        session().rollback()
        session().expire_all()
        shown = queries.get_letter(owner.workspace_id, letter.id).blocks[1]["values"]["picture"]
        assert shown["src"].endswith(f"{pictures.key_of(images.png(25, 20))}.png")
