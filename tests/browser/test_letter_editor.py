"""Writing a letter in a real browser: faults on their lines, the preview beside it, nothing lost, nothing run."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from app.contacts import service as contacts
from app.content import queries, service
from app.delivery import service as delivery
from app.kernel.db import session, transaction
from tests.browser.conftest import by_keys, check_page, sign_in, tab
from tests.support import accounts, letters, make
from tests.support.installation import ROOT

pytestmark = pytest.mark.browser
INNER = "<mj-text>Hello {{ contact.first_name }}</mj-text>"


@pytest.fixture(scope="module")
def owner(alone):
    return accounts.make_owner()


def write(page, source: str) -> None:
    """Paste over the whole letter."""
    page.locator(".cm-content").click()
    page.keyboard.press("ControlOrMeta+a")
    page.locator(".cm-content").evaluate(
        "(content, text) => { const data = new DataTransfer(); data.setData('text/plain', text);"
        " content.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true})); }",
        source,
    )


def test_a_letter_is_typed_corrected_and_seen(chromium, web, owner):
    made = letters.letter(owner.workspace_id)
    with transaction():
        contacts.define_field(owner.workspace_id, "Brews", "multi_choice", choices=["V60", "Moka"])
    with tab(chromium, base_url=web.url) as page:
        sign_in(page, owner)
        page.goto(f"/letters/{made.id}")
        expect(page.locator(".cm-editor")).to_be_visible()
        write(
            page,
            letters.source("<mj-text>First line</mj-text>\n<mj-text>Dear {{ contact.frist_name }}</mj-text>"),
        )
        problem = page.locator("#problems li").first
        expect(problem).to_contain_text("Line 9")
        expect(problem).to_contain_text("contact.frist_name")
        expect(page.locator(".cm-lint-marker-error")).to_have_count(1)
        expect(page.locator(".cm-lintRange-error")).to_contain_text("contact.frist_name")
        problem.get_by_role("button", name="Line 9").click()
        expect(page.locator(".cm-activeLine")).to_contain_text("Dear")
        page.keyboard.press("End")
        for key, times in (("ArrowLeft", len(" }}</mj-text>")), ("Backspace", len("frist_name"))):
            for _ in range(times):
                page.keyboard.press(key)
        page.keyboard.type("firs", delay=30)
        offered = page.locator(".cm-tooltip-autocomplete li[aria-selected]")
        expect(offered).to_contain_text("contact.first_name")
        page.wait_for_timeout(
            150
        )  # a list that has just opened takes no Enter, so that nobody accepts by accident
        page.keyboard.press("Enter")

        expect(page.locator("#problems")).to_contain_text("Nothing. This letter can be sent.")
        expect(page.locator(".cm-lint-marker-error")).to_have_count(0)

        # Components, their attributes, what an if asks, and filters are offered too.
        page.keyboard.press("End")
        for typed, word, back in (
            ("\n<mj-sp", "mj-spacer", 6), ("\n<mj-spacer hei", "height", 14), ("\n{% if contact.las", "contact.last_name", 19),
            ("\n{{ contact.email|upp", "upper", 21),
        ):  # fmt: skip
            page.keyboard.type(typed, delay=30)
            expect(offered.first).to_contain_text(word)
            page.keyboard.press("Escape")
            for _ in range(back + 1):
                page.keyboard.press("Backspace")
        expect(page.locator("#saved")).to_contain_text(re.compile(r"Saved \d\d:\d\d"))
        expect(page.frame_locator("#preview").get_by_text("Dear Mara")).to_be_visible()
        expect(page.locator("#weight")).to_contain_text("of 102 KB")

        page.fill("[name=subject]", "For {{ contact.first_name }}")
        expect(page.locator("#seen-subject")).to_have_text("For Mara")
        session().expire_all()
        assert queries.get_letter(owner.workspace_id, made.id).subject == "For {{ contact.first_name }}"
        check_page(page)

        # A picture goes where the cursor is.
        page.set_input_files("[name=picture]", ROOT / "emails" / "img" / "cup.png")
        page.get_by_role("button", name="Add the picture").click()
        expect(page.locator(".cm-content")).to_contain_text('<mj-image src="')
        expect(page.locator("#problems")).to_contain_text("Nothing. This letter can be sent.")
        expect(page.locator("#weight")).to_contain_text("1 picture")

        # A whole loop takes the place of what was typed and of the bracket that closed itself.
        page.keyboard.press("ControlOrMeta+End")
        page.keyboard.type("{% fo", delay=30)
        expect(offered.first).to_contain_text("for one in contact.fields.brews")
        page.wait_for_timeout(150)
        page.keyboard.press("Enter")
        loop = "{% for one in contact.fields.brews %}{{ one }}{% if not loop.last %}, {% endif %}{% endfor %}"
        expect(page.locator(".cm-activeLine")).to_have_text(loop)
        page.keyboard.type("{% for a in cont", delay=30)
        expect(offered).to_have_count(1)
        expect(offered).to_contain_text("contact.fields.brews")


def test_the_preview_follows_whom_how_wide_and_in_which_inbox(chromium, web, owner):
    made = letters.letter(owner.workspace_id)
    source = letters.source('<mj-text css-class="h1">Hello {{ contact.first_name }}</mj-text>')
    with transaction():
        source = source.replace("<mj-body>", '<mj-body css-class="page">')  # what is not stays light
        service.save_draft(owner.workspace_id, made.id, "Three new coffees", "Plum and cocoa", source)
    make.person(owner.workspace_id, "elif@example.org", "Elif")
    with transaction():
        delivery.set_sender(owner.workspace_id, "Ostkai", "news@ostkai.example")
    with tab(chromium, base_url=web.url) as page:
        sign_in(page, owner)
        page.goto(f"/letters/{made.id}")
        frame = page.frame_locator("#preview")
        expect(frame.get_by_text("Hello Mara")).to_be_visible()
        page.fill("[name=q]", "elif")
        page.get_by_role("button", name="Find", exact=True).click()
        page.locator("#found").get_by_role("button", name="As Elif").click()
        expect(frame.get_by_text("Hello Elif")).to_be_visible()
        assert "elif" not in page.url.lower()

        footer = frame.get_by_text("Change my choices")
        page.select_option("[name=theme]", "dark")
        expect(footer).to_have_css("color", "rgb(169, 173, 180)")
        page.select_option("[name=theme]", "light")
        expect(footer).to_have_css("color", "rgb(92, 97, 104)")
        page.select_option("[name=part]", "text")
        expect(frame.locator("body")).to_contain_text("Unsubscribe: ")
        page.select_option("[name=part]", "source")
        expect(frame.locator("body")).to_contain_text("To: elif@example.org")
        expect(frame.locator("body")).to_contain_text("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
        page.check("[name=width][value='375']", force=True)
        assert page.locator(".frame").bounding_box()["width"] <= 375
        page.check("[name=width][value='wide']", force=True)
        assert page.locator(".frame").bounding_box()["width"] > 375


def test_without_scripts_the_same_page_saves_and_shows(chromium, web, owner):
    made = letters.letter(owner.workspace_id)
    with tab(chromium, base_url=web.url, scripts=False) as page:
        sign_in(page, owner)
        page.goto(f"/letters/{made.id}")
        page.fill(
            "[name=source]", letters.source("<mj-text>By hand, {{ contact.first_name }}</mj-text>\nlost")
        )
        page.click("#save")
        expect(page.locator("#problems")).to_contain_text("Line 9")
        page.fill("[name=source]", letters.source("<mj-text>{{ contact.nobody }}</mj-text>"))
        page.click("#save")
        expect(page.frame_locator("#preview").locator("body")).to_contain_text("No preview yet")
        expect(page.frame_locator("#preview").locator("body")).to_contain_text("Line 8")
        page.fill("[name=source]", letters.source("<mj-text>By hand, {{ contact.first_name }}</mj-text>"))
        page.click("#save")
        expect(page.locator("#saved")).to_contain_text("Saved")
        expect(page.frame_locator("#preview").get_by_text("By hand, Mara")).to_be_visible()


def test_who_was_slower_keeps_the_words_on_the_screen(chromium, web, owner):
    made = letters.letter(owner.workspace_id)
    with tab(chromium, base_url=web.url) as page:
        sign_in(page, owner)
        page.goto(f"/letters/{made.id}")
        expect(page.locator(".cm-editor")).to_be_visible()
        with transaction():
            service.save_draft(owner.workspace_id, made.id, "Theirs", "P", letters.source())
        page.fill("[name=subject]", "Mine")
        expect(page.locator("#notice")).to_contain_text("Somebody else has saved")
        assert page.input_value("[name=subject]") == "Mine"
        session().expire_all()
        assert queries.get_letter(owner.workspace_id, made.id).subject == "Theirs"


def test_on_a_phone_everything_is_there(chromium, web, owner):
    made = letters.letter(owner.workspace_id)
    for dark in (False, True):
        with tab(chromium, "phone", base_url=web.url, dark=dark) as page:
            sign_in(page, owner)
            page.goto(f"/letters/{made.id}")
            expect(page.locator(".cm-editor")).to_be_visible()
            check_page(page)
            if not dark:
                write_by_keys(page)
    session().expire_all()
    kept = queries.get_letter(owner.workspace_id, made.id)
    assert kept.subject == "By keys"
    assert "<mj-text>Dear {{ contact.first_name }}</mj-text>" in kept.source


def write_by_keys(page) -> None:
    """As somebody who has no mouse: into the code, out of it by Escape and Tab, to a fault, and to what is offered."""
    by_keys(page, page.get_by_role("textbox", name="Subject", exact=True), "ControlOrMeta+a")
    page.keyboard.type("By keys")
    by_keys(page, page.locator(".cm-content"), "ControlOrMeta+Home")
    for _ in range(7):
        page.keyboard.press("ArrowDown")
    expect(page.locator(".cm-activeLine")).to_contain_text("Hello")
    for key in ("Home", "Enter", "ArrowUp"):  # a line of its own
        page.keyboard.press(key)
    page.keyboard.type("<mj-text>Dear {{ contact.frist }}", delay=20)  # closed by itself
    fault = page.locator("#problems li", has_text="contact.frist").get_by_role("button", name="Line 8")
    expect(fault).to_be_visible()
    page.keyboard.press("Escape")  # then Tab leads out
    by_keys(page, fault, "Enter")
    expect(page.locator(".cm-content")).to_be_focused()
    for key, times in (("ArrowRight", len("<mj-text>Dear {{ contact.frist")), ("Backspace", len("rist"))):
        for _ in range(times):
            page.keyboard.press(key)
    page.keyboard.type("irs", delay=30)
    expect(page.locator(".cm-tooltip-autocomplete li[aria-selected]")).to_contain_text("contact.first_name")
    page.wait_for_timeout(150)  # as above
    page.keyboard.press("Enter")
    expect(page.locator("#problems")).to_contain_text("Nothing. This letter can be sent.")
    expect(page.locator("#saved")).to_contain_text(re.compile(r"Saved \d\d:\d\d"))
    page.keyboard.press("Escape")
    with page.expect_response(lambda answer: answer.request.method == "POST") as saved:
        by_keys(page, page.get_by_role("button", name="Save", exact=True), "Enter")
    assert saved.value.ok
    expect(page.frame_locator("#preview").get_by_text("Dear Mara")).to_be_visible()


ATTACK = (
    "<mj-raw><script>document.title = 'run'; fetch('/sign-out', {method: 'POST'})</script>"
    '<img src="x" onerror="document.title = \'run\'"><svg onload="document.title = \'run\'"></svg>'
    '<iframe src="/settings"></iframe><form action="/sign-out" method="post"><button>x</button></form></mj-raw>'
)


def test_case_06_a_script_in_a_letter_never_runs_in_the_preview(chromium, web, owner):
    made = letters.letter(owner.workspace_id, INNER + ATTACK)
    context = chromium.new_context(base_url=web.url)
    try:
        page = context.new_page()
        sign_in(page, owner)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        # On its own address as well: somebody may open the frame in a tab.
        for path in (f"/letters/{made.id}", f"/letters/{made.id}/preview"):
            page.goto(path)
            page.wait_for_timeout(700)
            (shown,) = (frame for frame in page.frames if "/preview" in frame.url)
            assert "Hello Mara" in shown.content()
            assert page.title() != "run"
        assert not [url for url in asked if "sign-out" in url or "settings" in url]
        page.goto("/settings")
        assert "/sign-in" not in page.url
    finally:
        context.close()
