"""Case 32: no page may be shown in a frame, but for the form that is made for it."""

from __future__ import annotations

from tests.support import accounts
from tests.support.routes import routes


def assert_closed(answer, path: str) -> None:
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], path
    assert answer.headers["X-Frame-Options"] == "DENY", path


def test_case_32_no_page_can_be_framed_and_no_policy_allows_inline_scripts_or_styles(app, client):
    owner = accounts.make_owner()
    accounts.sign_in(client, owner)
    seen = 0
    for route in routes(app):
        if route.method != "GET":
            continue
        answer = client.get(route.path)
        assert_closed(answer, route.path)
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy, route.path
        assert "*" not in policy, route.path
        seen += 1
    assert seen > 15


def test_case_32_nor_can_its_errors(client):
    owner = accounts.make_owner()
    assert_closed(client.get("/nothing/here"), "404")
    assert_closed(client.get("/sign-in", headers={"Host": "evil.example"}), "400")
    assert_closed(client.post("/sign-in"), "403")
    assert_closed(client.get("/sign-out"), "405")
    assert_closed(client.get("/settings"), "401")
    assert_closed(accounts.sign_in(client, owner, password="not the right one"), "401")
