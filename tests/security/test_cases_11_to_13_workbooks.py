"""Attack cases 11 to 13: a workbook that is a bomb, leads out of itself or reads elsewhere is refused, and nobody falls."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import text

from app.kernel import outgoing
from app.kernel.db import session
from tests.imports.conftest import Importer
from tests.imports.test_reading import workbook
from tests.support import make

SPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
SHEET = "xl/worksheets/sheet1.xml"
LINK = "xl/externalLinks/externalLink1.xml"
MEBI = 1024 * 1024


@pytest.fixture
def staff(session, client):
    return Importer(client, make.place())


def packed(sheet: str = "", parts: dict[str, str | bytes] | None = None) -> bytes:
    """A workbook of one person, with another sheet or more parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook([["email"], ["a@example.org"]]))) as good, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name in good.namelist():
            made.writestr(name, sheet if sheet and name == SHEET else good.read(name))
        for name, content in (parts or {}).items():
            made.writestr(name, content)
    return out.getvalue()


def cell(value: str, place: str = "") -> str:
    where = f' r="{place}"' if place else ""
    return f'<c{where} t="inlineStr"><is><t>{value}</t></is></c>'


def sheet(body: str, before: str = "") -> str:
    return f"{before}<worksheet {SPACE}><sheetData>{body}</sheetData></worksheet>"


def symlink() -> bytes:
    out = io.BytesIO(packed())
    with zipfile.ZipFile(out, "a") as made:
        entry = zipfile.ZipInfo("xl/media/image1.png")
        entry.external_attr = 0o120777 << 16
        made.writestr(entry, "/etc/passwd")
    return out.getvalue()


def nested() -> bytes:
    """As 42.zip: archives in archives, and no workbook."""
    inner = b"\0" * MEBI
    for depth in range(4):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
            for number in range(16):
                made.writestr(f"lib {depth}-{number}.zip", inner)
        inner = out.getvalue()
    return inner


def crowded() -> bytes:
    return packed(parts=dict.fromkeys((f"xl/media/{n}" for n in range(20_000)), b""))


def lying() -> bytes:
    """Says of its largest part that it has ten octets."""
    size = 64 * MEBI
    out = io.BytesIO(packed())
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as made, made.open("xl/sharedStrings.xml", "w", force_zip64=False) as part:
        part.write(f'<sst {SPACE}><si><t>'.encode())
        for _ in range(size // MEBI):
            part.write(b"a" * MEBI)
        part.write(b"</t></si></sst>")
    octets = out.getvalue()
    with zipfile.ZipFile(io.BytesIO(octets)) as made:
        said = made.getinfo("xl/sharedStrings.xml").file_size
    return octets.replace(said.to_bytes(4, "little"), (10).to_bytes(4, "little"))


def bomb() -> bytes:
    """One to a thousand."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed())) as good, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name in set(good.namelist()) - {SHEET}:
            made.writestr(name, good.read(name))
        with made.open(SHEET, "w") as part:
            part.write(sheet(f"<row>{cell('email')}</row>").removesuffix("</sheetData></worksheet>").encode())
            for _ in range(100 * 8):
                part.write(f"<row>{cell('a' * 1000)}</row>".encode() * 128)
            part.write(b"</sheetData></worksheet>")
    return out.getvalue()


ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
DOCTYPES = {
    "laughs": f'<!DOCTYPE x [<!ENTITY e0 "ha">{ENTITIES}]>',
    "file": '<!DOCTYPE x [<!ENTITY e9 SYSTEM "file:///etc/passwd">]>',
    "network": '<!DOCTYPE x [<!ENTITY e9 SYSTEM "http://169.254.169.254/latest">]>',
    "parameter": '<!DOCTYPE x [<!ENTITY % e9 SYSTEM "http://127.0.0.1/x"> %e9;]>',
}


def refused(staff, octets: bytes, words: str) -> None:
    answer = staff.send(octets, "people.xlsx")
    assert answer.status_code == 422
    assert words in answer.text
    assert "Save its sheet as CSV and give that." in answer.text or "give its files one by one" in answer.text
    assert session().execute(text("SELECT count(*) FROM imports")).scalar_one() == 0


def far_out() -> bytes:
    """A kilobyte whose reader would want 400 GB for the cells between."""
    return packed(sheet(f'<row r="1">{cell("email", "A1")}</row><row r="1048576">{cell("x", "XFD1048576")}</row>'))


@pytest.mark.parametrize(
    ("made", "words"),
    [(bomb, "is too large"), (crowded, "is too large"), (far_out, "is too large"), (lying, "cannot be opened")],
    ids=lambda found: getattr(found, "__name__", ""),
)
def test_case_11_a_bomb_is_refused_and_takes_no_memory_of_ours(staff, made, words):
    octets = made()
    staff.get("/people/import")  # whatever a first page takes is taken
    before = peak_anew()
    refused(staff, octets, words)
    assert peak() - before <= 50 * MEBI


def peak_anew() -> int:
    """What the process has now, and from here on its peak is told (proc(5))."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> int:
    """Octets of memory that this process had at most."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024


def test_case_11_archives_in_archives_are_no_workbook(staff):
    refused(staff, nested(), "This is an archive")


@pytest.mark.parametrize("name", ["../../escaped.xml", "/tmp/escaped.xml", "xl/../../escaped.xml", "..\\escaped.xml", "C:\\escaped.xml"])
def test_case_12_a_name_that_leads_out_is_refused(staff, name):
    refused(staff, packed(parts={name: "x"}), "cannot be opened")


def test_case_12_a_link_to_a_file_of_ours_is_refused(staff):
    refused(staff, symlink(), "cannot be opened")


@pytest.mark.parametrize("kind", DOCTYPES)
def test_case_13_a_document_type_is_refused(staff, monkeypatch, kind):
    monkeypatch.setattr(outgoing.socket, "create_connection", lambda *_a, **_k: pytest.fail("a packet left"))
    person = f"<row>{cell('email')}</row><row>{cell('a@example.org')}</row>"
    refused(staff, packed(sheet(person, '<?xml version="1.0"?>' + DOCTYPES[kind])), "cannot be opened")
    used = f"<row>{cell('email')}</row><row>{cell('&e9;@example.org')}</row>"
    refused(staff, packed(sheet(used, '<?xml version="1.0"?>' + DOCTYPES[kind])), "cannot be opened")


def test_case_13_values_of_other_workbooks_are_refused(staff):
    refused(staff, packed(parts={LINK: "<externalLink/>"}), "values from other workbooks")


def test_the_workbook_that_these_are_made_of_comes_in(staff):
    assert staff.bring(packed()) == {"new": 1}
