"""Cursors: opaque, whole, or refused."""

from __future__ import annotations

import pytest

from app.kernel.errors import BadRequest
from app.kernel.paging import decode_cursor, encode_cursor


def test_a_cursor_gives_its_values_back():
    assert decode_cursor(encode_cursor("2026-11-22", "id"), str, str) == ("2026-11-22", "id")


@pytest.mark.parametrize(
    "junk", ["", "x", "e30", encode_cursor(1, 2), encode_cursor("a"), "ä", "'; DROP TABLE contacts"]
)
def test_a_foreign_cursor_is_refused_with_words(junk):
    with pytest.raises(BadRequest, match="first page"):
        decode_cursor(junk, str, str)
