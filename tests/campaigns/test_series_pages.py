"""Series on their pages: made from a campaign, looked at with their issues, paused, changed and ended."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from app.accounts.rules.roles import Role
from app.campaigns import issues, serial, service
from app.delivery import schedule
from app.kernel.db import session, transaction
from tests.campaigns.conftest import draft, launched
from tests.campaigns.test_series import DAILY, MONDAY, URL, at, begin, blog, monday, with_feed  # noqa: F401  fixtures
from tests.people.conftest import Staff, owner_of
from tests.support.accounts import make_member
from tests.support.feeds import numbered

FORM = {"every": "week", "weekdays": "3", "month_day": "1", "time": "10:00", "does": "send"}


def series_of(where):
    session().expire_all()
    return serial.list_series(where.id)[0][0]


def test_an_empty_list_teaches_what_a_series_is(staff):
    page = staff.get("/campaigns/series").text
    assert "No campaign comes again yet" in page
    assert "Make it a series" in page
    assert "/campaigns/series" in staff.get("/campaigns").text


def test_a_draft_becomes_a_series_that_has_a_page_of_its_own(monday, staff, where, made):  # noqa: F811
    interest = where.interests[0].id
    assert f"{made.path}/series" in staff.get(f"{made.path}/review").text
    assert "becomes the letter that each issue begins with" in staff.get(f"{made.path}/series").text
    answer = staff.post(f"{made.path}/series", **FORM)
    row = series_of(where)
    assert answer.headers["Location"] == f"/campaigns/series/{row.id}"
    page = staff.get(answer.headers["Location"]).text
    assert "Every week on Thursday at 10:00" in page
    assert "7 January 2027" in page
    assert "None yet" in page
    assert "No campaign comes again yet" not in staff.get("/campaigns/series").text
    assert "Autumn letter" not in staff.get("/campaigns").text
    for path in (made.path, f"{made.path}/review", f"{made.path}/series"):
        assert staff.client.get(path, follow_redirects=True).request.path == f"/campaigns/series/{row.id}"
    chosen = str(interest)
    kept = staff.post(f"{made.path}/audience", name="Weekly letter", interests=chosen)
    assert staff.client.get(kept.headers["Location"], follow_redirects=True).request.path == f"/campaigns/series/{row.id}"
    assert "Weekly letter" in staff.get("/campaigns/series").text
    refused = staff.post(f"{made.path}/send", page="/settings/you", when="now", delay="0", revision=str(made.revision))
    assert refused.status_code == 409


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"every": "fortnight"}, "every"), ({"weekdays": ""}, "weekdays"), ({"every": "month", "month_day": "40"}, "month_day"),
        ({"time": "late"}, "time"), ({"does": "burn"}, "does"), ({"only_new": "1"}, "only_new"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_and_loses_nothing(monday, staff, where, made, change, field):  # noqa: F811
    answer = staff.post(f"{made.path}/series", **(FORM | change))
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert re.search(rf'id="{field}"', answer.text) or field == "weekdays"
    assert ('value="10:00"' in answer.text) is (field != "time")
    assert serial.list_series(where.id) == []


def test_issues_stand_side_by_side_with_their_figures_and_what_was_skipped(monday, client, where, readers, blog):  # noqa: F811
    made = with_feed(where)
    row = begin(made, DAILY, only_new=True)
    path = f"/campaigns/series/{row.id}"
    for day, answer in enumerate((numbered(1, 2), numbered(1, 2), numbered(1, 2, 3))):
        blog[URL] = answer
        at(MONDAY + timedelta(days=day, hours=1))
        issues.run()
        schedule.run()
    staff = Staff(client, owner_of(where))
    page = staff.get(path).text
    assert page.count("Skipped") == 1
    assert issues.NOTHING_NEW in page
    assert page.count('data-label="Clicked"') == 2
    assert URL in page
    first = serial.list_issues(where.id, row.id).rows[-1]
    report = staff.client.get(f"/campaigns/{first.campaign_id}/report")
    assert path in report.text  # an issue leads to its series
    assert "Make it a series" not in report.text


def test_the_calendar_shows_the_dates_to_come(monday, staff, made):  # noqa: F811
    row = begin(made)
    page = staff.get("/campaigns/calendar?month=2027-01").text
    assert page.count(f"/campaigns/series/{row.id}") == 8  # each Monday and Thursday from the 4th to the 31st
    assert "an issue to come" in page
    assert str(row.id) not in staff.get("/campaigns/calendar?month=2026-12").text.partition("<tbody")[2].partition("1 January")[0]


def test_pause_go_on_change_and_end_on_the_page(monday, staff, where, made):  # noqa: F811
    row = begin(made)
    path = f"/campaigns/series/{row.id}"
    assert staff.post(f"{path}/pause").status_code == 303
    assert "None while it is paused" in staff.get(path).text
    refused = staff.post(f"{path}/pause")
    assert refused.status_code == 409
    assert "paused already" in refused.text
    assert staff.post(f"{path}/resume").status_code == 303
    assert 'value="3" checked' in staff.get(f"{path}/change").text
    assert staff.post(f"{path}/change", **(FORM | {"every": "day"})).status_code == 303
    assert "Every day at 10:00" in staff.get(path).text
    assert staff.post(f"{path}/end").status_code == 303
    assert "it has ended" in staff.get(path).text
    assert staff.post(f"{path}/change", **FORM).status_code == 409


def test_a_series_that_paused_itself_says_why_and_what_keeps_the_next_one(monday, staff, where):  # noqa: F811
    made = draft(where, interests=0)
    row = begin(made)
    page = staff.get(f"/campaigns/series/{row.id}").text
    assert "the next issue could not leave" in page
    assert "Nobody is chosen" in page
    with transaction():
        service.choose(where.id, made.campaign.id, "Autumn letter", [where.interests[0].id])
        found = serial.get_series(where.id, row.id, is_held=True)
        found.state, found.reason, found.next_on = "paused", "Write a subject.", None
    page = staff.get(f"/campaigns/series/{row.id}").text
    assert "Paused by itself" in page
    assert "Write a subject." in page


def test_of_a_sent_campaign_a_copy_is_offered(monday, staff, where, readers):  # noqa: F811
    made = draft(where)
    launched(made)
    schedule.run()
    assert f"{made.path}/series" in staff.get(f"{made.path}/report").text
    assert "itself stays as it is" in staff.get(f"{made.path}/series").text
    assert staff.post(f"{made.path}/series", **FORM).status_code == 303
    assert series_of(where).campaign_id != made.campaign.id


def test_who_may_only_read_sees_it_and_changes_nothing(monday, client, where, made):  # noqa: F811
    row = begin(made)
    reader = Staff(client, make_member(where.id, Role.VIEWER, "viewer@ostkai.example"))
    page = reader.get(f"/campaigns/series/{row.id}")
    assert page.status_code == 200
    assert "Pause" not in page.text.partition("<main")[2]
    for act in ("pause", "end", "change"):
        assert reader.post(f"/campaigns/series/{row.id}/{act}", page="/settings/you").status_code == 403
