"""Files as people have them; what is odd costs a row and never the file."""

from __future__ import annotations

import io
import re
import zipfile
from xml.sax.saxutils import escape

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.imports import converting, dialects, reading, rules
from app.imports.dialects import Unreadable
from app.kernel import csvs
from tests.support.properties import examples


def rows(content: bytes):
    layout = reading.sniff(content[: reading.SNIFFED], is_whole=len(content) < reading.SNIFFED)
    found = list(reading.rows(io.BytesIO(content), layout))
    return layout, [str(row) if isinstance(row, Unreadable) else row for row in found]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^", "~", "\x1f", ":"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_encodings_and_line_ends_are_told_from_the_file(delimiter, encoding, end):
    lines = [["Email", "Vorname", "Ort"], ["mara@example.org", "Mära", f'Kiel {delimiter} "Ost"'], ["b@example.org", "", ""]]
    quoted = [delimiter.join('"' + cell.replace('"', '""') + '"' for cell in line) for line in lines]
    layout, found = rows((end.join(quoted) + end).encode(encoding))
    assert (layout.delimiter, list(layout.columns), layout.has_heading) == (delimiter, lines[0], True)
    assert found == lines[1:]


def test_a_file_without_a_heading_names_its_columns_by_number():
    layout, found = rows(b"a@example.org,Ann\nb@example.org,Ben\n")
    assert layout.columns == ("Column 1", "Column 2")
    assert found == [["a@example.org", "Ann"], ["b@example.org", "Ben"]]
    assert rules.guess(layout.columns, layout.sample, {}) == ("email", "")


@pytest.mark.parametrize("heading", [b"email;name\r\n", b""])
def test_a_first_line_that_says_the_delimiter_is_heard_and_no_row(heading):
    layout, found = rows(b"sep=;\r\n" + heading + b"a@example.org;A, B, C\r\nb@example.org;B, C, D\r\n")
    assert (layout.delimiter, len(layout.columns)) == (";", 2)
    assert found == [["a@example.org", "A, B, C"], ["b@example.org", "B, C, D"]]


def test_a_space_before_a_quote_is_no_part_of_it():
    assert rows(b'email, name\na@example.org, "Lund, Mara"\n')[1] == [["a@example.org", "Lund, Mara"]]


def test_times_of_day_part_no_cells():
    assert rows(b"email,at\na@example.org,10:00\nb@example.org,more, 11:00\n")[0].columns == ("email", "at")
    assert rows(b"email\na@example.org\n")[0].columns == ("email",)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("email,name\na@x.org,'Doe, Jane'\nb@x.org,'Roe, Rick'\n", ["Doe, Jane", "Roe, Rick"]),
        ("'a@x.org','Doe, Jane'\n'b@x.org','O''Hara'\n", ["Doe, Jane", "O'Hara"]),
        ("'a@x.org','Ann'\n'b@x.org','Ben'\n", ["Ann", "Ben"]),
        ("email,name\na@x.org,'t Hart\nb@x.org,Boys'\n", ["'t Hart", "Boys'"]),
        ('email,name\na@x.org,"\'quoted\'"\nb@x.org,"Ann"\n', ["'quoted'", "Ann"]),
        ('"a@x.org","Mara \\"M\\", Lund"\n"b@x.org","Back\\\\slash"\n', ['Mara "M", Lund', "Back\\slash"]),
        ('"a@x.org","Mara \\"M\\" Lund"\n"b@x.org",\\N\n', ['Mara "M" Lund', ""]),
        ("'a@x.org','O\\'Hara, Tom'\n'b@x.org','B'\n", ["O'Hara, Tom", "B"]),
        ("a@x.org\tDoe\\\tJane\nb@x.org\t\\N\nc@x.org\tone\\\ntwo\nd@x.org\tone\\ntwo\n", ["Doe\tJane", "", "one\ntwo", "one\ntwo"]),
        ("email,name\na@x.org,Doe\\, Jane\nb@x.org,Ann\n", ["Doe, Jane", "Ann"]),
        ('email,path\na@x.org,"C:\\new\\"\nb@x.org,"D:\\"\n', ["C:\\new\\", "D:\\"]),
        ("email,path\na@x.org,C:\\new\nb@x.org,D:\\\n", ["C:\\new", "D:\\"]),
    ],
)  # fmt: skip
def test_quotes_and_backslashes_are_told_from_the_file(content, wanted):
    assert [found[1] for found in rows(content.encode())[1]] == wanted


WORDS = st.text("ab,;\t'\"\\ \n", min_size=1, max_size=6).map(str.strip)


@settings(max_examples=examples(25), deadline=None)
@given(
    cells=st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4),
    quotes=st.sampled_from(list(dialects.QUOTES)), delimiter=st.sampled_from(list(dialects.DELIMITERS)),
)  # fmt: skip
def test_what_is_written_by_the_dialect_that_was_chosen_is_read_as_it_was(cells, quotes, delimiter):
    sign, (quote, has_escapes, _) = dialects.DELIMITERS[delimiter][0], dialects.QUOTES[quotes]
    wanted = [[f"p{n}@x.org", *(csvs.unsafe(cell) for cell in row)] for n, row in enumerate(cells)]
    written = [[f"p{n}@x.org", *row] for n, row in enumerate(cells)]
    assume(quotes != "none" or not any(mark in cell for row in cells for cell in row for mark in (sign, "\n")))

    def cell_of(cell: str) -> str:
        if has_escapes:
            cell = re.sub(rf"[\\\n{re.escape(sign)}{quote}]", lambda found: "\\" + found[0], cell)
            return f"{quote}{cell}{quote}"
        return f"{quote}{cell.replace(quote, 2 * quote) if quote else cell}{quote}"

    content = "".join(sign.join(map(cell_of, row)) + "\n" for row in written).encode()
    layout = reading.sniff(content, is_whole=True, delimiter=delimiter, quotes=quotes)
    assert list(reading.rows(io.BytesIO(content), layout)) == wanted


@pytest.mark.parametrize("encoding", reading.ENCODINGS)
def test_every_encoding_that_is_offered_can_be_read(encoding):
    content = "email,name\na@example.org,Ann\n".encode(encoding)
    layout = reading.sniff(content, is_whole=True, encoding=encoding)
    assert list(reading.rows(io.BytesIO(content), layout)) == [["a@example.org", "Ann"]]


def test_json_lines_have_the_columns_of_their_keys():
    layout, found = rows(b'{"email":"a@example.org","tags":["x","y"],"vip":true}\n\nno object\n[1]\n{"email":null}\n')
    assert layout.columns == ("email", "tags", "vip")
    assert found == [["a@example.org", "x, y", "yes"], "is no JSON object", "is no JSON object", ["", "", ""]]


def test_short_rows_are_filled_long_ones_refused_and_blank_ones_passed_over():
    _, found = rows(b"email,name\na@example.org\n,,\n \nb@example.org,Ben,,\nc@example.org,Cy,more\n")
    assert found == [["a@example.org", ""], ["b@example.org", "Ben"], "has 3 cells where the heading has 2"]


def test_what_our_own_export_made_safe_comes_back_as_it_was():
    written = "".join(csvs.write([["email", "note"], ["a@example.org", "=1+1"], ["b@example.org", "'quoted"]])).encode()
    assert rows(written)[1] == [["a@example.org", "=1+1"], ["b@example.org", "'quoted"]]


@pytest.mark.parametrize(
    ("export", "wanted"),
    [
        (
            (b'"Email Address","First Name","Last Name","MEMBER_RATING","OPTIN_TIME","OPTIN_IP","CONFIRM_TIME","CONFIRM_IP","TAGS"\n'
            b'mara@example.org,Mara,Lund,4,"","","2024-05-01 08:00:00",192.0.2.1,"x"\n'),
            ("email", "first_name", "last_name", "", "", "", "said_at", "ip", "tags"),
        ),
        (
            b'"Email Address","First Name","OPTIN_TIME","UNSUB_TIME","UNSUB_REASON"\nmara@example.org,Mara,2024-05-01,2025-01-01,N\n',
            ("email", "first_name", "said_at", "said_no", ""),
        ),
        (b'"Email Address","CLEAN_TIME"\nmara@example.org,2025-01-01 10:00:00\n', ("email", "bounced")),
        (b"uuid,email,name,attributes,status,created_at\n1,mara@example.org,Mara Lund,{},enabled,2024\n", ("", "email", "name", "", "status", "")),
        (b"id;firstname;lastname;email;preferred_locale\n7;Mara;Lund;mara@example.org;de\n", ("", "first_name", "last_name", "email", "language")),
        (b"CONTACT ID;EMAIL;FIRSTNAME;LASTNAME;SMS\n1;mara@example.org;Mara;Lund;\n", ("", "email", "first_name", "last_name", "")),
    ],
)  # fmt: skip
def test_exports_of_other_services_are_known_by_their_columns(export, wanted):
    layout, _ = rows(export)
    assert rules.guess(layout.columns, layout.sample, {}) == wanted


def test_a_workspaces_own_fields_are_known_by_key_and_label():
    assert rules.guess(("E-mail", "Favourite beans", "city"), (), {"beans": "Favourite beans", "city": "Ort"}) == (
        "email", "field:beans", "field:city",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "american", "wanted"),
    [
        ("2026-11-25", False, "2026-11-25T00:00:00+00:00"), ("2026-11-25T10:00:00+02:00", False, "2026-11-25T08:00:00+00:00"),
        ("2026-11-25 10:00:00 UTC", False, "2026-11-25T10:00:00+00:00"), ("25.11.2026", False, "2026-11-25T00:00:00+00:00"),
        ("5.1.2026 09:30", False, "2026-01-05T09:30:00+00:00"), ("11/25/2026", True, "2026-11-25T00:00:00+00:00"),
        ("25/11/2026", False, "2026-11-25T00:00:00+00:00"), ("yesterday", False, None), ("31.02.2026", False, None),
        ("11/25/2026", False, None),
    ],
)  # fmt: skip
def test_moments_are_read_as_people_write_them(text, american, wanted):
    try:
        assert rules.read_moment(text, month_first=american).isoformat() == wanted
    except ValueError:
        assert wanted is None


@pytest.mark.parametrize("content", [b"", b"   \n\n", b"\x00\x01\x02binary\x00", b"{\n", ",".join(f"c{n}" for n in range(10_000)).encode()])
def test_what_is_no_file_of_rows_is_refused_in_words(content):
    with pytest.raises(Unreadable, match=r"[A-Z].+\.$"):
        reading.sniff(content, is_whole=True)


def workbook(rows: list[list[str]]) -> bytes:
    """The smallest workbook that spreadsheets open: one sheet, texts inline, numbers plain."""
    def cell(value: str) -> str:
        if value.replace(".", "").isdigit():
            return f"<c><v>{value}</v></c>"
        return f'<c t="inlineStr"><is><t>{escape(value)}</t></is></c>'

    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    relations = "http://schemas.openxmlformats.org"
    sheet = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{relations}/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{relations}/package/2006/relationships"><Relationship Id="r1" Type="{relations}/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {space} xmlns:r="{relations}/officeDocument/2006/relationships"><sheets><sheet name="People" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{relations}/package/2006/relationships"><Relationship Id="r1" Type="{relations}/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f"<worksheet {space}><sheetData>{sheet}</sheetData></worksheet>",
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in parts.items():
            packed.writestr(name, text)
    return out.getvalue()


def test_a_workbook_is_read_by_its_first_sheet():
    sheet = workbook([["Email", "Ort", "Alter"], ["mara@example.org", "Kiel, Ost", "42"], ["ben@example.org", "", "7.5"]])
    with converting.converted(io.BytesIO(sheet)) as made:
        layout, found = rows(made.read())
    assert layout.columns == ("Email", "Ort", "Alter")
    assert found == [["mara@example.org", "Kiel, Ost", "42"], ["ben@example.org", "", "7.5"]]


CARDS = """BEGIN:VCARD
VERSION:3.0
N:Lund;Mara;;;
FN:Mara Lund
item1.EMAIL:second@example.org
EMAIL;TYPE=INTERNET,PREF:mara@exam
 ple.org
EMAIL;TYPE=prefab:third@example.org
ORG:Lund\\, Sons;Roasting
CATEGORIES:friends,VIP
LANG:de
END:VCARD
BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Y=C4=B1ld=C4=B1z;=5A=
o=C3=AB
EMAIL;INTERNET:zoe@example.org
EMAIL;PREF=2:later@example.org
ORG;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:Caf=E9
END:VCARD
BEGIN:VCARD
VERSION:4.0
FN:Ada de Vries\\, Kiel
END:VCARD
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_address_cards_become_rows(end):
    with converting.converted(io.BytesIO(CARDS.replace("\n", end).encode())) as made:
        _, found = rows(made.read())
    assert found == [
        ["mara@example.org", "Mara", "Lund", "de", "Lund, Sons", "friends,VIP"],
        ["zoe@example.org", "Zoë", "Yıldız", "", "Café", ""],
        ["", "Ada de Vries,", "Kiel", "", "", ""],
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b"PK\x03\x04nothing behind", workbook([["a"]])[:200], b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600])
def test_a_workbook_that_cannot_be_opened_says_what_to_do(content):
    with pytest.raises(Unreadable, match="as CSV"):
        converting.converted(io.BytesIO(content))


def test_a_sheet_of_many_rows_comes_out_whole_and_in_their_order():
    sheet = workbook([["Email"], *([f"p{n}@example.org"] for n in range(3_000))])
    with converting.converted(io.BytesIO(sheet)) as made:
        _, found = rows(made.read())
    assert found == [[f"p{n}@example.org"] for n in range(3_000)]
