"""A person's page: may we write and why, what happened, what we know."""

from __future__ import annotations

import json
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from itertools import pairwise
from uuid import uuid4

import pytest
from sqlalchemy import Engine, event, text

from app.consent import service as consent
from app.consent.history import Verdict, list_history, verdicts
from app.consent.rules import By, Level, Proof, Reason, Word
from app.contacts import queries as contacts_queries
from app.contacts import service as contacts
from app.delivery import service as delivery
from app.kernel import clock, module
from app.kernel.db import transaction
from app.kernel.module import PersonPanel, TimelineEntry
from app.merging import service as merging
from app.people import queries, rules
from tests.support import make

ME = {"by": By(), "proof": Proof(ip="192.0.2.7")}


def page_of(staff, who, query="") -> str:
    answer = staff.get(f"/people/{who.id}{query}")
    assert answer.status_code == 200
    return unescape(answer.text)


# --- May we write? ----------------------------------------------------------------------------------------------


def test_it_says_why_we_may_write_and_names_the_event(staff, where, mara):
    make.confirmed(where, mara, interests=1)
    page = page_of(staff, mara)
    event = list_history(where.id, mara.id)[0]
    assert "We may write about New coffees: the person pressed the button in our question on" in page
    assert str(event.event_id) in page
    assert "“Yes, Ostkai may email me.”" in page
    assert "https://ostkai.example/journal" in page


def test_it_says_why_we_may_not(staff, where, mara):
    assert "Never asked. There is no event that would let us write." in page_of(staff, mara)
    make.asked(where, mara)
    assert "Nothing about this goes out until the person answers." in page_of(staff, mara)
    make.confirmed(where, mara)
    consent.stop_everything(where.id, mara.id, **ME)
    assert "The person stopped everything on" in page_of(staff, mara)
    consent.suppress(where.id, mara.id, Reason.COMPLAINT, by=By("system"))
    assert "The person complained about our mail on" in page_of(staff, mara)


def verdict(word, name="Letters", sentence="", event=True, at=None):
    return Verdict(None, name, "email", word, sentence, uuid4() if event else None, (), None, at)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], (Word.NO, "Never asked. There is no event that would let us write.")),
        (
            [verdict(Word.NO, sentence="Never asked.", event=False), verdict(Word.NO, sentence="Left.")],
            (Word.NO, "Left."),
        ),
        ([verdict(Word.NO), verdict(Word.ASKED, sentence="Asked.")], (Word.ASKED, "Asked.")),
        (
            [verdict(Word.YES, sentence="Yes."), verdict(Word.NEVER, sentence="Never.")],
            (Word.NEVER, "Never."),
        ),
        ([verdict(Word.YES, sentence="We may write, because so.")], (Word.YES, "We may write, because so.")),
        (
            [
                verdict(Word.YES, "A", "We may write, because so."),
                verdict(Word.YES, "B", at=None),
                verdict(Word.NO, "C"),
            ],
            (Word.YES, "We may write about A and B: so."),
        ),
    ],
)
def test_the_answer_weighs_never_over_yes_over_asked_over_no(given, expected):
    assert rules.answer(given) == expected


def test_the_latest_yes_gives_the_reason():
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    given = [
        verdict(Word.YES, "A", "We may write, because of May.", at=early),
        verdict(Word.YES, "B", "We may write, because of June.", at=late),
    ]
    assert rules.answer(given)[1] == "We may write about A and B: of June."


def test_it_says_how_far_they_let_us_see(staff, where, mara):
    assert "Measuring opens and clicks: not at all. They were never asked." in page_of(staff, mara)
    make.confirmed(where, mara, tracking=Level.INDIVIDUAL)
    assert "Measuring opens and clicks: for this person, their choice of" in page_of(staff, mara)
    consent.set_tracking(where.id, mara.id, Level.NONE, **ME)
    assert "Measuring opens and clicks: not at all, their choice of" in page_of(staff, mara)


# --- What happened ----------------------------------------------------------------------------------------------


@dataclass
class Seconds:
    """A timeline source with one entry at each of these seconds."""

    seconds: tuple[int, ...]
    began = datetime(2026, 3, 3, 12, tzinfo=UTC)

    def read(self, _workspace, _contact, before, limit):
        moments = sorted((self.began + timedelta(seconds=second) for second in self.seconds), reverse=True)
        return [TimelineEntry(at, "mail", str(at)) for at in moments if before is None or at < before][:limit]


def walk(sources, limit):
    """All pages of these sources."""
    before, pages = None, []
    while True:
        size, found = limit, None
        while found is None:
            found = rules.merge([source.read(None, None, before, size + 1) for source in sources], size)
            size *= 2
        pages.append([int((entry.at - Seconds.began).total_seconds()) for entry in found.entries])
        if found.earlier is None:
            return pages
        before = found.earlier


@pytest.mark.parametrize(
    "seconds",
    [
        [(1, 2, 3, 4, 5), (1, 3, 9)],
        [(7, 7, 7, 7, 7, 7), (7, 8)],
        [(1, 1, 2, 2, 2, 3), (), (2, 2)],
        [()],
        [(1,)],
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_of_a_timeline_lose_nothing_and_repeat_nothing(seconds, limit):
    pages = walk([Seconds(found) for found in seconds], limit)
    everything = sorted((second for found in seconds for second in found), reverse=True)
    assert [second for page in pages for second in page] == everything
    for page, following in pairwise(pages):
        assert page[-1] > following[0], "an instant stays on one page"


def test_the_timeline_merges_permission_and_mails_newest_first(staff, where, mara):
    request = make.asked(where, mara)
    with transaction():
        delivery.send_system(where.id, "confirm", dedupe=request.id, contact_id=mara.id)
    entries = queries.timeline(where.id, mara.id, limit=9).entries
    assert {entry.title for entry in entries} == {"Asked", "The question to confirm: waiting to be sent"}
    assert list(entries) == sorted(entries, key=lambda entry: entry.at, reverse=True)
    both = rules.merge(
        [[TimelineEntry(Seconds.began, "asked", "Asked")], [TimelineEntry(Seconds.began, "mail", "Mail")]], 9
    )
    assert [entry.title for entry in both.entries] == ["Mail", "Asked"], "a mail comes after what caused it"
    only = queries.timeline(where.id, mara.id, kind="mail", limit=9).entries
    assert [entry.icon for entry in only] == ["clock"]
    narrowed = page_of(staff, mara, "?kind=permission")
    assert "The question to confirm" not in narrowed
    assert staff.get(f"/people/{mara.id}?kind=nonsense").status_code == 400


def test_earlier_entries_are_one_link_away(staff, where, mara, monkeypatch):
    monkeypatch.setattr(queries, "ENTRIES", 2)
    for hours in range(4):
        clock.set_shift(hours * 3600)
        make.asked(where, mara)
    clock.set_shift(5 * 3600)
    page = page_of(staff, mara)
    assert page.count("<b>Asked</b>") == 2
    link = re.search(r'<a href="([^"]+)">Show earlier entries', page)[1]
    earlier = unescape(staff.get(link).text)
    assert earlier.count("<b>Asked</b>") == 2
    assert "Show earlier entries" not in earlier


def test_earlier_entries_stay_one_link_away_where_somebody_was_merged(staff, where, mara, monkeypatch):
    """Of a merge one event is told of two: the page is full all the same, and does not end there."""
    monkeypatch.setattr(queries, "ENTRIES", 2)
    for hours in range(2):
        clock.set_shift(hours * 3600)
        make.asked(where, mara)
    clock.set_shift(3 * 3600)
    with transaction():
        merging.merge(where.id, mara.id, make.person(where.id).id, by=By("system"), takes=())
    page = page_of(staff, mara)
    assert page.count("<b>Asked</b>") == 1
    assert "Show earlier entries" in page


def test_ten_thousand_events_cost_as_much_as_one_page_of_them(staff, where, mara, session):
    make.confirmed(where, mara)
    session.execute(text("SELECT make_signal_month(now() - n * interval '1 month') FROM generate_series(0, 14) AS n"))
    values = {"workspace": where.id, "mara": mara.id, "user": where.owner_id}
    visits = (
        "INSERT INTO signals (event_id, workspace_id, contact_id, mailing_no, n, kind, at, verdict, reason)"
        " SELECT gen_random_uuid(), :workspace, :mara, 0, 0, 'visit', now() - n * interval '1 hour', 'human', 'told'"
        " FROM generate_series(1, 10000) AS n"
    )
    notes = (
        "INSERT INTO notes (id, workspace_id, contact_id, user_id, body, created_at)"
        " SELECT gen_random_uuid(), :workspace, :mara, :user, 'Rang', now() - (n + 0.5) * interval '1 hour'"
        " FROM generate_series(1, 500) AS n"
    )
    for statement in (visits, notes):
        session.execute(text(statement), values)
    session.commit()
    rows = []
    with _counted(rows):
        page = page_of(staff, mara)
    assert page.count("Rang") + page.count("<b>Visited") >= queries.ENTRIES - 5
    assert sum(rows) < 6 * queries.ENTRIES, "no source reads more than its part of a page"
    began = time.perf_counter()
    page_of(staff, mara, "?kind=reading")
    assert time.perf_counter() - began < 1


@contextmanager
def _counted(rows):
    """How many rows each statement gives meanwhile."""

    def count(_connection, cursor, *_):
        rows.append(max(cursor.rowcount, 0))

    event.listen(Engine, "after_cursor_execute", count)
    try:
        yield
    finally:
        event.remove(Engine, "after_cursor_execute", count)


@pytest.mark.parametrize("before", ["x", "W10", "WyJ5ZXN0ZXJkYXkiXQ", "WyIyMDI2LTAxLTAxIl0", "WzFd"])
def test_a_broken_place_in_the_timeline_is_refused(staff, mara, before):
    assert staff.get(f"/people/{mara.id}?before={before}").status_code == 400


def test_days_carry_the_words_people_use():
    zone, now = "Europe/Berlin", datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    moments = (now, now - timedelta(hours=1), now - timedelta(days=1), now - timedelta(days=9))
    found = rules.days([TimelineEntry(at, "mail", "x") for at in moments], now, zone)
    assert [(day.day, len(day.entries)) for day in found] == [
        ("Today", 1), ("Yesterday", 2), ("14 November 2026", 1),
    ]  # fmt: skip


def test_a_panel_of_another_room_stands_on_the_page(staff, mara, monkeypatch):
    panel = PersonPanel(
        "orders", "people/inputs.html", lambda _workspace, contact: {"contact": contact}, column="main"
    )
    other = module.Module("orders", person_panels=(panel,))
    monkeypatch.setattr(module, "_installed", {**module._installed, "orders": other})
    monkeypatch.setattr("app.people.pages.person.render_template", _render_marked())
    assert f"panel for {mara.id}" in page_of(staff, mara)


def _render_marked():
    from flask import render_template

    def render(name, **values):
        if name == "people/inputs.html":
            return f"<section>panel for {values['contact']}</section>"
        return render_template(name, **values)

    return render


def test_the_page_takes_a_bounded_number_of_statements(staff, where, mara, count_statements):
    make.confirmed(where, mara)
    with count_statements() as few:
        page_of(staff, mara)
    for _ in range(5):
        make.asked(where, mara)
    with count_statements() as many:
        page_of(staff, mara)
    assert len(many) <= len(few) <= 29, few


def test_events_far_back_still_decide(where, mara):
    make.confirmed(where, mara, interests=1)
    with transaction():
        for _ in range(201):
            consent.set_tracking(where.id, mara.id, Level.INDIVIDUAL, **ME)
            consent.set_tracking(where.id, mara.id, Level.NONE, **ME)
    found = {item.interest_name: item for item in verdicts(where.id, mara.id)}["New coffees"]
    assert found.word is Word.YES
    assert found.at is not None


# --- What we know -----------------------------------------------------------------------------------------------


@pytest.fixture
def fields(where):
    with transaction():
        for label, kind, choices in (
            ("Town", "text", ()), ("Cups a day", "number", ()), ("Birthday", "date", ()), ("Country", "country", ()),
            ("Budget", "money", ()), ("Roaster", "boolean", ()), ("Brews with", "choice", ("Filter", "Moka")),
            ("Likes", "multi_choice", ("Fruit", "Nuts", "Smoke")),
        ):  # fmt: skip
            contacts.define_field(where.id, label, kind, choices=choices)
    return where


FULL = {
    "first_name": "Élise", "last_name": "Øye", "language": "de", "c_town": "Kiel", "c_cups_a_day": "2,5",
    "c_birthday": "1990-02-28", "c_country": "de", "c_budget": "12.50 eur", "c_roaster": "yes",
    "c_brews_with": "Moka", "c_likes": ["", "Smoke", "Fruit"],
}  # fmt: skip


def save(staff, who, **form):
    path = f"/people/{who.id}/edit"
    return staff.post(path, page=path, **form)


def test_a_profile_is_written_with_its_types(session, staff, fields, mara):
    assert save(staff, mara, **FULL).status_code == 303
    session.expire_all()
    found = contacts_queries.get_contact(fields.id, mara.id)
    assert (found.first_name, found.last_name, found.language) == ("Élise", "Øye", "de")
    assert found.fields == {
        "town": "Kiel", "cups_a_day": "2.5", "birthday": "1990-02-28", "country": "DE", "budget": "12.50 EUR",
        "roaster": True, "brews_with": "Moka", "likes": ["Fruit", "Smoke"],
    }  # fmt: skip
    page = page_of(staff, mara)
    assert "Fruit, Smoke" in page
    assert 'value="Smoke" checked' in unescape(staff.get(f"/people/{mara.id}/edit").text)


def test_what_is_left_empty_is_taken_out(session, staff, fields, mara):
    save(staff, mara, **FULL)
    save(staff, mara, first_name="", c_town="", c_likes="", c_roaster="")
    session.expire_all()
    found = contacts_queries.get_contact(fields.id, mara.id)
    assert found.first_name == ""
    assert not {"town", "likes", "roaster"} & set(found.fields)
    assert "country" in found.fields, "what was not on the form stays"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("c_cups_a_day", "many", "Write a number"),
        ("c_birthday", "28.2.1990", "Write a date"),
        ("c_country", "Germany", "two letters"),
        ("c_budget", "12", "amount and currency"),
        ("c_brews_with", "Kettle", "Choose one of the values offered"),
        ("c_likes", ["", "Salt"], "Choose one of the values offered"),
        ("c_roaster", "maybe", "Write yes or no"),
        ("c_shoe", "42", "There is no such field"),
        ("first_name", "a" * 81, "Keep this to 80 characters"),
        ("last_name", "\u202eevil", "cannot be shown"),
        ("language", "xx", "Choose a language"),
        ("state", "yes", "not known here"),
    ],
)
def test_a_fault_stands_beside_its_field_and_nothing_is_written(
    session, staff, fields, mara, field, value, words
):
    answer = save(staff, mara, **{"first_name": "Changed", field: value})
    assert answer.status_code == 422
    page = unescape(answer.text)
    assert words in page
    assert field == "first_name" or 'value="Changed"' in page
    session.expire_all()
    assert contacts_queries.get_contact(fields.id, mara.id).first_name == "Mara"


def test_the_page_names_what_was_told_and_nothing_empty(staff, fields, mara):
    page = page_of(staff, mara)
    assert "<dt>Town</dt>" not in page
    assert "<dt>Language</dt><dd>English</dd>" in page
    assert page.count("mara@example.org") == 1


def test_everything_known_can_be_taken_along(staff, where, mara):
    make.confirmed(where, mara)
    answer = staff.get(f"/people/{mara.id}/export")
    assert answer.content_type == "application/json; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "mara" not in answer.headers["Content-Disposition"]
    told = json.loads(answer.text)
    assert told["contacts"]["email"] == "mara@example.org"
    assert {event["event"]["kind"] for event in told["consent"]} >= {"requested", "confirmed"}
    assert told["consent"][-1]["personal"]["ip"] == "192.0.2.7"
    names = {data.name for found in module.installed() for data in found.personal_data}
    assert names <= set(told)


def test_an_export_leaves_its_mark_in_the_record(staff, where, mara):
    from app.accounts import queries as accounts

    staff.get(f"/people/{mara.id}/export")
    newest = accounts.list_audit(where.id)[0]
    assert (newest.act, newest.object) == ("person.exported", f"contact:{mara.id}")
    assert newest.actor_id == where.owner_id


def test_initials_come_from_the_name_or_the_address():
    assert rules.initials("Élise Øye", "x@example.org") == "ÉØ"
    assert rules.initials("Mara", "x@example.org") == "M"
    assert rules.initials("Anna von der Heide", "") == "AH"
    assert rules.initials("", "jo.tan@example.org") == "JT"
    assert rules.initials("", "jo@example.org") == "J"
    assert rules.initials("", "") == ""
