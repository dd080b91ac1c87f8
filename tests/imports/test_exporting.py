"""Files that go out: whole, theirs who asked, safe to open, and gone after a week."""

from __future__ import annotations

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from app.consent import service as consent
from app.consent.rules import By, Proof
from app.contacts import service as contacts_service
from app.imports import exporting
from app.kernel import clock
from app.kernel.db import session, transaction
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
