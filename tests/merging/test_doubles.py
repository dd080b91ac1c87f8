"""Who may be one person: the same mailbox, number or telephone in another writing, until somebody says otherwise."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.consent.rules import By
from app.contacts import service as contacts_service
from app.kernel.db import transaction
from app.kernel.errors import BadRequest, NotFound
from app.kernel.ids import uuid7
from app.kernel.paging import encode_cursor
from app.merging import queries, service
from app.merging.rules import Reason
from app.people import service as people
from tests.support import make


@pytest.fixture
def fields(where):
    with transaction():
        for label in ("Phone", "Mobile", "Customer number", "Town"):
            contacts_service.define_field(where.id, label, "text")


def person(where, address="", **fields):
    who = make.person(where.id, address)
    if fields:
        with transaction():
            contacts_service.set_fields(where.id, who.id, fields)
    return who


def found(where):
    page = queries.list_doubles(where.id)
    assert page.next_cursor is None
    return [(double.reasons, [one.id for one in double.people]) for double in page.rows]


def test_a_mailbox_in_other_spellings_is_one_group(session, where):
    spellings = ("mara.lindqvist@gmail.com", "MaraLindqvist+news@googlemail.com", "maralindqvist@gmail.com")
    group = [make.person(where.id, address) for address in spellings]
    make.person(where.id, "mara.lindqvist@example.org")
    make.person(where.id, "maralindqvist@example.org")
    assert found(where) == [((Reason.MAILBOX,), [who.id for who in group])]


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("+49 (0)431 123-456 7", "0431/1234567", True),
        ("0049 170 1234567", "+49 170 1234567", True),
        ("1234567", "123 45 67", True),
        ("123456", "123456", False),
        ("not told", "not told", False),
    ],
)
def test_a_telephone_number_is_compared_by_its_last_digits(session, where, fields, one, other, are_same):
    people = [person(where, phone=one), person(where, mobile=other)]
    expected = [((Reason.PHONE,), [who.id for who in people])] if are_same else []
    assert found(where) == expected


def test_customer_numbers_are_compared_without_case_and_spaces(session, where, fields):
    group = [person(where, customer_number=number) for number in ("K-77", " k-77", "K-78")][:2]
    assert found(where) == [((Reason.NUMBER,), [who.id for who in group])]
    with transaction():
        contacts_service.set_fields(where.id, group[0].id, {"customer_number": ""})
    assert found(where) == []


def test_people_who_share_several_things_are_named_once_with_all_of_them(session, where, fields):
    group = [person(where, address, phone="0431 123456", town="Kiel") for address in ("m.l@gmail.com", "ml@gmail.com")]
    assert found(where) == [((Reason.MAILBOX, Reason.PHONE), [who.id for who in group])]


def test_who_was_told_apart_is_not_offered_again(session, where, fields):
    one, other, third = (person(where, phone="0431 123456") for _ in range(3))
    with transaction():
        service.tell_apart(where.id, third.id, [one.id, other.id, third.id])
        service.tell_apart(where.id, one.id, [third.id])
    assert found(where) == [((Reason.PHONE,), [one.id, other.id])]
    with transaction():
        service.tell_apart(where.id, one.id, [other.id])
    assert found(where) == []
    with pytest.raises(NotFound), transaction():
        service.tell_apart(where.id, one.id, [person(make.place("Theirs")).id])


def test_who_was_merged_or_erased_is_no_double(session, where, fields):
    one, other, third = (person(where, f"mara+{n}@example.org", phone="0431 123456") for n in range(3))
    with transaction():
        done = service.merge(where.id, one.id, other.id, by=By("system"))
    assert found(where) == [((Reason.MAILBOX, Reason.PHONE), [one.id, third.id])]
    with transaction():
        people.erase(where.id, third.id, by=By("system"))
    assert found(where) == []
    with transaction():
        service.undo(where.id, done.merge_id, by=By("system"))
    assert found(where) == [], "taking it back says that they are two"
    assert session.execute(text("SELECT count(*) FROM different_people")).scalar_one() == 1


def test_pages_go_through_all_reasons_and_leave_nobody_out(session, where, fields):
    theirs = make.place("Theirs")
    for number in range(7):
        for spelling in (f"a{number}@example.org", f"a{number}+x@example.org"):
            person(where, spelling)
        person(where, phone=f"0431 70000{number}", customer_number=f"K{number % 2}")
        person(where, phone=f"+49 431 70000{number}")
        make.person(theirs.id, f"a{number}+y@example.org")
    seen, cursor, pages = [], "", 0
    while cursor is not None:
        page = queries.list_doubles(where.id, cursor, limit=4)
        seen += page.rows
        cursor, pages = page.next_cursor, pages + 1
    assert [double.reasons[0] for double in seen] == [Reason.MAILBOX] * 7 + [Reason.NUMBER] * 2 + [Reason.PHONE] * 7
    assert len({tuple(one.id for one in double.people) for double in seen}) == 16
    assert pages == 4


@pytest.mark.parametrize("cursor", ["x", encode_cursor("mailbox"), encode_cursor("rumour", "a"), encode_cursor("phone", "\x00")])
def test_a_page_link_that_is_not_ours_is_refused(session, where, cursor):
    with pytest.raises(BadRequest):
        queries.list_doubles(where.id, cursor)


def test_what_is_offered_first_is_the_only_value_or_the_newer_one(session, where, fields):
    one = person(where, town="Kiel")
    other = person(where, town="Lübeck", phone="0431 123456")
    with transaction():
        contacts_service.update_profile(where.id, one.id, last_name="Lindqvist")
    offered = {choice.name: choice.takes for choice in queries.list_choices(where.id, one.id, other.id)}
    assert offered == {"last_name": False, "email": False, "field:town": False, "field:phone": True}
    session.execute(
        text("UPDATE contacts SET updated_at = updated_at + interval '1 day' WHERE id = :id"), {"id": other.id}
    )
    session.expire_all()
    offered = {choice.name: choice.takes for choice in queries.list_choices(where.id, one.id, other.id)}
    assert offered["field:town"] is True
    assert offered["last_name"] is False
    with pytest.raises(NotFound):
        queries.get_merge(where.id, uuid7())
