"""A workspace whose owner is signed in, and a program with a key."""

from __future__ import annotations

import pytest

from app.accounts import service as accounts
from app.accounts.rules import acts
from app.kernel.db import transaction
from tests.people.conftest import Staff, mara, staff, where

__all__ = ["Staff", "mara", "staff", "where"]


@pytest.fixture
def program(where, client):
    def call(method, path, *, scopes=("people.read", "people.write"), **body):
        with transaction():
            key = accounts.create_api_key(where.id, "Shop", list(scopes), by=acts.COMMAND)
        headers = {"Authorization": f"Bearer {key.secret}"}
        return client.open(f"/api/v1{path}", method=method, headers=headers, json=body or None)

    return call
