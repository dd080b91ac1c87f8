"""Cases 29 and 30: programs that look at links in mails confirm nothing and end nothing."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from app.consent import queries as consent
from app.contacts.addresses import normalise
from app.kernel import clock
from app.kernel.db import transaction
from app.preferences import guardians, links, moving, queries
from tests.support import make, signup
from tests.support.properties import whole

pytestmark = pytest.mark.thorough

AGENTS = [
    "",
    "Mozilla/5.0",
    "Barracuda Sentinel",
    "Microsoft Office/16.0 (Microsoft Outlook Mail)",
    "GoogleImageProxy",
]
LOOKS = [
    {},
    {"Purpose": "prefetch", "Sec-Purpose": "prefetch;prerender"},
    {"Range": "bytes=0-99"},
    {"X-HTTP-Method-Override": "POST"},
    {"List-Unsubscribe": "One-Click"},
]


@pytest.fixture
def place(session):
    return make.place()


@pytest.fixture
def mara(place):
    return make.person(place.id, "mara@example.org")


@pytest.fixture
def confirm_link(place, mara):
    return "/c/" + consent.confirm_token(make.asked(place, mara))


@pytest.fixture
def mail_links(place, mara, confirm_link):
    """Every link that a mail may carry, but for the decoy."""
    permission = next(found for found in consent.list_permissions(place.id, mara.id) if found.interest_id)
    reach = consent.find_reach(place.id, mara.id)
    soon = clock.now() + timedelta(hours=1)
    child = make.asked(place, mara)
    with transaction():
        guardians.ask(child.id, normalise("ada@example.org"))
        moving.wish(queries.get_reader(place.id, mara.id), normalise("new@example.org"))
    return [
        confirm_link,
        "/g/" + links.guardian(child.id),
        "/a/" + links.address(signup.messages("address-change")[-1].dedupe_key),
        "/u/" + links.unsubscribe(links.Kind.PERMISSION, permission.id),
        "/u/" + links.unsubscribe(links.Kind.REACH, reach.id),
        "/u/" + links.undo(links.Undo(place.id, mara.id, permission.event_id), soon) + "/undo",
        "/p/" + links.preferences(reach.id),
        "/my/" + links.private(links.Person(place.id, mara.id), soon),
        "/w/" + links.why(permission.id),
    ]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_case_29_and_30_looking_changes_no_row_of_any_table(client, mail_links, method):
    """Every link meets every way to look, and each program looks in each; in a thorough run every link meets every program so."""
    before = signup.everything()
    for turn, url in enumerate(mail_links):
        for number, look in enumerate(LOOKS):
            for agent in whole([AGENTS[(turn + number) % len(AGENTS)]], AGENTS):
                headers = {**look, "User-Agent": agent}
                assert client.open(url, method=method, headers=headers).status_code == 200, (url, headers)
    assert signup.everything() == before


def test_case_29_and_30_no_other_method_is_taken(client, mail_links):
    before = signup.everything()
    for method in ("PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"):
        assert {client.open(url, method=method).status_code for url in mail_links} <= {405}, method
    assert signup.everything() == before


def test_case_29_a_scanner_that_runs_scripts_finds_none_to_run(client, mail_links):
    for url in mail_links:
        page = client.get(url).text
        assert "<script" not in page
        assert not re.search(r"\son\w+=", page)
        assert 'http-equiv="refresh"' not in page
        assert "autofocus" not in page or "button" not in page[page.index("autofocus") :][:20]


def test_case_29_a_scanner_that_follows_every_link_holds_the_question(client, place, mara, confirm_link):
    page = client.get(confirm_link).text
    for href in re.findall(r'<a[^>]* href="(/[^"]+)"', page):
        client.get(href)
    answer = client.post(confirm_link)
    assert "One more tap" in answer.text
    assert set(make.standing(place, mara).values()) == {"asked"}


def test_case_30_a_mail_programs_post_needs_no_cookie_and_no_token_of_ours(app, place, mara):
    make.confirmed(place, mara)
    permission = next(found for found in consent.list_permissions(place.id, mara.id) if found.interest_id)
    answer = app.test_client(use_cookies=False).post(
        "/u/" + links.unsubscribe(links.Kind.PERMISSION, permission.id),
        data={"List-Unsubscribe": "One-Click"},
        headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://mail.example"},
    )
    assert answer.status_code == 200
    assert not answer.headers.get("Location")
    assert sorted(make.standing(place, mara).values()) == ["no", "yes"]
