"""Cases 43 and 47 on public pages: no referrer, nothing from elsewhere, nothing kept in a cache."""

from __future__ import annotations

import re
from datetime import timedelta

from flask import current_app

from app.consent import queries as consent
from app.kernel import clock
from app.preferences import links
from tests.conftest import ground
from tests.support import make, signup

ASSET = re.compile(
    r'<(?:link|img|script|iframe|source|object|embed|audio|video)\b[^>]*?(?:src|href|data)="([^"]*)"'
)


def load():
    """Every public page once: what loading and pressing shows; tests only look at it."""
    client = current_app.test_client()
    stage = signup.stage()
    place, mara = stage.place, make.person(stage.place.id, "mara@example.org")
    asked = make.asked(place, mara)
    permission = next(found for found in consent.list_permissions(place.id, mara.id) if found.interest_id)
    reach = consent.find_reach(place.id, mara.id)
    confirm = "/c/" + consent.confirm_token(asked)
    leave = "/u/" + links.unsubscribe(links.Kind.PERMISSION, permission.id)
    ask = "/p/" + links.preferences(reach.id)
    private = "/my/" + links.private(links.Person(place.id, mara.id), clock.now() + timedelta(hours=1))
    old = "/my/" + links.private(links.Person(place.id, mara.id), clock.now() - timedelta(hours=1))
    found = [
        client.get(url)
        for url in (stage.url, confirm, leave, ask, private, old, "/w/" + links.why(permission.id))
    ]
    found.append(client.get("/d/" + links.decoy(asked.id)))
    found.append(client.post(stage.url, data=stage.fields("nobody")))
    sent = client.post(stage.url, data=stage.fields("jo@example.org"))
    found += [sent, client.get(sent.location)]
    found += [
        client.post(url) for url in (confirm, confirm + "/again", leave, leave, ask + "/send", ask + "/stop")
    ]
    found += [
        client.post(leave, data={"List-Unsubscribe": "One-Click"}),
        client.get("/c/wrong"),
        client.get("/f/no"),
    ]
    for answer in found:
        answer.get_data()  # what is read later would be read after the transaction
    return found


pages = ground(load)


def test_case_43_no_page_tells_the_next_site_its_address(pages):
    for answer in pages:
        assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_case_43_no_page_loads_anything_from_elsewhere(pages):
    for answer in pages:
        for target in ASSET.findall(answer.text):
            assert target.startswith(("/", "data:")), target
            assert not target.startswith("//"), target
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy


def test_case_47_no_page_is_kept_and_caches_tell_browsers_apart(pages):
    for answer in pages:
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Cookie" in ",".join(answer.headers.getlist("Vary"))


def test_case_47_no_public_page_sets_a_cookie(pages):
    for answer in pages:
        assert not answer.headers.getlist("Set-Cookie")


def test_case_32_no_public_page_but_the_form_may_be_framed(pages):
    for number, answer in enumerate(pages):
        ancestors = re.search(r"frame-ancestors ([^;]+)", answer.headers["Content-Security-Policy"])[1]
        assert ancestors in ({"'self'"} if number in {0, 8} else {"'none'"}), number
