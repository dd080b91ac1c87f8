"""One's own account, API keys, and a brand's colours."""

from __future__ import annotations

import re

import pytest

from app.accounts import queries
from app.kernel.ids import uuid7
from tests.support import accounts

NEW = "nine herons stand in the shallows"


@pytest.fixture
def owner(client):
    found = accounts.make_owner()
    accounts.sign_in(client, found)
    return found


def change(client, current: str, new: str):
    token = accounts.token_of(client, "/settings/you")
    return client.post("/settings/password", data={"csrf": token, "current": current, "new": new})


def test_a_password_is_changed_and_this_browser_stays_in(client, owner):
    before = accounts.session_cookie(client)
    answer = change(client, owner.password, NEW)
    assert (answer.status_code, answer.location) == (303, "/settings/you?changed=1")
    assert accounts.session_cookie(client) != before
    assert "Your password is changed" in client.get(answer.location).text


@pytest.mark.parametrize(
    ("current", "new", "words"),
    [("wrong password here", NEW, "That is not your password"), (accounts.PASSWORD, "short", "at least 12"),
     ("", NEW, "Write the password you have now"), (accounts.PASSWORD, "x" * 1001, "Keep this to 1000")],
)  # fmt: skip
def test_a_change_that_does_not_fit_changes_nothing(client, owner, current, new, words):
    answer = change(client, current, new)
    assert answer.status_code == 422
    assert words in answer.text
    assert client.get("/settings/you").status_code == 200


def test_guessing_the_current_password_is_slow(client, owner):
    statuses = [change(client, "wrong password here", NEW).status_code for _ in range(12)]
    assert statuses == [422] * 10 + [429] * 2


def test_other_sessions_are_listed_and_ended(app, client, owner):
    other = app.test_client()
    accounts.sign_in(other, owner)
    agent = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
    third = app.test_client()
    form = {"csrf": accounts.token_of(third), "email": owner.email, "password": owner.password}
    third.post("/sign-in", data=form, headers=agent)
    page = client.get("/settings/you").text
    assert "Firefox on Linux" in page
    assert "This one" in page
    ids = re.findall(r'name="id" value="([0-9a-f-]+)"', page)
    assert len(ids) == 2
    token = accounts.csrf_of(page)
    assert client.post("/settings/sessions/end", data={"csrf": token, "id": ids[0]}).status_code == 303
    assert client.post("/settings/sessions/end", data={"csrf": token, "id": ids[0]}).status_code == 404
    assert client.post("/settings/sessions/end", data={"csrf": token, "id": "x"}).status_code == 422
    assert client.post("/settings/sessions/end-others", data={"csrf": token}).status_code == 303
    assert other.get("/settings/you").status_code == 401
    assert third.get("/settings/you").status_code == 401
    assert client.get("/settings/you").status_code == 200


def test_a_key_is_shown_once(client, owner):
    token = accounts.token_of(client, "/settings/keys")
    form = {"csrf": token, "name": "Shop", "scopes": ["people.read", "forms.read"]}
    answer = client.post("/settings/keys", data=form)
    assert answer.status_code == 201
    secret = re.search(r"nod_[0-9a-f]{8}_[A-Za-z0-9_-]{43}", answer.text)[0]
    assert secret not in client.get("/settings/keys").text
    me = client.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
    assert me.json["key"]["scopes"] == ["forms.read", "people.read"]
    assert me.json["workspace"]["name"] == "Oxbow Coffee"
    key = queries.list_api_keys(owner.workspace_id)[0]
    client.post(f"/settings/keys/{key.id}/revoke", data={"csrf": token})
    assert client.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 401
    assert "Revoked" in client.get("/settings/keys").text
    assert client.post(f"/settings/keys/{uuid7()}/revoke", data={"csrf": token}).status_code == 404


@pytest.mark.parametrize(
    "values",
    [{"name": "Shop"}, {"name": "", "scopes": "people.read"}, {"name": "Shop", "scopes": "settings.write"}],
)
def test_a_key_without_a_name_or_with_a_wrong_right_is_not_made(client, owner, values):
    token = accounts.token_of(client, "/settings/keys")
    assert client.post("/settings/keys", data={"csrf": token, **values}).status_code == 422
    assert queries.list_api_keys(owner.workspace_id) == []


def test_a_brand_has_a_style_sheet_that_may_be_cached(client):
    owner = accounts.make_owner()
    brand = queries.brand(owner.workspace_id)
    answer = client.get(brand.css_url)
    assert answer.status_code == 200
    assert answer.content_type == "text/css; charset=utf-8"
    assert answer.text.startswith(":root{--brand:#7a4a2b;--on-brand:#ffffff;")
    assert "immutable" in answer.headers["Cache-Control"]
    old = client.get(f"/brand/{brand.public_id}.css?v=old")
    assert old.headers["Cache-Control"] == "public, max-age=300"
    assert "Set-Cookie" not in answer.headers
    assert client.get("/brand/unknown.css").status_code == 404
    assert client.get("/brand/%00.css").status_code == 400
