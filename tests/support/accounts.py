"""Owners, members and signed-in browsers for tests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from app.accounts import service
from app.accounts.rules import acts
from app.accounts.rules.brand import Details
from app.accounts.rules.roles import Role
from app.kernel.db import transaction

EMAIL = "marta@oxbow.example"
PASSWORD = "four ferries cross at dawn"
DETAILS = Details(
    name="Oxbow Coffee",
    postal_address="Oxbow Coffee Ltd\n14 Ferry Yard\nBristol BS1 6XN",
    language="en",
    site="https://oxbow.example",
    accent="#7a4a2b",
)


@dataclass(frozen=True)
class Account:
    """A user of a workspace."""

    user_id: UUID
    workspace_id: UUID
    email: str
    password: str


def make_owner() -> Account:
    """The first owner, with a brand."""
    with transaction():
        user = service.create_owner(EMAIL, "Marta Byrne", PASSWORD)
        workspace = service.create_workspace(user.id, DETAILS)
    return Account(user.id, workspace.id, EMAIL, PASSWORD)


def make_member(workspace_id: UUID, role: Role, email: str = "") -> Account:
    """Somebody else in the workspace."""
    email = email or f"{role.value}@oxbow.example"
    with transaction():
        user = service.add_member(workspace_id, email, "Jo Tan", PASSWORD, role, by=acts.COMMAND)
    return Account(user.id, workspace_id, email, PASSWORD)


def csrf_of(page: str) -> str:
    """The token in a page's first form."""
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert found, "the page has no form of ours"
    return found[1]


def token_of(client, path: str = "/sign-in") -> str:
    """A token that fits this browser."""
    return csrf_of(client.get(path).text)


def sign_in(client, account: Account, *, password: str | None = None, **more):
    """Post the sign-in form; gives the answer."""
    form = {
        "csrf": token_of(client),
        "email": account.email,
        "password": password or account.password,
        **more,
    }
    return client.post("/sign-in", data=form)


def session_cookie(client) -> str | None:
    """The session's token in this browser."""
    found = client.get_cookie("nod_session", domain="127.0.0.1") or client.get_cookie("nod_session")
    return found.value if found else None
