"""The people of a number as a file: all of them once, no formula, for those who may take people along, written down."""

from __future__ import annotations

import csv
import io

import pytest
from sqlalchemy import text

from app.accounts.rules.roles import Role
from app.campaigns.pages import people
from app.delivery import schedule
from app.kernel.db import session, transaction
from app.kernel.ids import uuid7
from tests.campaigns.conftest import draft, launched
from tests.people.conftest import Staff, owner_of
from tests.support import make
from tests.support.accounts import make_member
from tests.support.mailing import Setting, crowd
from tests.support.outbox import place_with_sender


def rows_of(answer) -> list[list[str]]:
    assert answer.status_code == 200
    assert answer.content_type == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))


def taken() -> list[tuple]:
    rows = session().execute(text("SELECT actor_id, object, detail FROM audit_entries WHERE act = 'export.taken' ORDER BY at"))
    return [(row[0], row[1], row[2]["word"]) for row in rows]


@pytest.fixture
def sent(where):
    """A mailing to 25 people that has been accepted for all but one."""
    ids = crowd(Setting(where, uuid7()), 25)
    made = draft(where)
    number = launched(made)
    schedule.run()
    with transaction():
        session().execute(text("UPDATE messages SET state = 'sent', done_at = now() WHERE mailing_no = :no AND n > 1"), {"no": number})
    return made, ids


def test_a_number_is_had_as_a_file_over_all_its_pages_and_written_down(staff, where, sent, monkeypatch):
    made, ids = sent
    monkeypatch.setattr(people, "AT_ONCE", 7)
    page = staff.get(f"{made.path}/people?word=sent").text
    assert f'href="{made.path}/people.csv?word=sent"' in page
    answer = staff.get(f"{made.path}/people.csv?word=sent")
    head, *rows = rows_of(answer)
    assert head == ["email", "name", "what happened", "at"]
    assert len(rows) == len({row[0] for row in rows}) == 24
    addresses = session().execute(text("SELECT address FROM addresses WHERE contact_id = ANY(:ids)"), {"ids": ids}).scalars()
    assert {row[0] for row in rows} < set(addresses)
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert taken() == [(where.owner_id, f"campaign:{made.campaign.id}", "sent")]
    assert len(rows_of(staff.get(f"{made.path}/people.csv?word=waiting"))) == 2
    assert staff.get(f"{made.path}/people.csv?word=nonsense").status_code == 400
    assert len(taken()) == 2, "what was refused is not taken"


def test_whom_a_draft_would_reach_is_had_too_and_nothing_in_it_is_a_formula(staff, where, readers, monkeypatch):
    made = draft(where)
    monkeypatch.setattr(people, "AT_ONCE", 2)
    session().execute(text("UPDATE contacts SET first_name = '=HYPERLINK(\"https://x.test\")' WHERE id = :id"), {"id": readers[0].id})
    rows = rows_of(staff.get(f"{made.path}/people.csv?word=reached"))[1:]
    assert [row[2] for row in rows] == ["gets it"] * 3
    assert "'=HYPERLINK(\"https://x.test\")" in [row[1] for row in rows]


def test_whoever_was_erased_has_no_line(staff, where, sent):
    made, ids = sent
    with transaction():
        session().execute(text("DELETE FROM addresses WHERE contact_id = :id"), {"id": max(ids)})
    assert len(rows_of(staff.get(f"{made.path}/people.csv?word=sent"))) == 24


def test_only_who_may_change_people_takes_them_along_and_nobody_of_another_workspace(where, sent, client, app):
    made, _ = sent
    reader = Staff(client, make_member(where.id, Role.VIEWER))
    assert "people.csv" not in reader.get(f"{made.path}/people?word=sent").text
    assert reader.get(f"{made.path}/people.csv?word=sent").status_code == 403
    assert app.test_client().get(f"{made.path}/people.csv?word=sent").status_code in {303, 401}
    other = place_with_sender()
    make.confirmed(other, make.person(other.id, "theirs@example.org"))
    assert Staff(app.test_client(), owner_of(other)).get(f"{made.path}/people.csv?word=sent").status_code == 404
    assert taken() == []
