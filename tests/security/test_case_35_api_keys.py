"""Case 35: a dump opens nothing, a key in an address is refused, a wrong scope is told, a revoked key is dead."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from sqlalchemy import text, update

from app.accounts import service
from app.accounts.models import ApiKey
from app.accounts.rules import acts
from app.kernel import clock
from app.kernel.db import transaction
from app.kernel.errors import BadInput, NotFound
from app.kernel.http import guards
from tests.conftest import make_app
from tests.support import accounts
from tests.support.twin import on_transaction_of


def issue(owner, *scopes: str, **more):
    with transaction():
        return service.create_api_key(
            owner.workspace_id, "Shop", scopes or ("people.read",), by=acts.user(owner.user_id), **more
        )


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def dump(session) -> str:
    """Every row of every table as text, binary columns in hex and base64 too."""
    names = (
        session.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars().all()
    )
    rows = []
    for name in names:
        rows += session.execute(text(f'SELECT row_to_json(t)::text FROM "{name}" t')).scalars().all()
    return "\n".join(rows)


def test_case_35_a_dump_of_the_database_holds_no_usable_key(client, session):
    owner = accounts.make_owner()
    issued = issue(owner)
    accounts.sign_in(client, owner)
    token = accounts.session_cookie(client)
    client.get("/api/v1/me", headers=bearer(issued.secret))
    found = dump(session)
    assert issued.prefix in found, "the dump is whole"
    for secret in (issued.secret, issued.secret.split("_", 2)[2], token, owner.password):
        assert secret not in found
        assert secret.encode().hex() not in found
        assert base64.b64encode(secret.encode()).decode() not in found
    stored = session.execute(text("SELECT encode(secret_hash, 'hex') FROM api_keys")).scalar_one()
    assert client.get("/api/v1/me", headers=bearer(stored)).status_code == 401


def test_case_35_a_key_has_256_random_bits(session):
    owner = accounts.make_owner()
    secrets = {issue(owner).secret for _ in range(50)}
    assert len(secrets) == 50
    for secret in secrets:
        raw = base64.urlsafe_b64decode(secret.split("_", 2)[2] + "=")
        assert len(raw) == 32


@pytest.mark.parametrize("name", ["api_key", "apikey", "access_token", "API_KEY", "anything", "q"])
def test_case_35_a_key_in_the_address_is_refused(client, name):
    issued = issue(accounts.make_owner())
    for headers in ({}, bearer(issued.secret)):
        answer = client.get(f"/api/v1/me?{name}={issued.secret}", headers=headers)
        assert answer.status_code == 400
        assert "Authorization header" in answer.json["detail"]
        assert issued.secret not in answer.text


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic {secret}",
        "{secret}",
        "Bearer {cut}",
        "Bearer {secret}x",
        "Bearer ü",
        "Bearer " + "x" * 5000,
    ],
)
def test_case_35_anything_but_the_whole_key_is_nobody(client, header):
    issued = issue(accounts.make_owner())
    value = header.format(secret=issued.secret, cut=issued.secret[:-1])
    answer = client.get("/api/v1/me", headers={"Authorization": value.encode().decode("latin-1")})
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_case_35_a_wrong_scope_is_told(settings, session):
    made = make_app(settings)
    made.add_url_rule("/api/v1/write", "write", guards.api("people.write")(lambda: "done"))
    owner = accounts.make_owner()
    reads, writes = issue(owner, "people.read"), issue(owner, "people.write")
    with on_transaction_of(session, made):
        browser = made.test_client()
        refused = browser.get("/api/v1/write", headers=bearer(reads.secret))
        assert refused.status_code == 403
        assert "people.write" in refused.json["detail"]
        assert browser.get("/api/v1/write", headers=bearer(writes.secret)).text == "done"


def test_case_35_a_revoked_key_is_dead_at_once(client):
    owner = accounts.make_owner()
    issued = issue(owner)
    assert client.get("/api/v1/me", headers=bearer(issued.secret)).status_code == 200
    with transaction():
        service.revoke_api_key(owner.workspace_id, issued.id, by=acts.COMMAND)
    assert client.get("/api/v1/me", headers=bearer(issued.secret)).status_code == 401


def test_case_35_a_key_ends_on_its_day(client):
    owner = accounts.make_owner()
    old = issue(owner, expires_at=clock.now() - timedelta(seconds=1))
    young = issue(owner, expires_at=clock.now() + timedelta(minutes=1))
    assert client.get("/api/v1/me", headers=bearer(old.secret)).status_code == 401
    assert client.get("/api/v1/me", headers=bearer(young.secret)).status_code == 200


@pytest.mark.parametrize(
    "scopes", [(), ("settings.write",), ("audit.read",), ("people.read", "setup"), ("*",)]
)
def test_case_35_no_key_can_take_over_the_house(session, scopes):
    owner = accounts.make_owner()
    with pytest.raises(BadInput):
        service.create_api_key(owner.workspace_id, "Shop", scopes, by=acts.user(owner.user_id))


def test_case_35_a_key_is_revoked_only_by_its_workspace(session):
    owner = accounts.make_owner()
    issued = issue(owner)
    with transaction():
        other = service.create_workspace(owner.user_id, accounts.DETAILS)
    with pytest.raises(NotFound):
        service.revoke_api_key(other.id, issued.id, by=acts.COMMAND)


def test_case_35_the_work_is_the_same_for_every_wrong_key(client, session, count_statements):
    """Flat timing: one look-up by hash, whether the key is unknown, revoked, expired or half right."""
    owner = accounts.make_owner()
    revoked, expired = issue(owner), issue(owner, expires_at=clock.now() - timedelta(days=1))
    with transaction():
        service.revoke_api_key(owner.workspace_id, revoked.id, by=acts.COMMAND)
    asked = []
    for secret in (revoked.secret, expired.secret, revoked.secret[:-1], revoked.prefix, "nothing"):
        with count_statements() as statements:
            assert client.get("/api/v1/me", headers=bearer(secret)).status_code == 401
        asked.append(statements)
    assert all(found == asked[0] for found in asked)


def test_case_35_use_is_written_down_once_a_minute(client, session, count_statements):
    owner = accounts.make_owner()
    issued = issue(owner)
    for _ in range(3):
        client.get("/api/v1/me", headers=bearer(issued.secret))
    with count_statements() as statements:
        client.get("/api/v1/me", headers=bearer(issued.secret))
    assert not any(statement.startswith("UPDATE") for statement in statements)
    session.execute(update(ApiKey).values(last_used_at=clock.now() - timedelta(minutes=2)))
    session.commit()
    with count_statements() as statements:
        client.get("/api/v1/me", headers=bearer(issued.secret))
    assert sum(statement.startswith("UPDATE api_keys") for statement in statements) == 1


def test_case_35_a_key_is_no_session_and_a_session_no_key(client):
    owner = accounts.make_owner()
    issued = issue(owner)
    assert client.get("/settings/you", headers=bearer(issued.secret)).status_code == 401
    accounts.sign_in(client, owner)
    assert client.get("/api/v1/me").status_code == 401
    assert client.get("/api/v1/me", headers=bearer(accounts.session_cookie(client))).status_code == 401
