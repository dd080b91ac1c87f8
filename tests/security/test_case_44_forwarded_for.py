"""Case 44: nobody gets around a limit, or into a log, under an invented network address."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from app.accounts.models import UserSession
from tests.conftest import make_app
from tests.support import accounts
from tests.support.twin import on_transaction_of


def tries(browser, count: int, headers) -> list[int]:
    token = accounts.token_of(browser)
    return [
        browser.post(
            "/sign-in",
            data={"csrf": token, "email": f"person{number}@oxbow.example", "password": "wrong ferries"},
            headers=headers(number),
        ).status_code
        for number in range(count)
    ]


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    monkeypatch.setattr(
        "app.accounts.service.passwords.matches", lambda user, password: password == accounts.PASSWORD
    )


def test_case_44_without_a_proxy_no_header_is_believed(client):
    """Each in turn: the tries of one that was believed would not count with those of the others."""
    headers = ["X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP", "CF-Connecting-IP"]
    accounts.make_owner()
    statuses = tries(client, 60, lambda number: {headers[number % 5]: f"198.51.100.{number}"})
    assert statuses == [401] * 50 + [429] * 10


def test_case_44_the_invented_address_is_not_stored(client, session):
    owner = accounts.make_owner()
    form = {"csrf": accounts.token_of(client), "email": owner.email, "password": owner.password}
    assert client.post("/sign-in", data=form, headers={"X-Forwarded-For": "198.51.100.7"}).status_code == 303
    assert session.execute(select(UserSession.ip)).scalar_one() == "127.0.0.1"


@pytest.fixture
def behind_a_proxy(settings, session):
    """The same installation behind one reverse proxy, on the test's transaction."""
    made = make_app(replace(settings, trusted_proxies=1))
    with on_transaction_of(session, made):
        yield made.test_client()


def test_case_44_behind_a_proxy_only_what_the_proxy_adds_counts(behind_a_proxy):
    accounts.make_owner()
    statuses = tries(
        behind_a_proxy, 60, lambda number: {"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.9"}
    )
    assert statuses.count(401) == 50
    assert statuses[-1] == 429


def test_case_44_behind_a_proxy_the_real_address_is_stored(behind_a_proxy, session):
    owner = accounts.make_owner()
    form = {"csrf": accounts.token_of(behind_a_proxy), "email": owner.email, "password": owner.password}
    spoofed = {"X-Forwarded-For": "<script>, 10.0.0.1, 203.0.113.9"}
    assert behind_a_proxy.post("/sign-in", data=form, headers=spoofed).status_code == 303
    assert session.execute(select(UserSession.ip)).scalar_one() == "203.0.113.9"
