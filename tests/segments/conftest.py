"""A workspace whose owner is signed in."""

from __future__ import annotations

import pytest

from tests.people.conftest import Staff, owner_of
from tests.support import make


@pytest.fixture
def where(session):
    return make.place()


@pytest.fixture
def staff(where, client):
    return Staff(client, owner_of(where))
