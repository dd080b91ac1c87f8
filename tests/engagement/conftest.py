"""A workspace whose owner is signed in."""

from __future__ import annotations

import pytest

from tests.people.conftest import Staff, owner_of
from tests.support import make


@pytest.fixture
def place(session):
    return make.place()


@pytest.fixture
def staff(place, client):
    return Staff(client, owner_of(place))
