"""Two entries of one person, and whoever works there."""

from __future__ import annotations

import pytest

from tests.people.conftest import Staff, owner_of
from tests.support import make


@pytest.fixture
def where(session):
    return make.place()


@pytest.fixture
def mara(where):
    return make.person(where.id, "mara@example.org", "Mara")


@pytest.fixture
def double(where):
    return make.person(where.id, "mara.lindqvist@example.net", "M.")


@pytest.fixture
def staff(where, client):
    return Staff(client, owner_of(where))
