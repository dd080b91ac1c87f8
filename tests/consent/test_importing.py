"""Claims of an import: marked for ever, each with file and row, and no word of a person's own is ever overruled."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from app.consent import history, seals, service
from app.consent import queries as consent
from app.consent.rules import Basis, By, Kind, Level, Proof, Reason, may_write
from app.consent.rules.grounds import Act, Topic, months_after
from app.consent.service import Claim, ImportedFile, claiming, write
from app.contacts import queries as contact_queries
from app.contacts import service as contacts
from app.evidence import document, telling, verifier
from app.kernel import clock
from app.kernel.db import array_of, transaction
from app.kernel.errors import BadInput, Conflict, NotFound
from app.kernel.ids import uuid7
from app.merging import service as merging
from app.people import service as people_service
from tests.support import make


@pytest.fixture
def where(session):
    return make.place()


@pytest.fixture
def file(where):
    digest = hashlib.sha256(b"address,date\n").hexdigest()
    return ImportedFile(
        uuid7(), digest, "From our shop, 2024 to 2026.", By("staff", str(where.owner_id)), text_of(where)
    )


def text_of(where) -> UUID:
    with transaction():
        return service.ensure_text(where.id, "consent", "en", "Yes, tell me about coffee.")


def claim(who, row: int, **more) -> Claim:
    values = {
        "said_at": clock.now() - timedelta(days=90),
        "source": "shop.example/newsletter",
        "ip": "192.0.2.50",
    }
    return Claim(who.id, row, **(values | more))


def bring(where, file, claims):
    with transaction():
        return service.import_claims(where.id, file, claims, [where.interests[0].id])


def is_reached(where, who) -> bool:
    permission = next(iter(consent.list_permissions(where.id, who.id)), None)
    return may_write(consent.standing(permission, consent.find_reach(where.id, who.id)), clock.now())


def test_each_row_is_one_event_that_says_where_it_comes_from(where, file):
    people = [make.person(where.id) for _ in range(3)]
    done = bring(where, file, [claim(who, row) for row, who in enumerate(people, 2)])
    assert (len(done.events), done.skipped) == (3, {})
    assert all(is_reached(where, who) for who in people)
    (entry,) = history.list_history(where.id, people[1].id)
    assert (entry.kind, entry.body["evidence"], entry.method) == (Kind.IMPORTED, "claimed", "import")
    assert entry.body["import"]["sha256"] == file.sha256
    assert (entry.body["import"]["row"], entry.body["import"]["declaration"]) == (
        3,
        "From our shop, 2024 to 2026.",
    )
    assert entry.personal["ip"] == "192.0.2.50"
    assert entry.personal["source"] == "shop.example/newsletter"
    assert entry.body["texts"][0]["id"] == str(file.text_id)
    seals.seal_now()
    told = document.make(where.id, people[1].id, clock.now())
    assert verifier.check(told)[0] == []
    assert told["receipts"][0]["services"][0]["purposes"][0]["consentType"] == "CLAIMED"
    pairs = dict(telling.passages(told)[0].pairs)
    assert (pairs["Row of the file"], pairs["Evidence"], pairs["SHA-256 of the file"]) == (
        "3",
        "claimed",
        file.sha256,
    )


def test_nobodys_own_word_is_overruled(where, file):
    left, stopped, never, erased, waits, said = (make.person(where.id) for _ in range(6))
    for who in (left, stopped, never, erased):
        make.confirmed(where, who)
    make.asked(where, waits)
    make.confirmed(where, said)
    with transaction():
        service.withdraw(where.id, left.id, [found.id for found in where.interests], by=By(), proof=Proof())
        service.stop_everything(where.id, stopped.id, by=By(), proof=Proof())
        service.suppress(where.id, never.id, Reason.COMPLAINT, by=By("system"))
        service.erase(where.id, erased.id, by=By("staff"))
    before = {
        who.id: len(history.list_history(where.id, who.id)) for who in (left, stopped, never, waits, said)
    }
    people = (left, stopped, never, erased, waits, said)
    done = bring(where, file, [claim(who, row) for row, who in enumerate(people)])
    assert done.events == {}
    assert set(done.skipped) == set(range(6))
    assert {done.skipped[1], done.skipped[2]} == {"must not be written to"}
    assert [done.skipped[row] for row in (0, 4, 5)] == ["has a no here", "is being asked", "has or had a permission here"]
    assert {who: len(history.list_history(where.id, who)) for who in before} == before
    assert [is_reached(where, who) for who in (left, stopped, never, waits)] == [False] * 4


def test_an_address_that_was_erased_or_complained_does_not_come_back_under_a_new_person(where, file):
    gone = make.person(where.id, "gone@example.org")
    make.confirmed(where, gone)
    with transaction():
        service.suppress(where.id, gone.id, Reason.COMPLAINT, by=By("system"))
        service.erase(where.id, gone.id, by=By("staff"))
        contacts.erase(where.id, gone.id)
    again = make.person(where.id, "gone@example.org")
    assert again.id != gone.id
    done = bring(where, file, [claim(again, 1)])
    assert done.skipped == {1: "must not be written to"}
    assert not is_reached(where, again)


def test_rows_without_time_place_or_address_and_rows_twice_are_told(where, file):
    one, two, three = (make.person(where.id) for _ in range(3))
    other = make.place()
    claims = [
        claim(one, 1, said_at=None),
        claim(two, 2, source=" "),
        claim(three, 3, said_at=clock.now() + timedelta(days=1)),
        claim(make.person(other.id), 4),
        claim(make.person(where.id), 5),
    ]
    claims.append(replace(claims[4], row=6))
    done = bring(where, file, claims)
    assert list(done.events) == [5]
    assert set(done.skipped) == {1, 2, 3, 4, 6}
    assert done.skipped[4] == "has no address here"
    assert done.skipped[6] == "stands in the file twice"


@pytest.mark.parametrize("lacks", ["sha256", "declaration", "text_id"])
def test_a_file_without_its_proof_is_refused(where, file, lacks):
    odd = replace(file, **{lacks: uuid7() if lacks == "text_id" else ""})
    with pytest.raises(BadInput):
        bring(where, odd, [claim(make.person(where.id), 1)])


# --- Corrections --------------------------------------------------------------------------------------------------


def test_a_correction_is_another_event_and_only_takes_away(where, file):
    who = make.person(where.id)
    done = bring(where, file, [claim(who, 1)])
    with transaction():
        made = service.correct(where.id, who.id, done.events[1], "It was her sister.", by=By("staff"))
    newest, first = history.list_history(where.id, who.id)
    assert (newest.event_id, newest.kind, newest.body["corrects"]) == (
        made,
        Kind.CORRECTED,
        str(done.events[1]),
    )
    assert newest.personal["detail"] == "It was her sister."
    assert first.kind is Kind.IMPORTED
    assert not is_reached(where, who)
    assert bring(where, file, [claim(who, 1)]).events == {}


def test_a_no_cannot_be_corrected_away(where):
    who = make.person(where.id)
    make.confirmed(where, who)
    with transaction():
        event_id = service.withdraw(where.id, who.id, [where.interests[0].id], by=By(), proof=Proof())
    with pytest.raises(Conflict), transaction():
        service.correct(where.id, who.id, event_id, "She meant yes.", by=By("staff"))
    with pytest.raises(NotFound), transaction():
        service.correct(where.id, make.person(where.id).id, event_id, "x", by=By("staff"))
    confirmed = history.list_history(where.id, who.id)[1]
    with pytest.raises(BadInput), transaction():
        service.correct(where.id, who.id, confirmed.event_id, " ", by=By("staff"))


def test_many_are_corrected_at_once_and_what_cannot_be_keeps_nothing_back(where, file):
    people = [make.person(where.id) for _ in range(5)]
    done = bring(where, file, [claim(who, row) for row, who in enumerate(people)])
    sound, corrected, erased, merged, survivor = people
    elsewhere = make.place("elsewhere")
    foreign = bring(elsewhere, replace(file, text_id=text_of(elsewhere)), [claim(make.person(elsewhere.id), 9)]).events[9]
    by = By("staff", str(where.owner_id))
    with transaction():
        service.correct(where.id, corrected.id, done.events[1], "Wrong.", by=by)
        service.set_tracking(where.id, sound.id, Level.INDIVIDUAL, by=By(), proof=Proof())
        seen = history.list_history(where.id, sound.id)[0].event_id
    with transaction():
        people_service.erase(where.id, erased.id, by=by)
        merging.merge(where.id, survivor.id, merged.id, by=by)
    wrong = {done.events[row]: people[row].id for row in range(5)} | {seen: sound.id, foreign: sound.id}
    with transaction():
        found = service.correct_all(where.id, wrong, "All of it.", by=by)
    assert set(found.made) == {done.events[0], done.events[3], done.events[4], seen}
    assert {event_id: type(fault) for event_id, fault in found.refused.items()} == {
        done.events[1]: Conflict, done.events[2]: Conflict, foreign: NotFound,
    }  # fmt: skip
    assert not any(is_reached(where, who) for who in people)
    assert history.tracking_level(where.id, sound.id)[0] is Level.NONE
    told = {entry.event_id: entry for entry in history.list_history(where.id, survivor.id)}
    for row in (3, 4):
        entry = told[found.made[done.events[row]]]
        assert (entry.body["corrects"], entry.personal["detail"]) == (str(done.events[row]), "All of it.")
        assert entry.personal["address"] == contact_queries.find_address(where.id, survivor.id).address
    with transaction():
        again = service.correct_all(where.id, {event_id: wrong[event_id] for event_id in found.made}, "x", by=by)
    assert (again.made, len(again.refused)) == ({}, 4)


def test_a_correction_touches_nobody_of_another_workspace(session, where, file):
    elsewhere = make.place("elsewhere")
    stranger = make.person(elsewhere.id)
    event_id = bring(elsewhere, replace(file, text_id=text_of(elsewhere)), [claim(stranger, 1)]).events[1]
    with transaction():
        found = service.correct_all(where.id, {event_id: stranger.id}, "Wrong.", by=By("staff"))
    assert (found.made, list(found.refused)) == ({}, [event_id])
    assert session.execute(text("SELECT count(*) FROM reach WHERE workspace_id = :id"), {"id": where.id}).scalar_one() == 0
    assert is_reached(elsewhere, stranger)


def test_what_many_corrections_cost_is_a_fixed_number_of_statements(where, file, count_statements):
    def cost(count: int) -> int:
        people = [make.person(where.id) for _ in range(count)]
        done = bring(where, file, [claim(who, row) for row, who in enumerate(people)])
        wrong = {done.events[row]: who.id for row, who in enumerate(people)}
        with count_statements() as made, transaction():
            service.correct_all(where.id, wrong, "All of it.", by=By("staff"))
        return len(made)

    assert cost(9) == cost(3)


# --- Laws of many, and grounds that end -----------------------------------------------------------------------------


def shop(where, file, *, basis=Basis.SOFT_OPT_IN, act=Act.PURCHASE, **more):
    """A file of customers, and an interest that is about what they bought."""
    with transaction():
        service.set_topic(where.id, where.interests[0].id, Topic("coffee"))
    values = {"basis": basis, "act": act, "product_class": "coffee", "objection_offered": "a box at the checkout"}
    return replace(file, **(values | more))


def living_in(where, **people: str):
    """People by the country that they told."""
    with transaction():
        contacts.define_field(where.id, "Country", "country")
    made = {name: make.person(where.id) for name in people}
    with transaction():
        for name, country in people.items():
            contacts.set_fields(where.id, made[name].id, {"country": [country]})
    return made


def test_the_law_of_all_is_read_at_once(where, file, count_statements):
    def bring_some(count: int, first: int) -> int:
        claims = [claim(make.person(where.id), row) for row in range(first, first + count)]
        with count_statements() as statements:
            assert len(bring(where, file, claims).events) == count
        return len(statements)

    assert bring_some(2, 1) == bring_some(25, 3)


def test_what_ends_by_law_ends_in_an_import_too(where, file):
    people = living_in(where, anna="DE", luc="FR", kim="GB", ben="CA")
    sold = clock.now() - timedelta(days=90)
    claims = [claim(who, row, said_at=sold, reference=f"order {row}") for row, who in enumerate(people.values(), 1)]
    done = bring(where, shop(where, file), claims)
    assert done.skipped == {4: "Canada: no mail to customers without their yes."}
    until = {
        name: consent.list_permissions(where.id, who.id)[0].valid_until
        for name, who in people.items()
        if name != "ben"
    }
    assert until == {"anna": months_after(sold, 24), "luc": months_after(sold, 36), "kim": None}
    (entry,) = history.list_history(where.id, people["anna"].id)
    assert (entry.body["basis"], entry.body["rule_set"], entry.body["rule_set_from"]) == ("soft_opt_in", "de_at", "person")
    assert datetime.fromisoformat(entry.body["validity"]["until"]) == until["anna"]
    assert entry.body["evidence"] == "claimed"
    assert (entry.personal["reference"], entry.personal["objection_offered"]) == ("order 1", "a box at the checkout")
    clock.set_shift(800 * 86400)
    assert [is_reached(where, people[name]) for name in ("anna", "luc", "kim")] == [False, True, True]


def test_an_inquiry_in_canada_ends_after_six_months_and_an_old_one_is_over(where, file):
    people = living_in(where, ben="CA", lou="CA")
    casl = shop(where, file, basis=Basis.IMPLIED_CASL, act=Act.INQUIRY)
    asked = clock.now() - timedelta(days=90)
    rows = [
        claim(people["ben"], 1, said_at=asked, reference="ticket 7"),
        claim(people["lou"], 2, said_at=asked - timedelta(days=200), reference="ticket 8"),
    ]
    done = bring(where, casl, rows)
    assert done.skipped == {2: "This ground is over already."}
    assert consent.list_permissions(where.id, people["ben"].id)[0].valid_until == months_after(asked, 6)
    lacks = bring(where, casl, [claim(make.person(where.id), 3), replace(rows[0], row=4)])
    assert set(lacks.skipped) == {3, 4}


def test_a_claimed_consent_has_no_end(where, file):
    who = make.person(where.id)
    done = bring(where, file, [claim(who, 1)])
    (permission,) = consent.list_permissions(where.id, who.id)
    assert (permission.basis, permission.valid_until) == ("consent", None)
    entry = history.get_entry(where.id, done.events[1])
    assert entry.body["validity"] == {"dormant_months": 24, "until": None}


def test_a_look_at_claims_refuses_what_taking_them_refuses_and_writes_nothing(where, file):
    people = [make.person(where.id) for _ in range(5)]
    make.confirmed(where, people[1])
    with transaction():
        service.suppress(where.id, people[2].id, Reason.COMPLAINT, by=By("system"))
    claims = [claim(who, row) for row, who in enumerate(people)]
    claims += [claim(people[0], 5), replace(claim(people[4], 6), contact_id=uuid7())]
    claims[3] = claim(people[3], 3, said_at=None)
    before = [len(history.list_history(where.id, who.id)) for who in people]
    seen = service.preview_claims(where.id, replace(file, text_id=None), claims, [where.interests[0].id], {})
    assert [len(history.list_history(where.id, who.id)) for who in people] == before
    assert seen == bring(where, file, claims).skipped
    assert set(seen) == {1, 2, 3, 5, 6}
    with pytest.raises(BadInput, match="cannot be brought in"):
        bring(where, replace(file, text_id=None), claims[:1])


def test_of_somebody_who_is_not_here_yet_the_address_may_be_known(where, file):
    gone = make.person(where.id, "gone@example.org")
    with transaction():
        service.erase(where.id, gone.id, by=By("staff", "7"))
    new, known = uuid7(), uuid7()
    newcomers = {new: service.address_hash("new@example.org"), known: service.address_hash("gone@example.org")}
    claims = [replace(claim(gone, row), contact_id=who) for row, who in enumerate((new, known))]
    look = [where.id, file, claims, [where.interests[0].id], newcomers]
    assert service.preview_claims(*look) == {1: "must not be written to"}
    look[1] = replace(file, basis=Basis.SOFT_OPT_IN, act=Act.PURCHASE)
    with pytest.raises(BadInput):
        service.preview_claims(*look)


@pytest.mark.parametrize("query", [claiming._VETOED, claiming._DECIDED])
def test_what_stands_here_is_looked_up_person_by_person(session, where, query):
    """By a plan of empty tables the second slice of the first file took half a minute, and the third came to no end."""
    session.execute(text("SET LOCAL enable_seqscan = off"))
    values = {"workspace_id": where.id, "channel": "email", "ids": "{}", "interests": [where.interests[0].id]}
    wanted = {name: value for name, value in values.items() if f":{name}" in str(query)}
    plan = "\n".join(session.execute(text(f"EXPLAIN (COSTS OFF) {query}"), wanted).scalars())
    assert "Index Cond: (contact_id = w.id)" in plan
    assert "Index Cond: (workspace_id" not in plan


def test_who_is_held_is_looked_up_person_by_person(session, where):
    """By a plan of an empty ``reach`` each of 5,000 was compared with each row of it: three seconds a slice behind a large file."""
    session.execute(text("SET LOCAL enable_seqscan = off"))
    for query in (write._LOCK, write._ENTRIES):
        values = {"workspace_id": where.id, "ids": array_of([uuid7() for _ in range(5000)])}
        plan = "\n".join(session.execute(text(f"EXPLAIN (COSTS OFF) {query}"), values).scalars())
        assert "Hash" not in plan.replace("HashAggregate", "")
        assert "Join Filter" not in plan
        assert "Index Cond: (id = w.id)" in plan
        assert "Index Cond: (merged_into = " in plan
