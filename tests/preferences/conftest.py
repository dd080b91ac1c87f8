"""A place, somebody who said yes there, and the way to their private page."""

import pytest

from app.kernel import clock
from app.preferences import links
from tests.support import make


@pytest.fixture
def place(session):
    return make.place()


@pytest.fixture
def mara(place):
    found = make.person(place.id, "mara@example.org")
    make.confirmed(place, found)
    return found


@pytest.fixture
def private(place, mara):
    return "/my/" + links.private(links.Person(place.id, mara.id), clock.now() + links.PRIVATE_FOR)
