"""Case 33: a session's token is new at each sign-in, and an old one is dead at the next request."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.accounts import service
from app.accounts.rules import acts
from app.accounts.rules.roles import Role
from app.kernel.db import transaction
from tests.conftest import make_app
from tests.support import accounts
from tests.support.twin import on_transaction_of

PLACE = "127.0.0.1"
NEW = "nine herons stand in the shallows"


@pytest.fixture
def editor(client):
    owner = accounts.make_owner()
    return accounts.make_member(owner.workspace_id, Role.EDITOR)


def with_token(app, token: str):
    browser = app.test_client()
    browser.set_cookie("nod_session", token, domain=PLACE)
    return browser


def status_of(app, token: str) -> int:
    return with_token(app, token).get("/settings/you").status_code


def signed_in(app, account) -> tuple:
    browser = app.test_client()
    assert accounts.sign_in(browser, account).status_code == 303
    token = accounts.session_cookie(browser)
    assert status_of(app, token) == 200
    return browser, token


@pytest.mark.parametrize("planted", ["x" * 43, "A" * 100, "0"])
def test_case_33_a_planted_token_is_not_taken_over(app, client, editor, planted):
    client.set_cookie("nod_session", planted, domain=PLACE)
    accounts.sign_in(client, editor)
    assert accounts.session_cookie(client) != planted
    assert status_of(app, planted) == 401


def test_case_33_somebody_else_s_session_is_not_taken_over_either(app, client, editor):
    """An attacker signs in, plants the own token, and waits for the victim to sign in with it."""
    owner = accounts.Account(None, None, accounts.EMAIL, accounts.PASSWORD)
    _, planted = signed_in(app, owner)
    client.set_cookie("nod_session", planted, domain=PLACE)
    form = {
        "csrf": accounts.token_of(client, "/settings/you"),
        "email": editor.email,
        "password": editor.password,
    }
    assert client.post("/sign-in", data=form).status_code == 303
    assert accounts.session_cookie(client) != planted
    assert status_of(app, planted) == 401


def test_case_33_a_form_token_from_before_the_sign_in_does_not_work_after_it(client, editor):
    before = accounts.token_of(client)
    accounts.sign_in(client, editor)
    assert client.post("/settings/sessions/end-others", data={"csrf": before}).status_code == 403


def change_password(app, account, browser):
    form = {"csrf": accounts.token_of(browser, "/settings/you"), "current": account.password, "new": NEW}
    assert browser.post("/settings/password", data=form).status_code == 303


def reset_password(app, account, browser):
    with transaction():
        service.reset_password(account.email, NEW)


def sign_out(app, account, browser):
    assert (
        browser.post("/sign-out", data={"csrf": accounts.token_of(browser, "/settings/you")}).status_code
        == 303
    )


def change_role(app, account, browser):
    with transaction():
        service.change_role(account.workspace_id, account.user_id, Role.VIEWER, by=acts.COMMAND)


def disable(app, account, browser):
    with transaction():
        service.disable_user(account.user_id, by=acts.COMMAND)


def revoke(app, account, browser):
    with transaction():
        service.end_sessions(account.user_id, "revoked")


@pytest.mark.parametrize("act", [change_password, reset_password, sign_out, change_role, disable, revoke])
def test_case_33_the_old_token_is_dead_on_the_next_request(app, client, editor, act):
    browser, token = signed_in(app, editor)
    act(app, editor, browser)
    assert status_of(app, token) == 401


@pytest.mark.parametrize("act", [change_password, reset_password, change_role, disable, revoke])
def test_case_33_so_are_the_tokens_of_other_browsers(app, client, editor, act):
    browser, _ = signed_in(app, editor)
    _, elsewhere = signed_in(app, editor)
    act(app, editor, browser)
    assert status_of(app, elsewhere) == 401


def test_case_33_a_disabled_user_does_not_come_back_with_the_right_password(app, client, editor):
    disable(app, editor, client)
    assert accounts.sign_in(client, editor).status_code == 401


def test_case_33_a_token_in_the_address_opens_nothing(app, client, editor):
    _, token = signed_in(app, editor)
    for name in ("session", "nod_session", "token", "sid"):
        assert app.test_client().get(f"/settings/you?{name}={token}").status_code == 401


def test_case_33_over_tls_the_cookies_are_tied_to_this_host(settings, session):
    owner = accounts.make_owner()
    secure = make_app(replace(settings, url="https://mail.oxbow.example"))
    with on_transaction_of(session, secure):
        browser = secure.test_client()
        answer = browser.get("/sign-in")
        form = {"csrf": accounts.csrf_of(answer.text), "email": owner.email, "password": owner.password}
        into = browser.post("/sign-in", data=form)
        assert into.status_code == 303
        cookies = answer.headers.getlist("Set-Cookie") + into.headers.getlist("Set-Cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {
        "__Host-nod_visitor",
        "__Host-nod_session",
        "__Host-nod_device",
    }
    for cookie in cookies:
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= {
            part.strip() for part in cookie.split(";")
        }
        assert "Domain" not in cookie
