"""Starter designs as inboxes show them: on a phone and at their full width, light and dark."""

from __future__ import annotations

import re

import pytest

from app.content import designs
from app.content.letters import Draft, prepared, write
from app.content.variables import NEWSLETTER, samples
from tests.support import letters
from tests.support.browser import axe_source

pytestmark = pytest.mark.browser

FAULTS = """axe.run(document, {runOnly: ['color-contrast', 'image-alt', 'link-name']}).then(({violations}) =>
  violations.flatMap(one => one.nodes.map(node => one.id + ' ' + node.html.slice(0, 200))))"""
TOO_WIDE = "document.documentElement.scrollWidth - innerWidth"


@pytest.fixture(scope="module")
def inbox(chromium):
    """A page that shows mails, with the pictures of designs and no other."""
    page = chromium.new_page()

    def answer(route) -> None:
        name = route.request.url.rpartition("/")[2]
        route.fulfill(body=designs.picture_file(name).read_bytes(), content_type="image/png")

    page.route(re.compile("^https:"), answer)
    yield page
    page.close()


@pytest.mark.parametrize("name", [one.name for one in designs.list_designs()])
def test_a_design_can_be_read_on_a_phone_and_at_its_width_light_and_dark(inbox, name):
    filled = designs.fill(name, lambda file: f"https://pictures.test/{file}")
    written = write(Draft("Subject", "Preview", filled.source))
    assert len(written.html.encode()) < 60 * 1024
    inbox.set_content(prepared(written).merge(samples(NEWSLETTER)).html)
    inbox.evaluate(axe_source())
    grounds = set()
    for width, scheme in ((375, "dark"), (600, "light")):
        inbox.set_viewport_size({"width": width, "height": 800})
        inbox.emulate_media(color_scheme=scheme)
        assert inbox.evaluate(TOO_WIDE) <= 0, f"wider than {width} px"
        assert inbox.evaluate(FAULTS) == []
        grounds.add(inbox.evaluate("getComputedStyle(document.querySelector('.page')).backgroundColor"))
    assert len(grounds) == 2, "a dark inbox gets a dark letter"
    unseen = "Array.from(document.images).filter(one => !one.naturalWidth || one.clientWidth > 600).map(one => one.outerHTML + one.naturalWidth + one.complete)"
    assert inbox.evaluate(unseen) == [], "its pictures are there, and fit"


CARD = '</mj-column></mj-section><mj-section mj-class="card"><mj-column><mj-text>In a card</mj-text><mj-text mj-class="small">Small</mj-text>'
INK = """Array.from(document.querySelectorAll('body, body div')).filter(one => one.checkVisibility() && one.innerText.trim())
  .map(one => getComputedStyle(one).color)"""


@pytest.mark.parametrize("start", ["<mj-body>", '<mj-body background-color="#f6f3ee">', '<mj-body css-class="mine">'])
def test_a_letter_by_hand_that_is_no_page_of_ours_stays_light_in_a_dark_inbox(inbox, start):
    source = letters.source(f"<mj-text>Words</mj-text><mj-raw>Bare</mj-raw>{CARD}").replace("<mj-body>", start)
    shown = prepared(write(Draft("Subject", "Preview", source))).merge(samples(NEWSLETTER)).html
    seen = []
    for scheme in ("light", "dark"):
        inbox.emulate_media(color_scheme=scheme)
        inbox.set_content(shown)
        inbox.evaluate(axe_source())
        assert inbox.evaluate(FAULTS) == []
        ground = inbox.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground in {"rgb(255, 255, 255)", "rgb(246, 243, 238)"}
        seen.append((ground, inbox.evaluate(INK)))
    assert seen[0] == seen[1]
