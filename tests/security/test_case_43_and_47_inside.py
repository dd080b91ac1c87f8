"""Cases 43 and 47 inside: no referrer, nothing from elsewhere, nothing of a person kept in a cache."""

from __future__ import annotations

import re

import pytest
from flask import current_app

from app.accounts import queries
from tests.conftest import ground
from tests.support import accounts
from tests.support.routes import routes

ASSET = re.compile(
    r'<(?:link|img|script|iframe|source|object|embed|audio|video|form|use)\b[^>]*?\b(?:src|href|data|action)="([^"]*)"'
)


def load():
    """Every page that an owner can load, and its errors, loaded once since tests only look at them; and the owner."""
    app = current_app._get_current_object()
    client = app.test_client()
    owner = accounts.make_owner()
    answers = [client.get("/sign-in"), accounts.sign_in(client, owner, password="not the right one")]
    accounts.sign_in(client, owner)
    inside = [
        found for found in routes(app) if found.method == "GET" and found.guard.kind in {"member", "visitor"}
    ]
    answers += [client.get(route.path, follow_redirects=True) for route in inside]
    answers += [client.get("/nothing"), client.get("/sign-out"), client.post("/sign-out")]
    assert len(answers) > 12
    for answer in answers:
        answer.get_data()  # what is read later would be read after the transaction
    return answers, owner


world = ground(load)


@pytest.fixture
def pages(world):
    return world[0]


@pytest.fixture
def owner(world):
    return world[1]


def test_case_43_no_page_tells_another_site_where_one_was(pages):
    for answer in pages:
        assert answer.headers["Referrer-Policy"] == "no-referrer", answer.request.path


def test_case_43_no_page_loads_anything_from_elsewhere(pages):
    seen = 0
    for answer in pages:
        for address in ASSET.findall(answer.text):
            assert address == "" or address.startswith(("/", "#", "data:,")), (
                f"{answer.request.path}: {address}"
            )
            assert not address.startswith("//"), f"{answer.request.path}: {address}"
            seen += 1
    assert seen > 50


def test_case_43_the_policy_lets_nothing_out(pages):
    for answer in pages:
        policy = answer.headers["Content-Security-Policy"]
        for part in ("default-src 'none'", "form-action 'self'", "base-uri 'none'", "connect-src 'self'"):
            assert part in policy, answer.request.path


def test_case_47_nothing_inside_is_kept_in_a_cache(pages):
    for answer in pages:
        assert answer.headers["Cache-Control"] == "no-store", answer.request.path
        assert "Cookie" in answer.headers.get("Vary", ""), answer.request.path


def test_case_47_the_api_is_not_cached_either(owner, client):
    answer = client.get("/api/v1/me")
    assert answer.headers["Cache-Control"] == "no-store"


def test_case_47_what_is_cached_belongs_to_nobody(owner, client):
    accounts.sign_in(client, owner)
    page = client.get("/settings/you").text
    sheet = re.search(r'href="(/static/app\.css\?v=[0-9a-f]+)"', page)[1]
    for address in (sheet, queries.brand(owner.workspace_id).css_url):
        with client.get(address) as answer:
            assert "immutable" in answer.headers["Cache-Control"]
            assert "Set-Cookie" not in answer.headers
            assert owner.email not in answer.text
