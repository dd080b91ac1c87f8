"""Every route has a guard, says which, and refuses who must be refused."""

from __future__ import annotations

import pytest
from flask import Flask

from app.kernel.http.guards import guard_of, refuse_unguarded
from tests.support.routes import something

PUBLIC = {
    "accounts.brand_css",
    "campaigns.public_report",
    "content.archive",
    "content.archive_feed",
    "content.archived",
    "content.archived_letter",
    "content.design_picture",
    "content.picture",
    "content.web_view",
    "content.web_view_letter",
    "evidence.key",
    "evidence.verifier",
    "forms.fragment",
    "forms.hosted",
    "forms.inbox",
    "forms.look",
    "forms.submit",
    "forms.preflight",
    "health.healthz",
    "health.readyz",
    "static",
    "tracking.follow",
    "tracking.pixel",
}
PUBLIC_ROOMS = {"preferences", "mailbox"}


def rules(app: Flask):
    return [rule for rule in app.url_map.iter_rules() if "GET" in rule.methods or "POST" in rule.methods]


def test_every_route_has_a_guard(app):
    assert all(guard_of(app, rule.endpoint) for rule in rules(app))


def test_the_application_does_not_start_with_a_naked_route(app):
    other = Flask("other", static_folder=None)
    other.add_url_rule("/naked", "naked", lambda: "")
    with pytest.raises(RuntimeError, match="naked"):
        refuse_unguarded(other)


def test_what_is_public_is_on_the_list(app):
    found = {rule.endpoint for rule in rules(app) if guard_of(app, rule.endpoint).kind == "public"}
    surprising = {name for name in found - PUBLIC if name.split(".")[0] not in PUBLIC_ROOMS}
    assert not surprising, f"Public without being listed: {surprising}"


def _url(rule):
    return rule.build({name: something(converter) for name, converter in rule._converters.items()})[1]


def test_members_pages_send_a_stranger_to_the_sign_in(client, app):
    for rule in rules(app):
        if guard_of(app, rule.endpoint).kind != "member":
            continue
        for method in rule.methods & {"GET", "POST", "PUT", "PATCH", "DELETE"}:
            answer = client.open(_url(rule), method=method, headers={"Accept": "text/html"})
            expected = {302, 303} if method == "GET" else {401}
            assert answer.status_code in expected, (method, rule.rule, answer.status_code)
            if answer.status_code in {302, 303}:
                assert answer.headers["Location"].startswith(("/sign-in", "/setup"))


def test_api_routes_ask_for_a_key(client, app):
    found = [rule for rule in rules(app) if guard_of(app, rule.endpoint).kind == "api"]
    assert found
    for rule in found:
        for method in rule.methods & {"GET", "POST", "PUT", "DELETE"}:
            answer = client.open(_url(rule), method=method)
            assert answer.status_code == 401
            assert answer.content_type == "application/problem+json"


def test_every_answer_carries_the_headers(client):
    for path in ("/sign-in", "/nowhere", "/healthz"):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "unsafe-inline" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert "Cookie" in headers["Vary"]
