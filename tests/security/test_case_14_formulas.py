"""Attack case 14: nothing that goes out is run as a formula by a spreadsheet, and what comes back is what went out."""

from __future__ import annotations

import csv
import io
import zipfile

import pytest
import python_calamine

from app.imports import exporting
from app.kernel.db import session
from tests.imports.conftest import Importer
from tests.support import make

PAGE = "/people/export"
EVIL = [
    "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "|calc", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20SUM(1)", "%0A=1", '"=1+1', "'=1+1", ";=1+1",
    '=HYPERLINK("http://evil.example","x")',
]  # fmt: skip
STARTS = tuple("=+-@\t\r\n|%\uff1d\uff0b\uff0d\uff20")


@pytest.fixture
def staff(session, client):
    return Importer(client, make.place())


@pytest.fixture
def named(staff):
    for number, name in enumerate(EVIL):
        make.person(staff.where.id, f"p{number:02}@example.org", name)
    return staff


def exported(staff, form: str) -> bytes:
    assert staff.post(PAGE, page=PAGE, form=form).status_code == 303
    exporting.run()
    session().expire_all()
    name = staff.get(PAGE).text.partition(f'href="{PAGE}/')[2].partition('"')[0]
    return staff.get(f"{PAGE}/{name}").data


def test_case_14_each_cell_that_begins_a_formula_has_an_apostrophe_and_is_quoted(named):
    octets = exported(named, "csv").decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(octets)))
    names = [row["first_name"] for row in sorted(rows, key=lambda row: row["email"])]
    assert names == [f"'{name}" for name in EVIL]
    for line in octets.splitlines():
        assert (line[0], line[-1]) == ('"', '"'), "RFC 4180: all cells are quoted"
    for row in rows:
        for cell in row.values():
            assert not cell.lstrip(" \"';").startswith(STARTS) or cell.startswith("'")


def test_case_14_what_comes_back_is_what_went_out(named):
    assert named.bring(exported(named, "csv")) == {"unchanged": len(EVIL)}


def test_case_14_a_workbook_has_them_as_text(named):
    sheet = python_calamine.load_workbook(io.BytesIO(exported(named, "xlsx"))).get_sheet_by_index(0)
    head, *rows = sheet.to_python()
    at = head.index("first_name")
    assert sorted(row[at] for row in rows) == sorted(EVIL)
    with zipfile.ZipFile(io.BytesIO(exported(named, "xlsx"))) as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")
