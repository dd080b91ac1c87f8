"""Signing in and out in a browser."""

from __future__ import annotations

from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from app.accounts import queries, service
from app.accounts.models import AuditEntry, KnownDevice, User, UserSession
from app.accounts.rules.roles import Role
from app.accounts.service import passwords
from app.kernel import clock
from tests.conftest import EARNEST_HASHER
from tests.support import accounts


def test_the_right_password_opens_a_session_and_goes_on_to_the_wanted_page(client):
    owner = accounts.make_owner()
    answer = accounts.sign_in(client, owner, next="/people?q=elif")
    assert answer.status_code == 303
    assert answer.location == "/people?q=elif"
    assert client.get("/sign-in").status_code == 302, "somebody who is in goes on"


def test_the_form_names_the_brand_and_works_without_scripts(client):
    accounts.make_owner()
    page = client.get("/sign-in").text
    assert "Oxbow Coffee on 127.0.0.1:8000" in page
    assert 'name="email"' in page
    assert 'autocomplete="current-password"' in page


def test_before_there_is_an_owner_sign_in_leads_to_the_first_run(client):
    assert client.get("/sign-in").location == "/setup/account"


@pytest.mark.parametrize(
    "values",
    [
        {"password": "not the right one at all"},
        {"email": "nobody@oxbow.example"},
        {"email": "not an address"},
        {"email": "marta@oxbow.example\0"},
    ],
)
def test_a_wrong_pair_is_refused_in_the_same_words(client, values):
    owner = accounts.make_owner()
    form = {"csrf": accounts.token_of(client), "email": owner.email, "password": owner.password, **values}
    answer = client.post("/sign-in", data=form)
    assert answer.status_code in {401, 422}
    assert accounts.session_cookie(client) is None
    assert "Traceback" not in answer.text


def test_an_address_is_known_in_any_spelling(client):
    owner = accounts.make_owner()
    form = {"csrf": accounts.token_of(client), "email": " MARTA@Oxbow.Example ", "password": owner.password}
    assert client.post("/sign-in", data=form).status_code == 303


def test_an_empty_form_says_what_is_missing(client):
    accounts.make_owner()
    answer = client.post("/sign-in", data={"csrf": accounts.token_of(client), "email": "", "password": ""})
    assert answer.status_code == 422
    assert "Write your password" in answer.text


def test_signing_out_ends_the_session_on_the_server(client):
    owner = accounts.make_owner()
    accounts.sign_in(client, owner)
    token = accounts.session_cookie(client)
    answer = client.post("/sign-out", data={"csrf": accounts.token_of(client, "/settings/you")})
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert accounts.session_cookie(client) is None
    client.set_cookie("nod_session", token, domain="127.0.0.1")
    assert client.get("/settings/you").status_code == 401


def test_signing_out_needs_a_post(client):
    assert client.get("/sign-out").status_code == 405


def test_a_session_ends_after_eight_idle_hours(client, session):
    owner = accounts.make_owner()
    accounts.sign_in(client, owner)
    session.execute(update(UserSession).values(seen_at=clock.now() - timedelta(hours=7, minutes=59)))
    session.commit()
    assert client.get("/settings/you").status_code == 200
    session.execute(update(UserSession).values(seen_at=clock.now() - timedelta(hours=8, minutes=1)))
    session.commit()
    assert client.get("/settings/you").status_code == 401


def test_a_kept_session_outlives_idle_hours_but_not_a_week(client, session):
    owner = accounts.make_owner()
    accounts.sign_in(client, owner, remember="1")
    session.execute(update(UserSession).values(seen_at=clock.now() - timedelta(days=6)))
    session.commit()
    assert client.get("/settings/you").status_code == 200
    session.execute(update(UserSession).values(expires_at=clock.now() - timedelta(seconds=1)))
    session.commit()
    assert client.get("/settings/you").status_code == 401


def test_no_session_lasts_longer_than_a_week(client, session):
    owner = accounts.make_owner()
    accounts.sign_in(client, owner, remember="1")
    row = session.execute(select(UserSession)).scalar_one()
    assert row.expires_at - row.created_at == timedelta(days=7)


def test_use_is_written_down_at_most_once_a_minute(client, session, count_statements):
    owner = accounts.make_owner()
    accounts.sign_in(client, owner)
    with count_statements() as statements:
        client.get("/settings/you")
    assert not [found for found in statements if found.startswith("UPDATE sessions")]
    session.execute(update(UserSession).values(seen_at=clock.now() - timedelta(minutes=2)))
    session.commit()
    with count_statements() as statements:
        client.get("/settings/you")
        client.get("/settings/you")
    assert len([found for found in statements if found.startswith("UPDATE sessions")]) == 1


@pytest.fixture
def earnest_hasher(monkeypatch):
    """Passwords cost what they cost in a server."""
    passwords._nobody.cache_clear()
    monkeypatch.setattr(passwords, "_hasher", EARNEST_HASHER)
    yield
    passwords._nobody.cache_clear()


def test_a_password_hashed_with_weaker_parameters_is_hashed_anew(client, session, earnest_hasher):
    owner = accounts.make_owner()
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(owner.password)
    session.execute(update(User).values(password_hash=old))
    session.commit()
    assert accounts.sign_in(client, owner).status_code == 303
    assert "$m=32768,t=3,p=1$" in session.execute(select(User.password_hash)).scalar_one()


def test_signing_in_is_recorded_without_addresses(client, session):
    owner = accounts.make_owner()
    accounts.sign_in(client, owner, password="not the right one")
    accounts.sign_in(client, owner)
    entries = session.execute(select(AuditEntry).order_by(AuditEntry.id)).scalars().all()
    assert [entry.act for entry in entries][-2:] == ["sign_in.refused", "sign_in.done"]
    assert all("@" not in f"{entry.object}{entry.detail}" for entry in entries)


def test_a_browser_is_known_after_its_first_sign_in(client, session):
    owner = accounts.make_owner()
    accounts.sign_in(client, owner)
    client.delete_cookie("nod_session", domain="127.0.0.1")
    accounts.sign_in(client, owner)
    assert len(session.execute(select(KnownDevice)).scalars().all()) == 1


def test_old_sessions_and_devices_are_forgotten(client, session):
    owner = accounts.make_owner()
    accounts.sign_in(client, owner)
    service.forget_old()
    assert session.execute(select(UserSession)).first()
    long_ago = clock.now() - timedelta(days=200)
    session.execute(update(UserSession).values(expires_at=long_ago))
    session.execute(update(KnownDevice).values(seen_at=long_ago))
    service.forget_old()
    assert session.execute(select(UserSession)).first() is None
    assert session.execute(select(KnownDevice)).first() is None


def test_pages_show_the_workspace_and_the_menu_of_the_role(client):
    owner = accounts.make_owner()
    viewer = accounts.make_member(owner.workspace_id, Role.VIEWER)
    accounts.sign_in(client, viewer)
    page = client.get("/settings/you").text
    assert "Oxbow Coffee" in page
    assert [member.role for member in queries.list_members(owner.workspace_id)] == [Role.VIEWER, Role.OWNER]
