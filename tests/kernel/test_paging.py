"""Cursors: opaque, whole, or refused."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.kernel.errors import BadRequest
from app.kernel.paging import decode_cursor, encode_cursor


def test_a_cursor_gives_its_values_back():
    assert decode_cursor(encode_cursor("2026-11-22", "id"), str, str) == ("2026-11-22", "id")


def test_moments_ids_and_bytes_come_back_as_what_they_were():
    values = datetime(2026, 11, 22, 9, 30, 0, 5, tzinfo=UTC), UUID(int=7), b"\x00\xff", 5, "ä"
    assert decode_cursor(encode_cursor(*values), datetime, UUID, bytes, int, str) == values


@pytest.mark.parametrize(
    "junk", ["", "x", "e30", encode_cursor(1, 2), encode_cursor("a"), "ä", "'; DROP TABLE contacts"]
)
def test_a_foreign_cursor_is_refused_with_words(junk):
    with pytest.raises(BadRequest, match="first page"):
        decode_cursor(junk, str, str)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("2026-11-22T09:30:00", datetime), ("infinity", datetime), (5, datetime), ("", datetime),
        ("' OR true --", UUID), (7, UUID), ("xyz", bytes), (True, int), (1.5, int), ("1", int), (None, str),
        ("a\x00b", str), ("\ud800", str),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_never_reaches_the_database(value, kind):
    with pytest.raises(BadRequest, match="first page"):
        decode_cursor(encode_cursor(value), kind)


@pytest.mark.parametrize("written", ["[" * 100_000, '{"a":1}', '"a"', "a"])
def test_what_is_no_list_is_refused(written):
    with pytest.raises(BadRequest, match="first page"):
        decode_cursor(base64.urlsafe_b64encode(written.encode()).decode(), str)
