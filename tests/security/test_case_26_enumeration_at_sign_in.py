"""Case 26 at the door: sign-in answers alike, by the same work, whether or not the account is there."""

from __future__ import annotations

import pytest

from app.accounts import queries, service
from app.accounts.rules import acts
from app.accounts.rules.roles import Role
from app.accounts.service import passwords
from app.kernel.db import transaction
from tests.conftest import make_app
from tests.support import accounts

WRONG = "wrong ferries cross at dusk"


@pytest.fixture
def looks(monkeypatch):
    """How many argon2 checks were made, with which parameters."""
    seen: list[str] = []
    real = passwords._hasher

    class Counting:
        def verify(self, stored: str, password: str) -> bool:
            seen.append(stored.rpartition("$")[0].rpartition("$")[0])
            return real.verify(stored, password)

        def __getattr__(self, name: str):
            return getattr(real, name)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    return seen


def answer_to(client, email: str, count_statements, password: str = WRONG):
    form = {"csrf": accounts.token_of(client), "email": email, "password": password}
    with count_statements() as statements:
        answer = client.post("/sign-in", data=form)
    body = answer.text.replace(email, "ADDRESS")
    return answer.status_code, body, sorted(answer.headers.keys()), [line[:60] for line in statements]


@pytest.mark.parametrize("other", ["nobody@oxbow.example", "disabled@oxbow.example", "no address"])
def test_case_26_known_and_unknown_accounts_answer_alike_by_the_same_work(
    client, session, count_statements, looks, other
):
    owner = accounts.make_owner()
    disabled = accounts.make_member(owner.workspace_id, Role.VIEWER, email="disabled@oxbow.example")
    with transaction():
        service.disable_user(disabled.user_id, by=acts.COMMAND)
    known = answer_to(client, owner.email, count_statements)
    unknown = answer_to(client, other, count_statements)
    assert known == unknown
    assert len(looks) == 2
    assert looks[0] == looks[1], "nobody's hash costs what a real one costs"


def test_case_26_a_disabled_account_does_not_tell_that_the_password_is_right(
    client, session, count_statements, looks
):
    owner = accounts.make_owner()
    disabled = accounts.make_member(owner.workspace_id, Role.VIEWER)
    with transaction():
        service.disable_user(disabled.user_id, by=acts.COMMAND)
    right = answer_to(client, disabled.email, count_statements, disabled.password)
    wrong = answer_to(client, disabled.email, count_statements)
    assert right == wrong


def test_case_26_beyond_the_limit_both_are_answered_alike(client, session, count_statements, looks):
    owner = accounts.make_owner()
    for _ in range(6):
        known = answer_to(client, owner.email, count_statements)
        unknown = answer_to(client, "nobody@oxbow.example", count_statements)
    assert known[0] == 429
    assert known == unknown


@pytest.mark.parametrize("email", ["marta@oxbow.example", "nobody@oxbow.example"])
def test_the_first_answer_of_a_process_takes_the_same_work_for_everybody(client, session, monkeypatch, email):
    made: list[str] = []
    real = passwords._hasher

    class Counting:
        def hash(self, password: str) -> str:
            made.append(password)
            return real.hash(password)

        def verify(self, stored: str, password: str) -> bool:
            return real.verify(stored, password)

    accounts.make_owner()
    monkeypatch.setattr(passwords, "_hasher", Counting())
    passwords._nobody.cache_clear()
    user = queries.find_user(email)
    assert passwords.matches(user, WRONG) is False
    assert len(made) == 1


def test_a_process_that_asks_for_no_password_does_none_of_this_work(settings):
    passwords._nobody.cache_clear()
    make_app(settings)
    assert passwords._nobody.cache_info().currsize == 0
