"""Which orders came of which mailing: the last click by hand within a week counts, whenever either arrives."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.consent.rules import By, Level
from app.kernel import clock
from app.kernel.db import session, transaction
from app.kernel.ids import uuid7
from app.merging import service as merging
from app.tracking import queries, service, timeline
from app.tracking.queries import Orders
from app.tracking.rules.hits import HIDDEN, Hit, Kind
from app.tracking.service import orders
from tests.support import make, programs, reading
from tests.support.reading import FIREFOX

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EUR = {"total": "42.00 EUR"}


@pytest.fixture
def who(place):
    return reading.reader(place, Level.INDIVIDUAL, "mara@example.org")


@pytest.fixture
def letters(place, who):
    """Three, handed over twenty, ten and two days ago."""
    return [reading.sent(place, [who], ago=days * DAY) for days in (20, 10, 2)]


def ago(span):
    with transaction():
        return clock.now() - span


def hit(letter, who, span, *, program=FIREFOX, link=0, kind=Kind.CLICK):
    return Hit(uuid7().hex, letter.no, letter.n(who), kind, link, ago(span), False, False, program, uuid7().hex, 1)


def click(letter, who, span, **more):
    with transaction():
        service.ingest_batch([hit(letter, who, span, **more)])


def order(place, who, span, data=EUR, event_id=None):
    act = service.Act(event_id or uuid4(), who.id, "order", ago(span), data)
    with transaction():
        service.record_acts(place.id, [act])
    return act


def kept():
    session().rollback()
    query = "SELECT event_id, mailing_no, n, contact_id, amount, currency FROM mailing_orders ORDER BY at"
    found = [tuple(row) for row in session().execute(text(query))]
    assert summed() == Counter((row[1], row[5]) for row in found), "the sums say what the rows say"
    return found


def summed():
    query = "SELECT mailing_no, currency, sum(orders) FROM mailing_order_sums GROUP BY 1, 2 HAVING sum(orders) <> 0"
    return {(number, currency): count for number, currency, count in session().execute(text(query))}


def credited():
    return [row[1] for row in kept()]


def test_an_order_counts_for_the_mailing_that_was_followed_by_hand_last(place, who, letters):
    first, second, third = letters
    click(first, who, 9 * DAY)
    click(second, who, 5 * DAY)
    click(third, who, DAY, program="curl/8")
    click(third, who, DAY, link=HIDDEN)
    order(place, who, 10 * DAY)
    assert kept() == [], "before any click"
    told = order(place, who, 6 * DAY)
    later = order(place, who, HOUR, {"total": 17})
    assert kept() == [
        (told.event_id, first.no, 1, who.id, Decimal(42), "EUR"), (later.event_id, second.no, 1, who.id, None, None),
    ]  # fmt: skip


def test_a_week_after_the_click_is_the_end(place, who, letters):
    click(letters[1], who, 8 * DAY)
    order(place, who, DAY - HOUR)
    assert kept() == []
    order(place, who, DAY + HOUR)
    assert credited() == [letters[1].no]


def test_told_again_it_counts_once(place, who, letters, client):
    click(letters[1], who, 2 * DAY)
    body = {"signals": [{"id": "o-1", "kind": "order", "email": "mara@example.org", "data": EUR}]}
    for _ in range(2):
        programs.call(client, place.id, "POST", "/api/v1/signals", body, ("people.write",))
    assert credited() == [letters[1].no]


@pytest.mark.parametrize("level", [Level.NONE, Level.AGGREGATE, Level.DATE])
def test_of_who_does_not_let_us_see_it_none_counts(place, who, letters, level):
    click(letters[1], who, 2 * DAY)
    reading.allow(place, who, level)
    order(place, who, HOUR)
    assert kept() == []


def test_a_click_that_arrives_after_its_order_counts_too(place, who, letters):
    _, second, third = letters
    order(place, who, HOUR)
    order(place, who, 3 * DAY)
    click(second, who, 5 * DAY)
    assert credited() == [second.no, second.no]
    # Only for the orders that came after it.
    click(third, who, DAY)
    assert credited() == [second.no, third.no]


def test_clicks_that_arrive_together_reach_from_the_first_to_a_week_after_the_last(place, who, letters):
    order(place, who, 8 * DAY)
    order(place, who, HOUR)
    with transaction():
        service.ingest_batch([hit(letters[1], who, 9 * DAY), hit(letters[2], who, DAY)])
    assert credited() == [letters[1].no, letters[2].no]


def test_a_click_that_turns_out_to_be_a_programs_counts_no_more(place, who):
    older, newer = (reading.sent(place, [who], ago=days * DAY) for days in (3, 2))
    click(older, who, 2 * DAY + HOUR)
    click(newer, who, DAY)
    order(place, who, HOUR)
    assert credited() == [newer.no]
    # Who follows the link that no person sees, seconds later, is a program.
    click(newer, who, DAY - timedelta(seconds=1), link=HIDDEN)
    assert [found.verdict for found in newer.signals(who) if found.mailing_no == newer.no] == ["machine", "machine"]
    assert credited() == [older.no]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"total": "42.00 EUR"}, ("42.00", "EUR")), ({"total": "42eur"}, ("42", "EUR")), ({"total": "-5.10 usd"}, ("-5.10", "USD")),
        ({"total": 42.5, "currency": "CHF"}, ("42.5", "CHF")), ({"total": "42.00 EUR", "currency": "EUR"}, ("42.00", "EUR")),
        ({"total": "42,00 EUR"}, None), ({"total": 42}, None), ({"total": True, "currency": "EUR"}, None),
        ({"total": "1e9 EUR"}, None), ({"total": 1e30, "currency": "EUR"}, None), ({"currency": "EUR"}, None), ({}, None), (None, None),
    ],
)  # fmt: skip
def test_totals_are_read_as_money_is_elsewhere(data, expected):
    assert orders.read_total(data) == expected


def test_sums_stand_by_currency_and_people_are_told_apart(place, who):
    ada = reading.reader(place, Level.INDIVIDUAL, "ada@example.org")
    letter = reading.sent(place, [who, ada], ago=2 * DAY)
    for one in (who, ada):
        click(letter, one, DAY)
    for data in (EUR, {"total": "0.50 EUR"}, {"total": "7 USD"}, None):
        order(place, who, HOUR, data)
    order(place, ada, HOUR, {"total": "100 EUR"})
    with transaction():
        found = queries.count_orders(place.id, [letter.no])
        assert found == {letter.no: Orders(5, {"EUR": Decimal("142.50"), "USD": Decimal(7)})}
        first, second = queries.list_buyers(place.id, letter.no)
        assert (first.contact_id, first.count, first.totals) == (who.id, 4, [(Decimal("42.50"), "EUR"), (Decimal(7), "USD")])
        assert queries.list_buyers(place.id, letter.no, limit=1) == [first]
        assert queries.list_buyers(place.id, letter.no, after_n=first.n) == [second]
        assert [one.contact_id for one in queries.list_buyers(place.id, letter.no, "USD")] == [who.id]
        other = make.place()
        assert queries.count_orders(other.id, [letter.no]) == {}
        assert queries.list_buyers(other.id, letter.no) == []


def test_erased_they_are_gone_and_exported_they_say_because_of_what(place, who, letters):
    click(letters[1], who, 2 * DAY)
    order(place, who, HOUR)
    with transaction():
        told = [one for one in timeline.export(place.id, who.id) if one["what"] == "order"]
        assert [one["counts_for_mail"] for one in told] == [f"{letters[1].no}-1"]
        service.erase(place.id, who.id)
        assert queries.count_orders(place.id, [letters[1].no]) == {}
    assert kept() == []


def test_two_entries_of_one_person_have_the_orders_of_both_until_it_is_taken_back(place, who):
    double = reading.reader(place, Level.INDIVIDUAL, "mara@work.example")
    letter = reading.sent(place, [who, double], ago=2 * DAY)
    click(letter, double, DAY)
    order(place, double, HOUR)
    with transaction():
        done = merging.merge(place.id, who.id, double.id, by=By("system"))
    assert [(row[1], row[2], row[3]) for row in kept()] == [(letter.no, 2, who.id)]
    order(place, who, timedelta(0))
    assert len(kept()) == 2, "the click is theirs as well"
    with transaction():
        merging.undo(place.id, done.merge_id, by=By("system"))
    assert [row[3] for row in kept()] == [double.id, who.id]
