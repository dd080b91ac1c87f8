"""Case 34: guessing passwords is slow for strangers, and nobody can lock an owner out of a known browser."""

from __future__ import annotations

import pytest

from app.accounts import service
from app.accounts.service import passwords
from app.accounts.service.sessions import Browser
from app.kernel import clock, redis
from app.kernel.db import transaction
from app.kernel.errors import TooMany
from tests.support import accounts
from tests.support.properties import whole

pytestmark = pytest.mark.thorough

WRONG = "wrong ferries cross at dusk"
MANY = whole(120, 1000)
"""More guesses than any bound here: counted are all of them, and each after the last that is looked at meets the same."""


@pytest.fixture
def checked(monkeypatch):
    """How often a password was looked at; the look itself costs nothing here."""
    seen: list[str] = []

    def look(user, password) -> bool:
        seen.append(password)
        return user is not None and password == accounts.PASSWORD

    monkeypatch.setattr(passwords, "matches", look)
    return seen


def guess(email: str, ip: str, *, password: str = WRONG, device: str = "") -> bool | None:
    """True: in, False: refused, None: not even looked at."""
    try:
        with transaction():
            return service.sign_in(email, password, Browser(ip, device_token=device)) is not None
    except TooMany:
        return None


def test_case_34_many_guesses_at_one_account(session, checked):
    owner = accounts.make_owner()
    for number in range(MANY):
        guess(owner.email, f"203.0.{number // 250}.{number % 250}")
    assert len(checked) <= 10


def test_case_34_many_guesses_from_one_network(session, checked):
    accounts.make_owner()
    for number in range(MANY):
        guess(f"person{number}@oxbow.example", "203.0.113.9")
    assert len(checked) <= 100


def test_case_34_an_ipv6_network_is_one_network(session, checked):
    accounts.make_owner()
    for number in range(MANY):
        guess(f"person{number}@oxbow.example", f"2001:db8:1:1::{number:x}")
    assert len(checked) <= 100


@pytest.mark.parametrize("spelling", ["MARTA@OXBOW.EXAMPLE", " marta@oxbow.example ", "Marta@Oxbow.Example"])
def test_case_34_another_spelling_is_the_same_account(session, checked, spelling):
    owner = accounts.make_owner()
    for number in range(whole(20, 50)):
        guess(owner.email if number % 2 else spelling, f"203.0.113.{number}")
    assert len(checked) <= 10


def test_case_34_the_edge_of_a_window_gives_no_second_helping(session, checked):
    owner = accounts.make_owner()
    until_edge = 900 - int(clock.now().timestamp()) % 900
    for shift in (until_edge - 5, until_edge + 5):
        session.rollback()
        clock.set_shift(shift)
        for number in range(whole(20, 100)):
            guess(owner.email, f"203.0.113.{number}")
    assert len(checked) <= 10


def test_case_34_no_answer_beyond_the_limit_tells_right_from_wrong(client, checked):
    owner = accounts.make_owner()
    token = accounts.token_of(client)
    form = {"csrf": token, "email": owner.email, "password": WRONG}
    statuses = [client.post("/sign-in", data=form).status_code for _ in range(8)]
    assert statuses == [401] * 5 + [429] * 3
    wrong = client.post("/sign-in", data=form)
    right = client.post("/sign-in", data={**form, "password": owner.password})
    assert (wrong.status_code, wrong.text) == (right.status_code, right.text)
    assert int(right.headers["Retry-After"]) >= 60
    assert len(checked) == 5


def test_case_34_the_owner_still_gets_in_from_a_known_browser(app, client, checked):
    owner = accounts.make_owner()
    assert accounts.sign_in(client, owner).status_code == 303
    client.post("/sign-out", data={"csrf": accounts.token_of(client, "/settings/you")})
    for number in range(whole(60, 200)):
        guess(owner.email, f"203.0.113.{number}")
        guess(f"person{number}@oxbow.example", "127.0.0.1")
    stranger = app.test_client()
    assert accounts.sign_in(stranger, owner).status_code == 429
    assert accounts.sign_in(client, owner).status_code == 303


def test_case_34_a_stolen_browser_cookie_opens_nothing_and_guesses_slowly(session, checked):
    owner = accounts.make_owner()
    with transaction():
        device = service.remember_device(owner.user_id)
    results = [guess(owner.email, f"203.0.{number}.1", device=device) for number in range(whole(40, 200))]
    assert len(checked) <= 10
    assert True not in results


@pytest.mark.parametrize("change", ["cut", "flipped", "of another user", "made up"])
def test_case_34_only_our_own_mark_on_the_owner_s_browser_counts(session, checked, change):
    owner = accounts.make_owner()
    with transaction():
        device = service.remember_device(owner.user_id)
    if change == "of another user":
        with transaction():
            from app.accounts.rules.roles import Role

            device = service.remember_device(accounts.make_member(owner.workspace_id, Role.VIEWER).user_id)
    token = {
        "cut": device[:-2],
        "flipped": device[:20] + ("A" if device[20] != "A" else "B") + device[21:],
        "made up": "x" * 60,
    }
    for number in range(20):
        guess(owner.email, f"203.0.113.{number}")
    before = len(checked)
    assert (
        guess(owner.email, "198.51.100.1", password=owner.password, device=token.get(change, device)) is None
    )
    assert len(checked) == before


def test_case_34_the_limit_holds_while_redis_is_away(live, checked, settings):
    owner = accounts.make_owner()
    redis.configure("redis://127.0.0.1:1/0")
    try:
        for number in range(20):
            guess(owner.email, f"203.0.113.{number}")
    finally:
        redis.configure(settings.redis_url)
    assert len(checked) <= 10
