"""Readers' pages in a real browser, and programs that are one: looking confirms nothing, pressing too soon neither."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from app.consent import queries as consent
from app.contacts.addresses import normalise
from app.content.systemmail import render_system
from app.forms import intake
from app.kernel import clock
from app.kernel.db import session, transaction
from app.preferences import guardians, links, moving, queries, reminding
from tests.browser.conftest import check_page, tab
from tests.support import make, signup
from tests.support.signup import everything, messages, prepared

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def place(web):
    made = make.place()
    with transaction():
        reminding.configure(made.id, remind_after_days=None, offers_post=True)
    return made


def person(place, address="mara@example.org", language="en"):
    found = make.person(place.id, address)
    make.confirmed(place, found)
    session().expire_all()
    with transaction():
        from app.contacts import service as contacts

        contacts.update_profile(place.id, found.id, language=language)
    return found


def pages_of(place, mara) -> dict[str, str]:
    """Every page that a mail to this person may lead to."""
    topic = next(one for one in consent.list_permissions(place.id, mara.id) if one.interest_id)
    reach = consent.find_reach(place.id, mara.id)
    soon, who = clock.now() + timedelta(hours=1), links.Person(place.id, mara.id)
    asked = make.asked(place, mara)
    child = make.asked(place, mara)
    with transaction():
        guardians.ask(child.id, normalise("ada@example.org"))
        reader = queries.get_reader(place.id, mara.id)
        moving.wish(reader, normalise(f"new.{reader.address}"))
    change = messages("address-change")[-1].dedupe_key
    return {
        "confirm": "/c/" + consent.confirm_token(asked),
        "guardian": "/g/" + links.guardian(child.id),
        "unsubscribe": "/u/" + links.unsubscribe(links.Kind.PERMISSION, topic.id),
        "undo": f"/u/{links.undo(links.Undo(place.id, mara.id, topic.event_id), soon)}/undo",
        "request": "/p/" + links.preferences(reach.id),
        "centre": "/my/" + links.private(who, soon),
        "old": "/my/" + links.private(who, clock.now() - timedelta(minutes=1)),
        "why": "/w/" + links.why(topic.id),
        "address": "/a/" + links.address(change),
        "data": "/data/" + links.data(who, soon),
        "erase": "/erase/" + links.erase(who, soon),
        "decoy": "/d/" + links.decoy(asked.id),
    }


def right_to_left(page: Page) -> None:
    """The same page mirrored: nothing sticks out, nothing changes for axe."""
    page.evaluate("document.documentElement.dir = 'rtl'")
    check_page(page)


def test_every_page_is_clean_on_a_phone_and_mirrored_in_each_language(chromium, web, place):
    # German is the longest of the seven, so it is looked at everywhere; of the others the largest page.
    german = person(place, language="de")
    with tab(chromium, "phone", dark=True, base_url=web.url) as page:
        for name, path in pages_of(place, german).items():
            page.goto(path)
            check_page(page)
            if name in {"centre", "confirm", "unsubscribe"}:
                right_to_left(page)
    with tab(chromium, "phone", base_url=web.url) as page:
        for language in ("fr", "es", "it", "nl", "pt"):
            who = person(place, f"{language}@example.org", language)
            soon = clock.now() + timedelta(hours=1)
            page.goto("/my/" + links.private(links.Person(place.id, who.id), soon))
            assert page.locator("html").get_attribute("lang") == language
            check_page(page)


def test_everything_can_be_done_without_scripts(chromium, web, place):
    mara = person(place)
    paths = pages_of(place, mara)
    with tab(chromium, "phone", scripts=False, base_url=web.url) as page:
        page.goto(paths["centre"])
        page.get_by_label("One mail a week").check()
        page.get_by_label("For a month").check()
        page.get_by_label("New coffees, On paper").check()
        page.get_by_label("Postal address").fill("Mara Lindqvist\nHafenstraße 1\n24103 Kiel")
        page.get_by_role("button", name="Save my choices").click()
        expect(page.get_by_text("Saved at")).to_be_visible()
        expect(page.get_by_label("One mail a week")).to_be_checked()
        page.get_by_label("New email address").fill("nonsense@")
        page.get_by_role("button", name="Send the confirm mail").click()
        page.goto(paths["unsubscribe"])
        page.get_by_role("button", name="Unsubscribe").click()
        expect(page.get_by_role("heading", name="Done.")).to_be_visible()
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("heading", name="All is as before")).to_be_visible()
        page.goto(paths["erase"])
        page.get_by_role("button", name="Yes, erase my data").click()
        expect(page.get_by_role("heading", name="Your data is erased")).to_be_visible()
    session().rollback()
    session().expire_all()
    assert consent.find_reach(place.id, mara.id).erased_at is not None


def fill_in(page: Page, address: str, look: Callable[[Page], None]) -> None:
    """The hosted form, as somebody who is too young does, until the page that says what comes next."""
    page.get_by_label("E-Mail-Adresse", exact=True).fill(address)
    page.locator("[name=c_birthday]").fill("2019-03-04")
    page.locator("[name=topic]").first.check()
    page.locator("[name=yes]").check()
    page.wait_for_timeout(2100)
    page.get_by_role("button", name="Anmelden").click()
    expect(page.locator("#e-guardian")).to_contain_text("zuerst einen Elternteil")
    look(page)
    page.locator("[name=guardian]").fill(f"ada.{address}")
    page.get_by_role("button", name="Anmelden").click()
    expect(page.get_by_role("heading", name="Fragen Sie Ihre Eltern")).to_be_visible()
    look(page)


def newest_link(name: str) -> str:
    """Where the newest mail of that name leads, once the worker has taken what was posted."""
    session().rollback()
    intake.take_all()
    return prepared(messages(name)[-1], name).values["links"]["confirm"]


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts and mirrored", "no scripts"])
def test_a_child_and_the_guardian_come_to_their_yes_on_a_phone(chromium, web, scripts):
    form = signup.asks_age(signup.stage())
    # Axe is a script itself, so it looks where scripts may run.
    look = check_page if scripts else lambda _page: None
    with tab(chromium, "phone", scripts=scripts, base_url=web.url) as page:
        if scripts:
            page.add_init_script("addEventListener('DOMContentLoaded', () => (document.documentElement.dir = 'rtl'))")
        page.goto(f"{form.url}?lang=de")
        look(page)
        fill_in(page, "kim@example.org", look)
        assert not scripts or page.evaluate("document.documentElement.dir") == "rtl"
        for name, button in (("confirm-guardian", "Ja, das darf es bekommen"), ("confirm", "Ja, bitte schicken")):
            page.goto(newest_link(name))
            look(page)
            page.wait_for_timeout(2100)
            page.get_by_role("button", name=button).click()
            expect(page.get_by_role("heading", name="Danke. Sie haben Ja gesagt.")).to_be_visible()
            look(page)
    session().rollback()
    assert set(signup.states(messages("confirm")[-1].contact_id).values()) == {"yes"}


# --- Programs that are a browser --------------------------------------------------------------------------------


def question(place, address):
    """Somebody is asked: their request, and every address in the mail's markup."""
    who = make.person(place.id, address)
    request = make.asked(place, who)
    with transaction():
        from app.delivery import service as delivery

        delivery.send_system(place.id, "confirm", dedupe=request.id, contact_id=who.id)
    made = prepared(messages("confirm")[-1], "confirm")
    html = render_system(made.template, made.language, made.values).html
    found = [one for one in re.findall(r'href="(http://[^"]+)"', html) if "/c/" in one or "/d/" in one]
    return who, request, [*found, made.unsubscribe_url]


def standing(place, who):
    session().rollback()
    session().expire_all()
    return set(make.standing(place, who).values())


def test_a_scanner_that_opens_every_link_and_clicks_nothing_changes_nothing(chromium, web, place):
    who, request, found = question(place, "looked@example.org")
    visible = [url for url in found if "/d/" not in url]
    assert len(found) == 3
    before = everything()
    session().rollback()
    with tab(chromium, base_url=web.url) as page:
        for url in visible:
            page.goto(url, wait_until="networkidle")
            page.request.head(url)
            page.request.get(url, headers={"Purpose": "prefetch", "Sec-Purpose": "prefetch;prerender"})
            for link in page.locator("a:not(.hp)[href^='/']").all():
                page.request.get(link.get_attribute("href"))
    assert everything() == before
    assert standing(place, who) == {"asked"}
    assert consent.find_request(request.id).suspect_at is None


def test_a_scanner_that_follows_the_hidden_link_costs_one_more_tap(chromium, web, place):
    who, _request, found = question(place, "trapped@example.org")
    with tab(chromium, base_url=web.url) as page:
        for url in found:
            page.goto(url, wait_until="networkidle")
        page.goto(found[0])
        page.wait_for_timeout(2100)
        page.get_by_role("button", name="Yes, send me these").click()
        expect(page.get_by_role("heading", name="One more tap")).to_be_visible()
        assert standing(place, who) == {"asked"}
        check_page(page)
        page.wait_for_timeout(2100)
        page.get_by_role("button", name="Yes, send me these").click()
        expect(page.get_by_role("heading", name="You said yes")).to_be_visible()
    assert standing(place, who) == {"yes"}


def test_a_scanner_that_presses_every_button_at_once_confirms_nothing(chromium, web, place):
    who, request, found = question(place, "pressed@example.org")
    with tab(chromium, base_url=web.url) as page:
        page.goto(found[0])
        for _press in range(4):
            page.locator("form button").first.click()
    assert standing(place, who) == {"asked"}
    assert consent.find_request(request.id).suspect_at is not None
