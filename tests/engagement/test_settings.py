"""The page of the score's rules."""

from __future__ import annotations

import re

import pytest

from app.accounts import queries as accounts
from app.engagement import queries, service
from app.kernel.db import transaction
from app.tracking import queries as tracking
from tests.people.conftest import Staff
from tests.support import reading

PATH = "/settings/scores"
FORM = {"half_life_days": "14", "weight_open": "0,5", "weight_click": "4"}


def test_the_page_explains_and_shows_the_rules(staff):
    page = staff.get(PATH).text
    assert 'aria-current="page">Scores</a>' in page
    for name, value in (("half_life_days", "30"), ("weight_open", "1"), ("weight_click", "3")):
        assert re.search(rf'name="{name}" type="text" value="{value}"', page)
    assert "is worth 5 points today, 2.5 after 30 days, 1.25 after 60 days" in page
    assert 'id="recount"' not in page


def test_what_is_saved_counts_after_everybody_was_counted_anew(staff, place):
    who = reading.reader(place)
    reading.sent(place, [who])
    assert staff.post(PATH, page=PATH, **FORM).status_code == 303
    page = staff.get(PATH).text
    assert "Everybody is being counted anew" in page
    assert "with a half-life of 30 days" in page
    assert 'hx-trigger="every 2s"' in page.split('id="recount"')[1].split(">")[0]
    with transaction():
        service.recount_slice(place.id)
    assert "0 of 0 people" in staff.get(PATH).text
    assert 'value="14"' in page
    assert queries.rules_of(place.id).half_life_days == 30
    for _ in range(10):
        with transaction():
            service.recount_slice(place.id)
    page = staff.get(PATH).text
    assert 'id="recount"' not in page
    found = queries.rules_of(place.id)
    usual = {name: kind.weight for name, kind in tracking.declared_kinds().items()}
    assert (found.half_life_days, found.weights) == (14, {**usual, "open": 0.5, "click": 4.0})
    assert 'value="0.5"' in page


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"half_life_days": "0"}, "half_life_days"), ({"half_life_days": "3651"}, "half_life_days"),
        ({"half_life_days": "x"}, "half_life_days"), ({"half_life_days": ""}, "half_life_days"),
        ({"half_life_days": "9" * 400}, "half_life_days"), ({"half_life_days": "1.5"}, "half_life_days"),
        ({"weight_open": "-1"}, "weight_open"), ({"weight_open": "nan"}, "weight_open"),
        ({"weight_open": "1e999"}, "weight_open"), ({"weight_click": "1001"}, "weight_click"),
        ({"weight_click": ""}, "weight_click"), ({"weight_click": "0.001"}, "weight_click"),
        ({"weight_click": "<b>"}, "weight_click"),
    ],
)  # fmt: skip
def test_a_wrong_number_is_said_beside_its_field_and_what_was_typed_stays(staff, place, wrong, field):
    answer = staff.post(PATH, page=PATH, **{**FORM, **wrong})
    assert answer.status_code == 422
    assert re.search(rf'id="{field}-error"', answer.text)
    assert 'value="14"' in answer.text or field == "half_life_days"
    assert "<b>" not in answer.text.replace("<b></b>", "")
    assert queries.underway(place.id) is None


def test_an_unknown_field_is_refused(staff, place):
    assert staff.post(PATH, page=PATH, **FORM, weight_nod="1").status_code == 422
    assert queries.underway(place.id) is None


def test_who_changed_it_is_written_down(staff, place):
    staff.post(PATH, page=PATH, **FORM)
    from sqlalchemy import text

    from app.kernel.db import session

    row = session().execute(text("SELECT act, detail FROM audit_entries WHERE act = 'scores.changed'")).one()
    assert row.detail == {"half_life_days": 14, "weights": {"open": 0.5, "click": 4.0}}
    assert accounts.brand(place.id)


@pytest.mark.parametrize("role", ["editor", "viewer"])
def test_only_owners_see_and_change_it(client, place, role):
    from app.accounts.rules.roles import Role
    from tests.support import accounts as people

    account = people.make_member(place.id, Role(role))
    staff = Staff(client, account)
    assert staff.get(PATH).status_code == 403
    assert "/settings/scores" not in staff.get("/settings/you").text
