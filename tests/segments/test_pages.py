"""The pages of segments without scripts: every button is a post, and what was written comes back."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import update

from app.accounts.rules.roles import Role
from app.kernel import sampling
from app.kernel.db import transaction
from app.kernel.errors import Unavailable
from app.segments import queries, service
from app.segments.models import SegmentVersion
from app.segments.sentences import sentence
from tests.people.conftest import Staff
from tests.segments.test_service import BY, tree
from tests.support import make
from tests.support.accounts import make_member

NEW = "/people/segments/new"
NAMED = {"match-0": "all", "field-0.0": "contacts.first_name", "op-0.0": "is", "value-0.0": "mara"}


def inputs(page: str) -> dict[str, str]:
    """What the form holds."""
    found = dict(re.findall(r'<input class="input" id="[^"]+" name="([^"]+)" value="([^"]*)"', page))
    found |= dict(re.findall(r'<input type="radio" name="([^"]+)" value="([^"]*)" checked', page))
    for name, options in re.findall(
        r'<select class="input" id="[^"]+" name="([^"]+)".*?>(.*?)</select>', page, re.DOTALL
    ):
        chosen = re.search(r'value="([^"]*)" selected', options)
        found[name] = chosen[1] if chosen else ""
    return found


def test_a_segment_is_written_by_buttons_alone_and_saved(where, staff):
    make.person(where.id, "mara@example.org", "Mara")
    make.person(where.id, "nils@example.org", "Nils")
    page = staff.get(NEW).text
    assert "Choose a rule, and see at once" in page
    form = inputs(page) | {"field-0.0": "contacts.first_name"}
    form = inputs(staff.post(NEW, do="look", **form).text)
    assert form["op-0.0"] == "is"  # the first that the field knows
    form |= {"value-0.0": "mara"}
    page = staff.post(NEW, do="group-0", **form).text
    assert "Choose what to look at: this field is not here." in page  # the new group's rule waits
    form = inputs(page) | {
        "match-0.1": "none",
        "field-0.1.0": "contacts.language",
        "op-0.1.0": "is",
        "value-0.1.0": "de",
    }
    page = staff.post(NEW, do="add-0.1", **form).text
    page = staff.post(NEW, do="remove-0.1.1", **inputs(page)).text
    assert "People of whom this is true: first name is “mara” and not (language is Deutsch)." in page
    assert '>1</span><span class="muted">of 2 people' in page
    assert "mara@example.org" in page
    answer = staff.post(NEW, do="save", name="Maras", **inputs(page))
    assert answer.status_code == 303
    assert "not (language is Deutsch)" in staff.get("/people/segments").text


def test_what_does_not_fit_is_told_beside_it_and_nothing_is_saved(where, staff):
    wrong = NAMED | {"field-0.1": "engagement.score", "op-0.1": "at_least", "value-0.1": "many"}
    answer = staff.post(NEW, do="save", name="", **wrong)
    assert answer.status_code == 422
    assert "Write a number, like 12 or 3.5." in answer.text
    answer = staff.post(NEW, do="save", name="", **NAMED)
    assert answer.status_code == 422
    assert "Give it a name" in answer.text
    assert inputs(answer.text)["value-0.0"] == "mara"
    assert queries.list_segments(where.id) == []


def test_another_field_is_compared_in_a_way_that_it_knows_at_once(where, staff):
    make.person(where.id)
    stale = {**NAMED, "op-0.0": "begins_with", "field-0.0": "contacts.language", "value-0.0": "en"}
    page = staff.post(NEW, do="look", **stale).text
    assert "language is English" in page
    assert '>1</span><span class="muted">of 1 person' in page


def test_saving_again_is_a_version_and_an_old_page_is_refused(where, staff):
    with transaction():
        made = service.create(where.id, "Maras", tree(), by=BY)
    path = f"/people/segments/{made.id}"
    seen = {"version": "1", "name": "Maras"}
    assert staff.post(path, do="save", **seen, **NAMED).status_code == 303
    answer = staff.post(path, do="save", **seen, **NAMED | {"value-0.0": "ada"})
    assert answer.status_code == 409
    assert "Somebody has changed this segment meanwhile" in answer.text
    assert "Version 1," in staff.get(path).text
    assert staff.post(f"{path}/copy").status_code == 303
    assert staff.post(f"{path}/archive").status_code == 303
    assert "This segment is archived." in staff.get(path).text
    assert staff.post(path, do="save", version="2", name="Maras", **NAMED).status_code == 409
    assert staff.post(f"{path}/restore").status_code == 303
    assert {found.name for found in queries.list_segments(where.id)} == {"Maras", "Maras, copy"}


def test_who_may_only_read_sees_whom_it_means_and_no_form(where, client):
    with transaction():
        made = service.create(where.id, "Maras", tree(), by=BY)
    viewer = Staff(client, make_member(where.id, Role.VIEWER))
    page = viewer.get(f"/people/segments/{made.id}").text
    assert "first name is “Mara”" in page
    assert "Save segment" not in page
    assert "New segment" not in viewer.get("/people/segments").text
    assert viewer.get(NEW).status_code == 403
    assert viewer.post(f"/people/segments/{made.id}", do="look").status_code == 403


@pytest.fixture
def large(where, monkeypatch):
    """Three people are many, and every one of them is in the sample."""
    monkeypatch.setattr(sampling, "FROM_PEOPLE", 3)
    monkeypatch.setattr(sampling, "ONE_IN", 1)
    for name in ("Mara", "Mara", "Nils"):
        make.person(where.id, first_name=name)


def test_of_many_people_a_sample_is_told_at_once_and_everybody_counted_when_asked(where, staff, large):
    page = staff.post(NEW, do="look", **NAMED).text
    assert '>fewer than 20</span><span class="muted">of 3 people' in page
    assert "Told from one person in sixteen" in page
    assert 'name="do" value="count"' in page
    page = staff.post(NEW, do="count", **NAMED).text
    assert '>2</span><span class="muted">of 3 people' in page
    assert "one person in sixteen" not in page


def test_where_everybody_takes_too_long_what_the_sample_says_stays(where, staff, large, monkeypatch):
    real = queries.count

    def count(workspace_id, group, *, is_sampled=False):
        if not is_sampled:
            raise Unavailable("Counting took longer than 5 seconds and was stopped.")
        return real(workspace_id, group, is_sampled=True)

    monkeypatch.setattr(queries, "count", count)
    page = staff.post(NEW, do="count", **NAMED).text
    assert ">fewer than 20</span>" in page
    assert "Counting took longer than 5 seconds and was stopped." in page
    assert 'value="count"' not in page, "it would be asked for again and again"


def test_who_may_only_read_has_a_link_that_counts_everybody(where, client, large):
    with transaction():
        made = service.create(where.id, "Maras", tree(), by=BY)
    viewer = Staff(client, make_member(where.id, Role.VIEWER))
    path = f"/people/segments/{made.id}"
    assert 'href="?do=count"' in viewer.get(path).text
    assert '>2</span><span class="muted">of 3 people' in viewer.get(f"{path}?do=count").text


def test_fewer_people_are_counted(where, staff):
    make.person(where.id, first_name="Mara")
    page = staff.post(NEW, do="look", **NAMED).text
    assert '>1</span><span class="muted">of 1 person' in page


@pytest.mark.parametrize(
    ("hits", "words"),
    [(0, "fewer than 100"), (1, "fewer than 200"), (9, "fewer than 400"), (10, "about 160"), (781, "about 12,000"),
     (2_500, "about 40,000"), (7_813, "about 125,000"), (62_500, "about 1,000,000")],
)  # fmt: skip
def test_a_guess_has_as_many_digits_as_it_deserves(hits, words):
    assert sampling.Guess(hits).words == words


def test_a_segment_that_names_what_is_gone_says_so_and_can_be_opened(where, staff, session):
    with transaction():
        made = service.create(where.id, "Maras", tree(), by=BY)
        gone = tree(field="contacts.field.gone")
        session.execute(update(SegmentVersion).values(tree=gone).where(SegmentVersion.segment_id == made.id))
    assert "It names something that is not here any more." in staff.get("/people/segments").text
    assert "Choose what to look at: this field is not here." in staff.get(f"/people/segments/{made.id}").text
    assert staff.post(f"/people/segments/{made.id}/archive").status_code == 303


SAID = [
    ([{"field": "contacts.created_at", "op": "more_than_ago", "days": 30}], "added more than 30 days ago"),
    ([{"field": "contacts.created_at", "op": "before", "value": "2026-05-01"}], "added before 1 May 2026"),
    ([{"field": "engagement.last_signal", "op": "is_not_known"}], "last read never"),
    ([{"field": "tracking.click", "op": "at_least", "times": 2, "days": 90}], "followed a link at least 2 times in the last 90 days"),
    ([{"field": "tracking.open", "op": "did_not"}], "never opened a letter"),
    ([{"field": "engagement.score", "op": "at_least", "value": "50"}], "score is at least 50"),
    ([{"field": "consent.reachable", "op": "is", "value": "yes"}], "email right now is allowed"),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "words"), SAID, ids=[words for _, words in SAID])
def test_a_rule_reads_as_a_sentence(where, rules, words):
    said = sentence(queries.read(where.id, {"match": "all", "rules": rules}))
    assert said == f"People of whom this is true: {words}."
