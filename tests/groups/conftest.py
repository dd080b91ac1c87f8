"""A workspace whose owner is signed in, and a program with a key."""

from __future__ import annotations

from tests.people.conftest import Staff, mara, staff, where
from tests.tags.conftest import program

__all__ = ["Staff", "mara", "program", "staff", "where"]
