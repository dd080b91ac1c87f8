"""Two entries of one person, and whoever works there."""

from __future__ import annotations

import pytest

from tests.people.conftest import Staff, mara, staff, where
from tests.support import make

__all__ = ["Staff", "double", "mara", "staff", "where"]


@pytest.fixture
def double(where):
    return make.person(where.id, "mara.lindqvist@example.net", "M.")
