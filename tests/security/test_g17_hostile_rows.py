"""Hostile rows of a file and hostile headers: each is taken or refused in words, none is an error of ours."""

from __future__ import annotations

import csv
import io
import itertools

import pytest
from sqlalchemy import text

from app.contacts import service as contacts
from app.delivery import headers
from app.kernel.db import session, transaction
from app.kernel.errors import BadInput
from tests.imports.conftest import Importer
from tests.security.test_case_37_search import INJECTIONS, WILDCARDS
from tests.support import make

STRINGS = (
    *INJECTIONS, *WILDCARDS, "", " ", "undefined", "null", "NaN", "-Infinity", "1E+400", "0x0", "9" * 400, "1/0", "=1+1", "@SUM(A1)",
    "＝cmd|' /C calc'!A0", "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ config }}", "{% for a in b %}", "%s%n%p",
    "${jndi:ldap://x}", "../../etc/passwd", "\u202etxt.exe", "\ufeff", "\u200b\u00ad", "Z\u0351\u0350a\u0300lgo" * 40, "👩🏽\u200d🚀" * 50, "田中さん",
    "ﷺ", "İIıi", "ß", "\ud800", "\uffff\ufffe", "a\x00b", "a\r\nBcc: b@c.example", "=?utf-8?q?=0aBcc:?=", "\x1b[31m", "\u2028\u2029\u0085",
    "a@b@c.example", "a@[127.0.0.1]", '"a b"@c.example', "a@xn--.example", "é@ü.example", "a" * 5000, "1970-13-45", "31.02.2026",
    "9999-12-31T23:59:59+99:99", "0001-01-01", "12.50 EUR EUR", "-0.00001 XXX", "true; DROP", "[]", '{"a": 1}', "\\N", "\\",
)  # fmt: skip
FIELDS = (
    ("Town", "text"), ("Age", "number"), ("Birthday", "date"), ("Member", "boolean"), ("Country", "country"), ("Spent", "money"),
)  # fmt: skip


@pytest.fixture
def where(session):
    found = make.place()
    with transaction():
        for label, kind in FIELDS:
            contacts.define_field(found.id, label, kind)
    return found


def file_of(strings) -> tuple[bytes, int]:
    """Each in each column, beside an address that is all right and as the address itself."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    columns = ["Email", "First name", "Last name", "Language", "Tags", "Company", *(label for label, _ in FIELDS)]
    writer.writerow(columns)
    count = 0
    for string, column in itertools.product(strings, range(len(columns))):
        count += 1
        row = [f"p{count}@example.org", *[""] * (len(columns) - 1)]
        row[column] = string
        writer.writerow(row)
    return out.getvalue().encode("utf-8", "surrogatepass"), count


def test_g17_hostile_rows_are_each_taken_or_refused_in_words(client, where):
    staff = Importer(client, where)
    content, rows = file_of(STRINGS)
    url = staff.give(content)
    assert staff.check(url).status_code == 303
    page = staff.get(url)
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "onerror=alert(1)>" not in page.text.replace("&#34;", "")
    taken = staff.take(url)
    left = list(csv.reader(io.StringIO(staff.get(f"{url}/left-out.csv").text)))[1:]
    blank = sum(not one.strip() for one in STRINGS)
    assert sum(taken.values()) + len(left) == rows - blank, "every row that is not blank came to something"
    assert all(row[-1] for row in left), "with its reason"
    assert taken["new"] > len(STRINGS)
    assert staff.get("/people").status_code == 200
    assert session().execute(text("SELECT state FROM imports")).scalar_one() == "done"


def test_g17_hostile_headers_are_one_line_each_or_refused():
    pairs = [f"{one}{other}" for one, other in itertools.product(STRINGS, STRINGS)][::13]
    safe = 0
    for value in pairs:
        for write in (lambda v: headers.text_field("Subject", v), lambda v: headers.address_field("From", "a@b.example", v)):
            try:
                line = write(value[:998])
            except BadInput:
                continue
            safe += 1
            assert b"\n" not in line.rstrip(b"\r\n").replace(b"\r\n ", b"")
            assert line.isascii()
    assert safe > 300
