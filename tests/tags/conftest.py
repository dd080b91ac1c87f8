"""A workspace whose owner is signed in, and a program with a key."""

from __future__ import annotations

import pytest

from tests.people.conftest import Staff, mara, staff, where
from tests.support import programs

__all__ = ["Staff", "mara", "staff", "where"]


@pytest.fixture
def program(where, client):
    def call(method, path, *, scopes=("people.read", "people.write"), **body):
        return programs.call(client, where.id, method, f"/api/v1{path}", body or None, scopes)

    return call
