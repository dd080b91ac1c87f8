"""Case 31: nothing changes by a request that does not come from a page of ours."""

from __future__ import annotations

from itertools import cycle, product

import pytest
from sqlalchemy import text

from tests.support import accounts
from tests.support.properties import whole
from tests.support.routes import UNSAFE, routes

pytestmark = pytest.mark.thorough


@pytest.fixture
def owner(client):
    found = accounts.make_owner()
    accounts.sign_in(client, found)
    return found


def guarded(app):
    found = [
        route for route in routes(app) if route.method in UNSAFE and route.guard.kind in {"member", "visitor"}
    ]
    assert len(found) > 10
    return found


def counts(session) -> list[int]:
    """Rows of every table that a member's act could touch."""
    names = session.execute(
        text(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'limit_counts' ORDER BY 1"
        )
    )
    return [session.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for (name,) in names]


def test_case_31_every_unsafe_route_wants_a_token(app, client, session, owner):
    before = counts(session)
    for route in guarded(app):
        answer = client.open(route.path, method=route.method, data={})
        assert answer.status_code == 403, f"{route.method} {route.path}: {answer.status_code}"
    assert counts(session) == before


def pairs(app, kinds):
    routes = guarded(app)
    return whole(list(zip(routes, cycle(kinds))), list(product(routes, kinds)))


def test_case_31_only_this_session_s_token_counts(app, client, session, owner):
    """Each route meets a kind of wrong token, and each kind every sixth route; in a thorough run each meets each."""
    other = app.test_client()
    tokens = {
        "made up": "0" * 64,
        "empty": "",
        "not text": "ü" * 64,
        "of another browser": accounts.token_of(other),
        "of no session": accounts.token_of(app.test_client()),
    }
    accounts.sign_in(other, owner)
    tokens["of another session"] = accounts.token_of(other, "/settings/you")
    assert len(set(tokens.values())) == 6
    before = counts(session)
    for route, kind in pairs(app, list(tokens)):
        answer = client.open(route.path, method=route.method, data={"csrf": tokens[kind]})
        assert answer.status_code == 403, f"{kind}: {route.method} {route.path}: {answer.status_code}"
    assert counts(session) == before


def test_case_31_a_browser_that_says_the_post_is_foreign_is_believed(app, client, owner):
    token = accounts.token_of(client, "/settings/you")
    for route, site in pairs(app, ["cross-site", "same-site"]):
        answer = client.open(
            route.path, method=route.method, data={"csrf": token}, headers={"Sec-Fetch-Site": site}
        )
        assert answer.status_code == 403, f"{site}: {route.method} {route.path}: {answer.status_code}"


def test_case_31_sign_in_and_sign_out_cannot_be_forged(app, client, owner):
    stranger = app.test_client()
    form = {"email": owner.email, "password": owner.password}
    assert stranger.post("/sign-in", data=form).status_code == 403
    assert accounts.session_cookie(stranger) is None
    assert client.post("/sign-out").status_code == 403
    assert client.get("/settings/you").status_code == 200


def test_case_31_no_other_content_type_is_a_way_around(client, owner):
    token = accounts.token_of(client, "/settings/you")
    for content_type in ("text/plain", "application/json", "multipart/form-data"):
        answer = client.post(
            "/settings/sessions/end-others", data=f"csrf={token}", headers={"Content-Type": content_type}
        )
        assert answer.status_code == 403


def test_case_31_a_token_in_the_address_does_not_count(client, owner):
    token = accounts.token_of(client, "/settings/you")
    assert client.post(f"/settings/sessions/end-others?csrf={token}").status_code == 403


def test_case_31_the_one_click_post_has_no_effect_as_an_admin(app, client, session, owner, count_statements):
    """It works without cookies; an owner's cookie gives it nothing more and is not even read."""
    session.execute(text("UPDATE sessions SET seen_at = seen_at - interval '1 hour'"))
    session.commit()
    before = counts(session)
    seen = session.execute(text("SELECT seen_at FROM sessions")).scalar_one()
    with count_statements() as statements:
        with_cookie = client.post(
            "/u/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", data={"List-Unsubscribe": "One-Click"}
        )
    assert not any("sessions" in statement for statement in statements)
    without = app.test_client().post(
        "/u/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", data={"List-Unsubscribe": "One-Click"}
    )
    assert (with_cookie.status_code, with_cookie.text) == (without.status_code, without.text)
    assert counts(session) == before
    assert session.execute(text("SELECT seen_at FROM sessions")).scalar_one() == seen


def test_case_31_without_a_session_nothing_is_a_member(app, client):
    accounts.make_owner()
    token = accounts.token_of(client)
    for route in guarded(app):
        if route.guard.kind != "member":
            continue
        answer = client.open(route.path, method=route.method, data={"csrf": token})
        assert answer.status_code == 401, f"{route.method} {route.path}: {answer.status_code}"
