"""The panel of the settings that says when and how often people get mails at all."""

from __future__ import annotations

from datetime import time

import pytest
from sqlalchemy import select

from app.accounts.models import AuditEntry
from app.accounts.rules.roles import Role
from app.delivery import queries as delivery
from app.delivery.rules.hours import Span
from tests.home.test_first_run import post
from tests.support import accounts


@pytest.fixture
def owner(client):
    found = accounts.make_owner()
    accounts.sign_in(client, found)
    return found


def test_hours_and_frequency_are_set_shown_recorded_and_taken_away(client, session, owner):
    values = {"quiet_since": "21:30", "quiet_until": "08:00", "weekly": "3"}
    saved = post(client, "/settings/hours", values, "/settings")
    assert (saved.status_code, saved.location) == (303, "/settings#hours")
    limits = delivery.contact_limits(owner.workspace_id)
    assert (limits.quiet, limits.weekly) == (Span(time(21, 30), time(8)), 3)
    page = client.get("/settings").text
    assert 'name="quiet_since" type="time" value="21:30"' in page
    assert 'name="weekly" type="number" value="3"' in page
    entry = session.execute(select(AuditEntry).where(AuditEntry.act == "hours.changed")).scalar_one()
    assert entry.detail == values
    post(client, "/settings/hours", dict.fromkeys(values, ""), "/settings")
    limits = delivery.contact_limits(owner.workspace_id)
    assert (limits.quiet, limits.weekly) == (None, None)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"quiet_since": "22:00"}, "Write both times, or neither."),
        ({"quiet_since": "late", "quiet_until": "08:00"}, "Write a time like 10:00."),
        ({"quiet_since": "22:00", "quiet_until": "22:00"}, "The hours end at another time than they begin."),
        ({"weekly": "0"}, "Write a number from 1 to 50."),
        ({"weekly": "many"}, "Write a whole number."),
    ],
)
def test_what_does_not_fit_is_said_and_stays_in_its_field(client, owner, values, words):
    answer = post(client, "/settings/hours", {"quiet_since": "", "quiet_until": "", "weekly": "", **values}, "/settings")
    assert answer.status_code == 422
    assert words in answer.text
    assert all(f'value="{value}"' in answer.text for value in values.values())
    assert delivery.contact_limits(owner.workspace_id) == delivery.Limits()


def test_who_may_not_change_settings_may_not_change_hours(client, owner):
    client.post("/sign-out", data={"csrf": accounts.token_of(client, "/settings/you")})
    accounts.sign_in(client, accounts.make_member(owner.workspace_id, Role.VIEWER))
    assert post(client, "/settings/hours", {"weekly": "1"}, "/settings/you").status_code == 403
    assert delivery.contact_limits(owner.workspace_id).weekly is None
