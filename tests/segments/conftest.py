"""A workspace whose owner is signed in."""

from tests.people.conftest import staff, where

__all__ = ["staff", "where"]
