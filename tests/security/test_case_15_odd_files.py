"""Attack case 15: files that are made to break an import cost rows, with words, and never a 500."""

from __future__ import annotations

import pytest

from app.imports.reading import SNIFFED
from tests.imports.conftest import Importer
from tests.support import make
from tests.support.properties import whole

pytestmark = pytest.mark.thorough

GOOD = b"good@example.org,Good\n"
HEAD = b"email,first name\n"
PADDING = whole(800, 4000)


@pytest.fixture
def staff(session, client):
    return Importer(client, make.place())


@pytest.mark.parametrize(
    ("octets", "left_out"),
    [
        (b"nul\x00@example.org,N\n", 1),
        (b"a@example.org,\xff\xfe\xfd\n", 1),
        (b"a@example.org,\xed\xa0\x80\n", 1),
        (b"a@example.org," + b"x" * (whole(2, 10) * 1024 * 1024) + b"\n", 1),
        (b"a@example.org" + b",x" * 10_000 + b"\n", 1),
        (b"\n" * whole(200_000, 1_000_000), 0),
        (b"\xe2\x80\xae@example.org,R\n", 1),
        (b"=cmd|' /C calc'!A0,F\n", 1),
        (b"a@example.org\r\nBcc: x@example.org,B\n", 1),
    ],
)  # fmt: skip
def test_odd_rows_are_left_out_and_the_others_come_in(staff, octets, left_out):
    # Behind what is looked at for the layout, so that they meet the reader.
    padding = b"".join(b"p%d@example.org,%s\n" % (n, b"P" * 70) for n in range(PADDING))
    assert len(padding) > SNIFFED
    counts = staff.bring(HEAD + padding + octets + GOOD)
    # A line break in a row makes two of it: a good address, and what was behind it.
    assert counts["new"] in {PADDING + 1, PADDING + 2}
    assert sum(count for word, count in counts.items() if word not in {"new", "changed", "unchanged"}) == left_out


def test_json_that_writes_half_characters_nul_or_depths_costs_its_rows(staff):
    deep = b'{"email":"d@example.org","first name":' + b"[" * 5000 + b"]" * 5000 + b"}\n"
    odd = b'{"email":"a@example.org","first name":"\\ud800"}\n{"email":"b@example.org","first name":"\\u0000"}\n' + deep
    counts = staff.bring(b'{"email":"good@example.org","first name":"G"}\n' + odd + b'{"email":7}\n{"email":["x@example.org"]}\n')
    assert counts["new"] == 2
    assert sum(count for word, count in counts.items() if word != "new") == 4


def test_nul_in_the_first_rows_costs_its_row(staff):
    counts = staff.bring(HEAD + b"a@example.org,\x00\n" + b"".join(b"p%d@example.org,P\n" % n for n in range(20)))
    assert counts == {"new": 20, "holds characters that cannot be read in this encoding": 1}


def test_a_quote_that_never_ends_takes_at_most_its_own_part_of_the_file(staff):
    counts = staff.bring(HEAD + b"".join(b"p%d@example.org,P\n" % n for n in range(10)) + b'q@example.org,"open\n' + GOOD * whole(8_000, 30_000) + b"last@example.org,L\n")
    assert counts["new"] >= 11
    assert sum(counts.values()) > counts["new"], "and it is told"


@pytest.mark.parametrize("octets", [b"", b"\x89PNG\r\n\x1a\n\x00\x00", b"PK\x03\x04\x00\x00\x00", b",".join([b"c"] * 10_000)])
def test_what_is_no_file_of_people_is_refused_with_what_to_do(staff, octets):
    answer = staff.send(octets)
    assert answer.status_code == 422
    assert "Save" in answer.text or "empty" in answer.text or "Leave out" in answer.text
