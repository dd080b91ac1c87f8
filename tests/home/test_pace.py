"""The panel of the settings that limits the workspace's own mail server."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.accounts.models import AuditEntry
from app.accounts.rules.roles import Role
from app.delivery import queries as delivery
from app.delivery import service
from app.delivery.pacing.pacer import Pacer
from app.delivery.pacing.rules import Said
from app.delivery.retries import TRANSPORT
from app.delivery.transports.base import Verb
from app.kernel.db import transaction
from tests.home.test_first_run import SENDER, post
from tests.support import accounts


@pytest.fixture
def owner(client, smtp):
    found = accounts.make_owner()
    accounts.sign_in(client, found)
    own = {**SENDER, "transport": "smtp", "host": "127.0.0.1", "port": str(smtp.port), "security": "none"}
    assert post(client, "/settings/sender", own, "/settings").status_code == 303
    return found


def limits(owner) -> dict[str, float]:
    with transaction():
        return delivery.own_rates(service.own_route(owner.workspace_id))


def test_a_pace_is_set_shown_recorded_and_taken_away(client, session, owner):
    saved = post(client, "/settings/pace", {"per_minute": "1200", "connections": "4"}, "/settings")
    assert (saved.status_code, saved.location) == (303, "/settings#pace")
    values = {"domain": "GoogleMail.com", "domain_per_minute": "60"}
    assert post(client, "/settings/pace/receiver", values, "/settings").status_code == 303
    assert limits(owner) == {"": 1200, "gmail.com": 60}
    page = client.get("/settings").text
    assert 'name="per_minute" type="number" value="1200"' in page
    assert 'name="connections" type="number" value="4"' in page
    assert "gmail.com: at most 60 a minute" in page
    assert "pace.changed" in session.execute(select(AuditEntry.act)).scalars().all()
    cleared = post(client, "/settings/pace/receiver/clear", {"domain": "gmail.com"}, "/settings")
    assert cleared.status_code == 303
    assert (
        post(client, "/settings/pace", {"per_minute": "", "connections": ""}, "/settings").status_code == 303
    )
    assert limits(owner) == {}
    with transaction():
        assert delivery.own_connections(service.own_route(owner.workspace_id)) is None


@pytest.mark.parametrize(
    ("path", "values", "words"),
    [
        ("", {"per_minute": "many", "connections": ""}, "Write a whole number."),
        ("", {"per_minute": "0", "connections": ""}, "Write how many mails a minute"),
        ("", {"per_minute": "5", "connections": "1001"}, "from 1 to 1,000"),
        ("/receiver", {"domain": "x@y", "domain_per_minute": "5"}, "The part behind the @"),
        ("/receiver", {"domain": "gmail.com", "domain_per_minute": "0"}, "Write how many mails a minute"),
    ],
)
def test_a_fault_of_the_pace_keeps_what_was_typed_and_changes_nothing(client, owner, path, values, words):
    answer = post(client, f"/settings/pace{path}", values, "/settings")
    assert answer.status_code == 422
    assert words in answer.text
    assert all(f'value="{typed}"' in answer.text for typed in values.values() if typed)
    assert limits(owner) == {}


def test_a_server_that_refuses_us_is_told(client, owner):
    with transaction():
        route = service.own_route(owner.workspace_id)
        pacer = Pacer()
        pacer.look()
        pacer.learn(route, [Said("a.example", TRANSPORT, Verb.AUTH, 535, "5.7.8", "535 5.7.8 <b>bad</b>")])
    page = client.get("/settings").text
    assert "The mail server does not let us send: 535 5.7.8 &lt;b&gt;bad&lt;/b&gt;" in page


def test_everybodys_server_is_limited_by_nobody_here(client):
    found = accounts.make_owner()
    accounts.sign_in(client, found)
    post(client, "/settings/sender", SENDER, "/settings")
    assert 'id="pace"' not in client.get("/settings").text
    answer = post(client, "/settings/pace", {"per_minute": "5", "connections": ""}, "/settings")
    assert answer.status_code == 409


def test_members_without_the_right_change_no_pace(app, owner):
    client = app.test_client()
    accounts.sign_in(client, accounts.make_member(owner.workspace_id, Role.VIEWER))
    token = accounts.token_of(client, "/settings/you")
    values = {"csrf": token, "per_minute": "5", "connections": ""}
    assert client.post("/settings/pace", data=values).status_code == 403
    assert limits(owner) == {}
