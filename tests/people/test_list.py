"""The list: whom a search finds, in which order, and how much work that is."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.accounts.rules.roles import Role
from app.consent import queries as consent_queries
from app.consent import service as consent
from app.consent.rules import By, Proof, Reason, Word
from app.contacts import service as contacts
from app.kernel import clock, shared
from app.kernel.db import transaction
from app.people import queries
from app.people.queries import Search
from tests.support import make
from tests.support.accounts import make_member


def found(where, query="", **more) -> list[str]:
    page = queries.list_people(where.id, Search(query=query, **more))
    return [row.name or row.address for row in page.rows]


def named(where, address, first, last):
    who = make.person(where.id, address, first)
    contacts.update_profile(where.id, who.id, last_name=last)
    return who


@pytest.fixture
def people(where):
    for address, first, last in (
        ("elif.yildiz@postbox.example", "Elif", "Yıldız"),
        ("lukasz@example.org", "Łukasz", "Øster"),
        ("50%off@example.org", "Percy", "Sale"),
        ("under_score@example.org", "Uma", "Core"),
        ("underxscore@example.org", "Otto", "Vale"),
    ):
        named(where, address, first, last)
    return where


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("yildiz", ["Elif Yıldız"]),
        ("YILDIZ elif", ["Elif Yıldız"]),
        ("lukasz oster", ["Łukasz Øster"]),
        ("ild", ["Elif Yıldız"]),
        ("postbox", ["Elif Yıldız"]),
        ("ELIF.Yildiz@Postbox.Example", ["Elif Yıldız"]),
        ("el", ["Elif Yıldız"]),
        ("va", ["Otto Vale"]),
        ("ale", ["Otto Vale", "Percy Sale"]),
        ("elif sale", []),
        ("nobody@example.org", []),
        ("%", []),
        ("_", []),
        ("50%", ["Percy Sale"]),
        ("under_score", ["Uma Core"]),
        ("\\", []),
        ("\x00elif\x07", ["Elif Yıldız"]),
    ],
)
def test_a_search_finds_pieces_of_names_and_addresses(people, query, names):
    assert found(people, query) == names


def test_a_whole_address_finds_its_one_person(where):
    make.person(where.id, "mara@example.org", "Mara")
    make.person(where.id, "tamara@example.org", "Tamara")
    assert found(where, " MARA@example.ORG ") == ["Mara"]
    assert sorted(found(where, "mara@exa")) == ["Mara", "Tamara"]


def test_nobody_of_another_workspace_is_found(where):
    other = make.place("Other")
    make.person(other.id, "mara@example.org")
    assert found(where, "mara@example.org") == found(where, "mara") == found(where) == []


def test_an_erased_person_is_not_listed(where, mara):
    consent.erase(where.id, mara.id, by=By("staff"))
    contacts.erase(where.id, mara.id)
    assert found(where) == []


@pytest.fixture
def four(where):
    yes, asked, _no, never = (
        make.person(where.id, first_name=name) for name in ("Yes", "Asked", "No", "Never")
    )
    make.confirmed(where, yes, interests=1)
    make.asked(where, asked)
    make.confirmed(where, never)
    consent.suppress(where.id, never.id, Reason.BOUNCE, by=By("system"))
    return where


@pytest.mark.parametrize("word", list(Word))
def test_the_list_can_be_narrowed_to_a_word(four, word):
    assert found(four, word=word) == [word.value.capitalize()]


def test_the_counts_are_the_numbers_of_the_lists(session, four):
    stopped, lapsed, left, gone = (make.person(four.id) for _ in range(4))
    for who in (stopped, lapsed, left, gone):
        make.confirmed(four, who)
    consent.stop_everything(four.id, stopped.id, by=By(), proof=Proof())
    consent.withdraw(four.id, left.id, [four.interests[0].id], by=By(), proof=Proof())
    consent.erase(four.id, gone.id, by=By("staff"))
    contacts.erase(four.id, gone.id)
    session.execute(
        text("UPDATE permissions SET valid_until = now() - interval '1 day' WHERE contact_id = :id"),
        {"id": lapsed.id},
    )
    counts = consent_queries.counts_by_word(four.id, clock.now())
    assert counts == {word.value: len(found(four, word=word)) for word in Word}
    assert counts == {"yes": 2, "asked": 1, "no": 2, "never": 2}


def test_the_list_can_be_narrowed_to_an_interest_and_its_word(four):
    coffees, letters = (interest.id for interest in four.interests)
    assert sorted(found(four, interest=coffees)) == ["Asked", "Never", "Yes"]
    assert sorted(found(four, interest=letters)) == ["Asked", "Never"]
    assert found(four, interest=coffees, word=Word.YES) == ["Yes"]
    assert found(four, interest=letters, word=Word.YES) == []
    assert found(four, interest=letters, word=Word.NEVER) == ["Never"]


def test_leaving_one_interest_shows_where_it_was_left(where, mara):
    make.confirmed(where, mara)
    consent.withdraw(where.id, mara.id, [where.interests[0].id], by=By(), proof=Proof())
    first = queries.list_people(where.id, Search(interest=where.interests[0].id)).rows[0]
    everywhere = queries.list_people(where.id, Search()).rows[0]
    assert (first.word, everywhere.word) == (Word.NO, Word.YES)


@pytest.fixture
def seven(where):
    """Seven people, some of them of one instant."""
    for number, hours in enumerate((1, 2, 2, 2, 3, 4, 5)):
        clock.set_shift(int(timedelta(hours=hours).total_seconds()))
        with transaction():
            moment = clock.now().replace(microsecond=0, second=0)
        who = make.person(where.id, f"p{number}@example.org", f"P{number}")
        who.created_at = moment
    clock.set_shift(0)
    return where


@pytest.mark.parametrize(("query", "window"), [("", 2000), ("p", 1), ("p", 3), ("p", 5), ("example.org", 4), ("p", 2000)])
def test_pages_go_on_without_a_gap_or_a_double_and_come_back(session, seven, monkeypatch, query, window):
    session.flush()
    everyone = [row.id for row in queries.list_people(seven.id, Search()).rows]
    assert len(everyone) == 7
    # Words are looked for among the next few first: what is found there and by the index are one list.
    monkeypatch.setattr(queries, "LOOKED_THROUGH", window)
    search = Search(query)
    walked, cursor, pages = [], "", []
    while cursor is not None:
        page = queries.list_people(seven.id, search, cursor, limit=2)
        pages.append([row.id for row in page.rows])
        walked += pages[-1]
        cursor = page.next_cursor
    assert walked == everyone
    assert [len(page) for page in pages] == [2, 2, 2, 1]
    back = page.previous_cursor
    for earlier in reversed(pages[:-1]):
        page = queries.list_people(seven.id, search, back, limit=2)
        assert [row.id for row in page.rows] == earlier
        back = page.previous_cursor
    assert back is None
    assert queries.list_people(seven.id, Search(), limit=2).previous_cursor is None


def test_what_very_many_have_is_not_counted_to_the_end(session, seven, monkeypatch):
    session.flush()
    assert queries.count_people(seven.id, Search("p")) == 7, "where few are, all are counted"
    monkeypatch.setattr(queries, "COUNTED_THROUGH", 6)
    assert queries.count_people(seven.id, Search("p")) is None
    assert queries.count_people(seven.id, Search("p3@example")) is None, "one in six is more than a fortieth"
    monkeypatch.setattr(queries, "COUNTED_THROUGH", 1)
    assert queries.count_people(seven.id, Search("p3@example")) == 1


def test_somebody_new_does_not_move_the_pages(session, seven):
    session.flush()
    first = queries.list_people(seven.id, Search(), limit=3)
    second = [row.id for row in queries.list_people(seven.id, Search(), first.next_cursor, limit=3).rows]
    clock.set_shift(10**6)
    make.person(seven.id)
    assert [
        row.id for row in queries.list_people(seven.id, Search(), first.next_cursor, limit=3).rows
    ] == second


def test_the_page_shows_people_with_their_words_and_counts(staff, four):
    page = staff.get("/people").text
    assert re.findall(r'<a class="rowlink" href="/people\?word=(\w+)">(\d+)</a>', page) == [
        ("yes", "1"), ("asked", "1"), ("no", "1"), ("never", "1"),
    ]  # fmt: skip
    assert "4 people" in page
    narrowed = staff.get(f"/people?word=yes&interest={four.interests[0].id}&q=yes").text
    assert "1 person" in narrowed
    assert ">Asked</a>" not in narrowed


def test_nobody_waits_for_the_counts_of_many(staff, four, monkeypatch, count_statements):
    monkeypatch.setattr(shared, "ALWAYS", 3)
    monkeypatch.setattr(shared, "ROWS_PER_SECOND", 0.1)
    with count_statements() as statements:
        page = staff.get("/people").text
    assert not [one for one in statements if "GROUP BY 1" in one and "'many'" not in one], "counted only where they are few"
    assert 'hx-get="/people/counts"' in page
    assert "Everybody is being counted" in page
    assert "4 people" in page
    for asked in ("/people/counts", "/people?counted=1", "/people"):
        counted = staff.get(asked).text
        assert [n for _, n in re.findall(r'href="/people\?word=(\w+)">(\d+)</a>', counted)] == ["1", "1", "1", "1"], asked
    make.person(four.id)
    assert re.findall(r'word=no">(\d+)</a>', staff.get("/people").text) == ["1"], "as it was counted a moment ago"


@pytest.mark.parametrize(("most", "skipped"), [(3, True), (4, False)])
def test_many_are_not_even_looked_through(four, session, most, skipped):
    asked = text(f"EXPLAIN (ANALYZE, COSTS OFF) {consent_queries._OF_FEW.text}")
    plan = session.execute(asked, {"workspace_id": four.id, "now": clock.now(), "most": most}).scalars().all()
    looked = [line for line in plan if "contacts c " in line or "permissions p " in line]
    assert looked
    assert all(("never executed" in line) is skipped for line in looked), plan


def test_an_empty_workspace_and_an_empty_search_say_what_to_do(staff):
    assert "Nobody has said yes yet" in staff.get("/people").text
    make.person(staff.account.workspace_id)
    page = staff.get("/people?q=zzz").text
    assert "Nothing matches “zzz”" in page
    assert "Clear the search" in page


def test_a_script_in_a_name_stays_text(staff, where):
    named(where, "x@example.org", "<script>alert(1)</script>", '"><img src=x>')
    page = staff.get("/people?q=" + "%3Cscript%3E").text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;" in page


def test_the_list_takes_at_most_eight_statements(staff, four, count_statements):
    for query in ("", "?q=mara@example.org", f"?q=a&word=yes&interest={four.interests[0].id}"):
        with count_statements() as statements:
            assert staff.get("/people" + query).status_code == 200
        assert len(statements) <= 8, statements


def test_a_viewer_reads_and_does_not_add(client, where, mara):
    from tests.people.conftest import Staff

    viewer = Staff(client, make_member(where.id, Role.VIEWER, "vera@ostkai.example"))
    assert "Add person" not in viewer.get("/people").text
    page = viewer.get(f"/people/{mara.id}").text
    assert "Export their data" not in page
    assert f"{mara.id}/edit" not in page
    for path in (
        "/people/new",
        f"/people/{mara.id}/edit",
        f"/people/{mara.id}/erase",
        f"/people/{mara.id}/export",
        f"/people/{mara.id}/never",
        "/settings/fields",
    ):
        assert viewer.get(path).status_code == 403, path
