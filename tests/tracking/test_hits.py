"""Hits on the wire: what is written is read, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.ids import uuid7
from app.tracking.rules import hits
from app.tracking.rules.hits import HIDDEN, NO_LINK, Hit, Kind, MalformedHit
from tests.support.properties import ANY

MOMENTS = st.integers(0, 2**43).map(lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))
ABOUT = st.just((Kind.OPEN, NO_LINK)) | st.tuples(st.just(Kind.CLICK), st.integers(0, 9999) | st.just(HIDDEN))


@given(ABOUT, MOMENTS, st.text(ANY), st.booleans(), st.booleans(), st.integers(0, 2**40 - 1))
def test_a_hit_survives_the_way(about, at, program, is_head, is_prefetch, n):
    kind, link = about
    sent = Hit(
        uuid7().hex, 7, n, kind, link, at, is_head, is_prefetch, hits.clean_program(program), uuid7().hex, 12,
    )  # fmt: skip
    raw = hits.dump(sent)
    assert b"\n" not in raw
    assert hits.load(raw) == sent


GOOD = hits.dump(
    Hit(uuid7().hex, 7, 8, Kind.CLICK, 1, datetime(2026, 11, 22, tzinfo=UTC), False, False, "x", uuid7().hex, 1)
)  # fmt: skip


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"null", b"{}", b"[]", b"[1,2,3]", b"\xff\xfe", b"[" * 5000, b'{"a":1}', b"7", b"NaN",
        GOOD.replace(b'"click"', b'"unsubscribe"'), GOOD.replace(b"[1,", b"[2,"), GOOD[:-1],
        GOOD.replace(b",7,8,", b",7,-8,"), GOOD.replace(b",7,8,", b",0,8,"), GOOD.replace(b",7,8,", b",7.0,8,"),
        GOOD.replace(b",7,8,", b",true,8,"), GOOD.replace(b",7,8,", b",99999999999,8,"),
        GOOD.replace(b'"click",1', b'"click",-1'), GOOD.replace(b'"click",1', b'"open",1'),
        GOOD.replace(b'"x"', b"{}"), GOOD.replace(b"1]", b"1e400]"),
    ],
)  # fmt: skip
def test_anything_else_is_malformed(raw):
    with pytest.raises(MalformedHit):
        hits.load(raw)


def test_a_program_has_no_control_characters_and_an_end():
    assert hits.clean_program("Fire\x00fox\r\nX: y\ud800\x1b[31m") == "Fire fox  X: y  [31m"
    assert len(hits.clean_program("a" * 5000)) == hits.MAX_PROGRAM
