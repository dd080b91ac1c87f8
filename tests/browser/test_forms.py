"""Forms in a real browser: built with a preview that follows, and on a foreign website with a strict policy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from app.kernel.db import session
from tests.browser.conftest import check_page, tab
from tests.browser.test_first_run import press, set_up
from tests.browser.test_settings import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
VIEWS = ("", "/embed", "/results")


@contextmanager
def website(nod_url: str, pages: dict[str, str]) -> Iterator[str]:
    """Somebody else's website, which lets nothing run but the form's script."""
    policy = (
        f"default-src 'none'; script-src {nod_url}; connect-src {nod_url}; frame-src {nod_url}; "
        f"form-action {nod_url}; img-src data:"
    )

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path, "").encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", policy)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def page_with(inside: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,">'
        f"<title>A shop</title><main><h1>A shop</h1>{inside}</main></html>"
    )


def test_a_form_is_built_and_stands_on_a_foreign_website(chromium, nod):
    pages: dict[str, str] = {}
    with website(nod.url, pages) as shop:
        with tab(chromium, base_url=nod.url) as page:
            set_up(page)
            path = build(page, shop)
            for view in VIEWS:
                page.goto(path + view)
                check_page(page)
            code = page_of_embeds(page, path)
        pages["/"] = page_with(code["component"])
        pages["/empty"] = page_with(
            code["component"].partition("<nod-form")[0] + f'<nod-form src="{code["link"]}"></nod-form>'
        )
        pages["/frame"] = page_with(code["frame"].partition("<script>")[0])
        with tab(chromium, "phone") as page:
            sign_up_in_place(page, shop, "one@example.org")
            flood(nod)
            page.goto(f"{shop}/empty")
            page.wait_for_timeout(2100)  # this one is signed: nobody is as fast as a test
            fill_in(page, "two@example.org")
            expect(page.get_by_role("status")).to_contain_text("Look in your inbox")
        with tab(chromium, "phone", scripts=False) as page:
            page.goto(shop)
            fill_in(page, "three@example.org")
            expect(page.get_by_role("alert")).to_contain_text("wait ten seconds")
            check_page_without_scripts(page)
            page.goto(f"{shop}/frame")
            expect(page.frame_locator("iframe").get_by_label("Email address")).to_be_visible()
    with tab(chromium, "phone", dark=True, base_url=nod.url) as page:
        sign_in(page)
        for view in VIEWS:
            page.goto(path + view)
            check_page(page)
        page.goto(code["link"])
        check_page(page)


def build(page: Page, shop: str) -> str:
    """Ask two questions more, choose a look, name the website; the form's address."""
    page.goto("/forms")
    page.get_by_role("link", name="Newsletter").click()
    preview = page.frame_locator("iframe[name=preview-frame]")
    page.get_by_label("Title", exact=True).fill("Tell me about coffee")
    expect(preview.get_by_role("heading", name="Tell me about coffee")).to_be_visible()
    page.locator("summary", has_text="People in the household").press("Enter")
    page.get_by_label("Ask for People in the household").press("Space")
    expect(preview.get_by_label("How many people live in your household?")).to_be_visible()
    page.get_by_label("A colour of its own").check()
    page.get_by_text("Round", exact=True).last.click()
    page.get_by_label("Websites that may show it").fill(shop)
    press(page, "Save the form")
    expect(page.get_by_role("status").first).to_contain_text("Saved")
    return page.url.partition("?")[0].removeprefix(page.url.partition("/forms")[0])


def page_of_embeds(page: Page, path: str) -> dict[str, str]:
    page.goto(f"{path}/embed")
    return {
        name: unescape(page.locator(f"#embed-{name}").input_value())
        for name in ("link", "component", "frame")
    }


def fill_in(page: Page, address: str) -> None:
    page.get_by_label("Email address").fill(address)
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Sign up").click()


def sign_up_in_place(page: Page, shop: str, address: str) -> None:
    """Faults show beside their fields and the first takes the focus; then the answer comes in the form's place."""
    page.goto(shop)
    page.get_by_role("button", name="Sign up").click()
    email = page.get_by_label("Email address")
    expect(email).to_be_focused()
    expect(email).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("Enter an email address.")).to_be_visible()
    check_page(page)
    fill_in(page, address)
    expect(page.get_by_role("status")).to_contain_text("Look in your inbox")
    expect(page.get_by_role("status")).to_be_focused()
    check_page(page)


def flood(nod) -> None:
    """The form is braked from now on."""
    session().execute(text("UPDATE forms SET challenge_until = now() + interval '1 hour'"))
    session().commit()


def check_page_without_scripts(page: Page) -> None:
    width = page.locator("html").bounding_box()
    assert width is not None
    assert width["width"] <= 375
