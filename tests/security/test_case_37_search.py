"""Case 37: what is typed into a search, a filter or a page link is text, never SQL and never a pattern."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.kernel.paging import encode_cursor
from app.people import queries
from app.people.queries import Search
from tests.support import make
from tests.support.accounts import Account, sign_in
from tests.support.properties import ANY, examples

INJECTIONS = (
    "'", "''", "';--", "' OR '1'='1", "' OR 1=1 --", "%' OR '%'='", "\\", "\\'", "\\\\' OR 1=1 --", "$$", "$1", ":now",
    ":workspace_id", "%(workspace_id)s", "{0}", "'; DROP TABLE contacts; --", "' UNION SELECT password_hash FROM users --",
    "1) OR (1=1", "pg_sleep(9)", "'||pg_sleep(9)||'", "mara' AND (SELECT count(*) FROM users) > 0 --", "\x00' OR 1=1",
    "'" * 500, "%" * 500, "(" * 500, "_" * 500, "ʼ OR 1=1", "＇ OR 1=1 --", "a@b' OR '1'='1.example",
)  # fmt: skip
WILDCARDS = (
    "%",
    "_",
    "%%",
    "m%a",
    "m_ra",
    "____",
    "%@%",
    "\\%",
    "m\\_ra",
    "[a-z]*",
    "m.ra",
    "^m",
    "(a|m)%",
    "%mara%",
)


@pytest.fixture
def where(session):
    found = make.place()
    make.person(found.id, "mara@example.org", "Mara")
    make.person(found.id, "nils@example.org", "Nils")
    return found


@pytest.fixture
def browser(client, where):
    assert (
        sign_in(client, Account(where.owner_id, where.id, where.owner_email, make.PASSWORD)).status_code
        == 303
    )
    return client


def people(session) -> int:
    return session.execute(text("SELECT count(*) FROM contacts")).scalar_one()


def listed(page: str) -> set[str]:
    return {name for name in ("Mara", "Nils") if f">{name}</a>" in page}


def test_case_37_a_search_is_text(session, browser, where):
    before = people(session)
    for typed in INJECTIONS:
        answer = browser.get(f"/people?q={quote(typed)}")
        assert answer.status_code == 200, typed
        assert listed(answer.text) == set(), typed
        assert "$argon2" not in answer.text, typed
    assert people(session) == before


def test_case_37_wildcards_are_letters(where, browser):
    for typed in WILDCARDS:
        assert listed(browser.get(f"/people?q={quote(typed)}").text) == set(), typed


def test_case_37_wildcards_find_themselves(session, where, browser):
    make.person(where.id, "100%_sure@example.org", "Percy")
    make.person(where.id, "100xysure@example.org", "Xavier")
    page = browser.get(f"/people?q={quote('100%_s')}").text
    assert ">Percy</a>" in page
    assert ">Xavier</a>" not in page


@pytest.mark.parametrize(
    ("name", "status"),
    [("word", 400), ("interest", 404), ("page", 400), ("sort order limit", 200)],
)
def test_case_37_other_parameters_choose_from_a_list_or_are_not_there(session, browser, where, name, status):
    before = people(session)
    for typed in INJECTIONS:
        answer = browser.get("/people?" + "&".join(f"{one}={quote(typed)}" for one in name.split()))
        assert answer.status_code == status, typed
        assert status != 200 or listed(answer.text) == {"Mara", "Nils"}
    assert people(session) == before


def test_case_37_a_persons_page_takes_no_sql_either(browser, where):
    person = queries.list_people(where.id, Search()).rows[0]
    for typed in INJECTIONS:
        for name in ("kind", "before"):
            assert browser.get(f"/people/{person.id}?{name}={quote(typed)}").status_code == 400, typed


def raw_cursor(value) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


AT, ID = "2026-11-22T12:00:00+00:00", "01976f3e-7c0a-7000-8000-000000000001"


CURSORS = (
    encode_cursor("older", AT, "' OR 1=1 --"),
    encode_cursor("older", "now()", ID),
    encode_cursor("older", "2026-11-22", ID),
    encode_cursor("older", "infinity", ID),
    encode_cursor("< (now(), id) OR true --", AT, ID),
    encode_cursor("OLDER", AT, ID),
    encode_cursor("older", AT),
    encode_cursor("older", AT, ID, "more"),
    encode_cursor("older", 5, ID),
    encode_cursor("older", None, ID),
    raw_cursor({"older": AT}),
    raw_cursor("older"),
    raw_cursor([["older"], AT, ID]),
    "%00",
    "ä",
    "=" * 9,
    "A" * 5000,
)


def test_case_37_a_cursor_holds_a_place_and_nothing_else(browser, where):
    for cursor in CURSORS:
        answer = browser.get(f"/people?page={quote(cursor)}")
        assert answer.status_code == 400, cursor
        assert "page link is not whole" in answer.text


LISTS = ("/campaigns", "/pictures", "/transactional/report", "/companies", "/people/suppressed")
PLACES = (("nowhere",), (AT, "' OR 1=1 --"), (AT, "zz"), (5, 5), (None, None), ("\x00", ID), (True, True), (AT, ID, ID))


@pytest.mark.parametrize("path", LISTS)
def test_case_37_no_list_gives_its_database_a_place_that_it_did_not_write(browser, where, path):
    assert browser.get(path).status_code == 200
    for place in PLACES:
        for written in (encode_cursor(*place), encode_cursor(False, *place), encode_cursor(True, *place)):
            answer = browser.get(f"{path}?page={written}")
            assert answer.status_code == 400, (path, place)
            assert "page link is not whole" in answer.text


def test_case_37_a_place_at_the_edge_of_time_is_a_page_like_any(browser, where):
    for at in ("0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59.999999+00:00", "2026-01-01T00:00:00+23:59"):
        for direction in (queries.OLDER, queries.NEWER):
            assert browser.get(f"/people?page={encode_cursor(direction, at, ID)}").status_code == 200


def test_case_37_the_statement_carries_no_value(where, count_statements):
    with count_statements() as statements:
        queries.list_people(where.id, Search(query="zebra 'quoted' 50%"))
        queries.count_people(where.id, Search(query="zebra 'quoted' 50%"))
    assert not any("zebra" in statement or "quoted" in statement for statement in statements)


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=st.text(ANY, max_size=60))
def test_case_37_whatever_is_typed_finds_only_what_contains_it(where, typed):
    rows = queries.list_people(where.id, Search(query=typed)).rows
    words = typed.split()
    if not words or all(not word.strip("\x00") for word in words):
        return
    for row in rows:
        assert len(rows) <= 2
        assert row.address in {"mara@example.org", "nils@example.org"}
