"""A workspace whose owner is signed in."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests.support import make
from tests.support.accounts import Account, csrf_of, sign_in


class Staff:
    """Somebody of the workspace in their browser."""

    def __init__(self, client, account: Account):
        self.client, self.account = client, account
        assert sign_in(client, account).status_code == 303

    def get(self, path, **more):
        return self.client.get(path, **more)

    def post(self, path, *, page=None, **form):
        """Post a form with the token of its page (by default: of the list)."""
        token = csrf_of(self.client.get(page or "/people").text)
        return self.client.post(path, data={"csrf": token, **form})


def place_in(country: str, session) -> make.Place:
    """A workspace whose brand is at home there."""
    place = make.place()
    session.execute(text("UPDATE workspaces SET country = :country WHERE id = :id"), {"country": country, "id": place.id})
    session.expire_all()
    return place


def owner_of(where: make.Place) -> Account:
    return Account(where.owner_id, where.id, where.owner_email, make.PASSWORD)


@pytest.fixture
def where(session):
    return make.place()


@pytest.fixture
def mara(where):
    return make.person(where.id, "mara@example.org", "Mara")


@pytest.fixture
def staff(where, client):
    return Staff(client, owner_of(where))
