"""Case 36: a field that a form does not have is refused, so that none can be slipped in."""

from __future__ import annotations

from itertools import product

from sqlalchemy import text

from app.accounts import queries
from app.accounts.rules.roles import Role
from tests.home.test_first_run import ACCOUNT, BRAND, SENDER
from tests.support import accounts

EXTRA = {
    "role": "owner",
    "tenant_id": "1",
    "workspace_id": "01976f3e-7c0a-7000-8000-000000000001",
    "status": "confirmed",
    "consent_at": "2026-01-01",
    "is_admin": "1",
    "id": "01976f3e-7c0a-7000-8000-000000000001",
    "password_hash": "x",
    "disabled_at": "",
    "created_at": "2026-01-01",
}
FORMS = {
    "/settings/brand": BRAND,
    "/settings/sender": SENDER,
    "/settings/test": {"to": accounts.EMAIL},
    "/settings/password": {"current": accounts.PASSWORD, "new": "nine herons stand in the shallows"},
    "/settings/sessions/end-others": {},
    "/settings/interests": {"name": "Tastings", "description": "", "pace": ""},
    "/settings/keys": {"name": "Shop", "scopes": "people.read"},
    "/setup/brand": BRAND,
    "/setup/sender": SENDER,
}


def state(session) -> str:
    tables = ("workspaces", "users", "memberships", "senders", "interests", "api_keys")
    rows = [
        session.execute(text(f"SELECT row_to_json(t)::text FROM {name} t")).scalars().all() for name in tables
    ]
    return str(rows)


def test_case_36_an_unknown_field_is_refused_and_nothing_changes(client, session):
    owner = accounts.make_owner()
    accounts.sign_in(client, owner)
    token = accounts.token_of(client, "/settings/you")
    before = state(session)
    for path, name in product(FORMS, EXTRA):
        answer = client.post(path, data={"csrf": token, **FORMS[path], name: EXTRA[name]})
        assert answer.status_code == 422, (path, name)
    assert state(session) == before
    for path in FORMS:
        # Another password makes another session, and that another token.
        form = {"csrf": accounts.token_of(client, "/settings/you"), **FORMS[path]}
        answer = client.post(path, data=form)
        assert answer.status_code in {201, 303}, f"{path}: the form itself works"


def test_case_36_nobody_signs_in_with_more_than_a_pair(client):
    owner = accounts.make_owner()
    for name in EXTRA:
        assert accounts.sign_in(client, owner, **{name: EXTRA[name]}).status_code == 422, name
        assert accounts.session_cookie(client) is None, name


def test_case_36_the_first_account_takes_no_more_than_it_asks_for(client, session):
    token = accounts.token_of(client, "/setup/account")
    for name in EXTRA:
        answer = client.post("/setup/account", data={"csrf": token, **ACCOUNT, name: EXTRA[name]})
        assert answer.status_code == 422, name
        assert not queries.has_owner(), name


def test_case_36_a_member_does_not_become_an_owner(client, session):
    owner = accounts.make_owner()
    editor = accounts.make_member(owner.workspace_id, Role.EDITOR)
    accounts.sign_in(client, editor)
    token = accounts.token_of(client, "/settings/you")
    form = {
        "csrf": token,
        "current": editor.password,
        "new": "nine herons stand in the shallows",
        "role": "owner",
    }
    assert client.post("/settings/password", data=form).status_code == 422
    roles = {member.user_id: member.role for member in queries.list_members(owner.workspace_id)}
    assert roles[editor.user_id] is Role.EDITOR
