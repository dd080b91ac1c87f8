"""A workspace whose owner is signed in."""

from __future__ import annotations

from tests.people.conftest import Staff, mara, staff, where

__all__ = ["Staff", "mara", "staff", "where"]
