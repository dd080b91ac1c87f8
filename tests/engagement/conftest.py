"""A workspace whose owner is signed in."""

from __future__ import annotations

import pytest

from tests.people.conftest import staff, where

__all__ = ["staff", "where"]


@pytest.fixture
def place(where):
    return where
