"""Files that go out: whole, theirs who asked, safe to open, and gone after a week."""

from __future__ import annotations

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest
import python_calamine
from flask.testing import FlaskClient
from sqlalchemy import text

from app.accounts.rules import acts
from app.consent import service as consent
from app.consent.rules import By, Proof, Reason
from app.contacts import service as contacts_service
from app.imports import exporting, workbooks
from app.kernel import clock
from app.kernel.db import session, transaction
from app.segments import service as segments
from app.tracking import service as tracking
from tests.people.conftest import Staff, owner_of
from tests.support import make

PAGE = "/people/export"


@pytest.fixture
def staff(where, client):
    return Staff(client, owner_of(where))


@pytest.fixture
def people(where):
    with transaction():
        contacts_service.define_field(where.id, "City", "text", key="city")
    made = [make.person(where.id, f"p{n}@example.org", "=1+1" if n == 0 else f"P{n}") for n in range(7)]
    for who in made[:3]:
        make.confirmed(where, who, interests=1)
    with transaction():
        consent.withdraw(where.id, made[2].id, [where.interests[0].id], by=By("person"), proof=Proof())
        contacts_service.set_fields(where.id, made[1].id, {"city": "Kiel"})
    return made


def ask(staff, monkeypatch, **more) -> str:
    monkeypatch.setattr(exporting, "AT_ONCE", 3)
    assert staff.post(PAGE, page=PAGE, **more).status_code == 303
    assert "is being written" in staff.get(PAGE).text
    exporting.run()
    session().expire_all()
    name = staff.get(PAGE).text.partition(f'href="{PAGE}/')[2].partition('"')[0]
    return f"{PAGE}/{name}"


def rows_of(staff, url: str) -> list[dict[str, str]]:
    answer = staff.get(url)
    assert answer.status_code == 200
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))


def test_everybody_is_in_it_once_with_their_permission_and_fields(staff, where, people, monkeypatch):
    rows = rows_of(staff, ask(staff, monkeypatch))
    assert [row["email"] for row in rows] == [f"p{n}@example.org" for n in range(7)]
    assert [row["permission"] for row in rows] == ["yes", "yes", "no", "no", "no", "no", "no"]
    assert [row["New coffees"] for row in rows[:4]] == ["yes", "yes", "no", ""]
    assert [row["city"] for row in rows[:2]] == ["", "Kiel"]
    assert rows[0]["first_name"] == "'=1+1", "no spreadsheet runs it"


def test_it_can_be_narrowed_and_read_by_programs(staff, where, people, monkeypatch):
    interest = str(where.interests[0].id)
    url = ask(staff, monkeypatch, word="no", interest=interest, form="jsonl")
    lines = [json.loads(line) for line in staff.get(url).data.decode().splitlines()]
    assert [(line["email"], line["New coffees"]) for line in lines] == [("p2@example.org", "no")]
    for wrong in ({"word": "maybe"}, {"interest": "7"}, {"what": "orders"}, {"form": "pdf"}):
        assert staff.post(PAGE, page=PAGE, **wrong).status_code == 422


def test_what_is_called_like_something_else_gets_a_number(staff, where, people, monkeypatch):
    with transaction():
        contacts_service.define_field(where.id, "Their language", "text", key="language")
        consent.define_interest(where.id, "email", description="", pace="")
        contacts_service.set_fields(where.id, people[0].id, {"language": "Plattdeutsch"})
    lines = staff.get(ask(staff, monkeypatch, form="jsonl")).data.decode().splitlines()
    first = json.loads(lines[0])
    assert (first["email"], first["language"], first["language (2)"]) == ("p0@example.org", "en", "Plattdeutsch")
    heads = list(rows_of(staff, ask(staff, monkeypatch))[0])
    assert {"email (2)", "language (2)", "city", "New coffees"} < set(heads)


def test_signals_of_who_lets_us_see_them(staff, where, session, monkeypatch):
    reader = make.person(where.id, "r@example.org")
    tracking.make_months({clock.now()})
    session.execute(
        text(
            "INSERT INTO signals (event_id, workspace_id, contact_id, mailing_no, n, kind, link, at, verdict, reason)"
            " SELECT gen_random_uuid(), :workspace_id, :reader, 1, 1, 'open', -1, now() + make_interval(secs => i),"
            " 'human', 'x' FROM generate_series(1, 4) i"
        ),
        {"workspace_id": where.id, "reader": reader.id},
    )
    session.commit()
    rows = rows_of(staff, ask(staff, monkeypatch, what="signals"))
    assert [row["email"] for row in rows] == ["r@example.org"] * 4
    assert len({row["at"] for row in rows}) == 4
    assert {(row["mailing"], row["data"]) for row in rows} == {("1", "")}


def cells(staff, url) -> list[list]:
    book = python_calamine.load_workbook(io.BytesIO(staff.get(url).data))
    return book.get_sheet_by_index(0).to_python()


def test_a_workbook_holds_the_same_and_no_formula(staff, where, people, monkeypatch):
    monkeypatch.setattr(workbooks, "PIECE", 2000)
    written = cells(staff, ask(staff, monkeypatch, form="xlsx"))
    told = list(rows_of(staff, ask(staff, monkeypatch)))
    # What begins like a formula is text in a workbook by itself, and marked as text in a CSV file.
    assert [["" if value is None else value for value in row] for row in written] == [
        list(told[0]), *([value.removeprefix("'") for value in row.values()] for row in told),
    ]  # fmt: skip
    assert written[1][1] == "=1+1"


def test_a_workbook_of_many_rows_goes_on_in_another_sheet(monkeypatch):
    monkeypatch.setattr(workbooks, "MAX_ROWS", 2)
    waiting = [workbooks.lines([[n, "x"] for n in range(3)]), workbooks.lines([[3, "y"]])]
    book = python_calamine.load_workbook(io.BytesIO(b"".join(workbooks.write(["n", "w"], waiting))))
    sheets = [book.get_sheet_by_index(n).to_python() for n in range(2)]
    assert sheets == [[["n", "w"], [0, "x"], [1, "x"]], [["n", "w"], [2, "x"], [3, "y"]]]
    empty = python_calamine.load_workbook(io.BytesIO(b"".join(workbooks.write(["n"], []))))
    assert empty.get_sheet_by_index(0).to_python() == [["n"]]


def test_people_of_a_segment_are_those_who_were_in_it_when_it_began(staff, where, people, monkeypatch):
    with transaction():
        rule = {"field": "contacts.first_name", "op": "begins_with", "value": "P"}
        made = segments.create(where.id, "Ps", {"match": "all", "rules": [rule]}, by=acts.COMMAND)
    monkeypatch.setattr(exporting, "AT_ONCE", 3)
    with transaction():
        export_id = exporting.start(where.id, "people", "csv", by=where.owner_id, segment=made.id)
    with transaction():
        exporting._write_next(export_id)
    # One is erased and one leaves the segment before the second slice.
    with transaction():
        contacts_service.erase(where.id, people[5].id)
        contacts_service.update_profile(where.id, people[6].id, first_name="X")
    exporting.run()
    emails = [row["email"] for row in rows_of(staff, f"{PAGE}/{export_id}")]
    assert emails == ["p1@example.org", "p2@example.org", "p3@example.org", "p4@example.org", "p6@example.org"]
    with transaction():
        assert session().execute(text("SELECT count(*) FROM export_people")).scalar_one() == 0
    assert staff.post(PAGE, page=PAGE, segment=str(where.owner_id)).status_code == 422


def test_a_segment_that_cannot_be_told_ends_the_file_with_its_reason(staff, where, people, monkeypatch):
    with transaction():
        rule = {"field": "contacts.field.city", "op": "is", "value": "Kiel"}
        made = segments.create(where.id, "Kiel", {"match": "all", "rules": [rule]}, by=acts.COMMAND)
        session().execute(text("DELETE FROM custom_fields"))
        export_id = exporting.start(where.id, "people", "csv", by=where.owner_id, segment=made.id)
    exporting.run()
    assert "cannot be told any more" in unescape(staff.get(PAGE).text)
    assert staff.get(f"{PAGE}/{export_id}").status_code == 409


def test_suppressed_addresses(staff, where, people, monkeypatch):
    with transaction():
        for who in people[:5]:
            consent.suppress(where.id, who.id, Reason.COMPLAINT, by=By("system"))
    rows = list(rows_of(staff, ask(staff, monkeypatch, what="suppressed")))
    assert sorted(row["address"] for row in rows) == [f"p{n}@example.org" for n in range(5)]
    assert {row["reason"] for row in rows} == {"complaint"}


def test_only_who_asked_can_have_it_and_only_for_a_week(staff, where, people, app, monkeypatch):
    url = ask(staff, monkeypatch)
    assert app.test_client().get(url, headers={"Accept": "application/json"}).status_code == 401
    other = Staff(app.test_client(), owner_of(make.place()))
    assert other.get(url).status_code == 404
    assert "csv" not in other.get(PAGE).text.partition("Ask for a file")[0].lower()
    taken = text("SELECT count(*) FROM audit_entries WHERE act = 'export.taken'")
    before = session().execute(taken).scalar_one()
    assert staff.get(url).status_code == 200
    assert session().execute(taken).scalar_one() == before + 1
    clock.set_shift(8 * 86400)
    again = Staff(staff.client, owner_of(where))
    assert again.get(url).status_code == 404
    exporting.tidy()
    assert session().execute(text("SELECT count(*) FROM export_chunks")).scalar_one() == 0


def test_a_file_that_is_being_written_is_not_handed_out(staff, where, people, monkeypatch):
    monkeypatch.setattr(exporting, "AT_ONCE", 3)
    staff.post(PAGE, page=PAGE)
    (found,) = exporting.list_exports(where.id, where.owner_id)
    with transaction():
        exporting._write_next(found.id)
    assert staff.get(f"{PAGE}/{found.id}").status_code == 409


def test_a_server_streams_it_after_the_request_is_over(live, live_client):
    """As a server does: nothing of a test's context is there while the body is read."""
    where = make.place()
    make.person(where.id, "mara@example.org")
    with transaction():
        export_id = exporting.start(where.id, "people", "csv", by=where.owner_id)
    exporting.run()
    Staff(live_client, owner_of(where))
    with ThreadPoolExecutor(1) as apart:
        ask = lambda: FlaskClient.open(live_client, f"{PAGE}/{export_id}", base_url=live.config["NOD"].url)  # noqa: E731
        octets = apart.submit(lambda: ask().data).result()
    assert b"mara@example.org" in octets
