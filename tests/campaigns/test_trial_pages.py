"""A trial on its pages: the form keeps what was typed, the review does the sums, the numbers lead to an answer."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.accounts.rules import acts
from app.accounts.rules.roles import Role
from app.campaigns import approval, deciding, queries, variants
from app.campaigns.rules import State
from app.campaigns.trial import Goal
from app.campaigns.trials import Wanted
from app.consent.rules import Level
from app.delivery import schedule
from app.kernel import clock
from app.kernel.db import transaction
from app.kernel.errors import BadInput
from app.kernel.ids import uuid7
from tests.campaigns.conftest import World, draft
from tests.campaigns.test_trials import SUBJECT_B, got, hand_over, later, launch, parts, plan, row_of
from tests.conftest import ground
from tests.people.conftest import Staff
from tests.support import make
from tests.support.accounts import make_member
from tests.support.mailing import Setting, crowd
from tests.support.outbox import place_with_sender

NUMBERS = {"count": "2", "sample": "50", "wait": "4", "holdout": "10", "goal": "click", "act": "save"}


def _world() -> World:
    where = place_with_sender()
    crowd(Setting(where, uuid7()), 240, tracking=Level.INDIVIDUAL)
    return World(where, [], draft(where))


world = ground(_world)


def post(staff, made, **form):
    return staff.post(f"{made.path}/variants", page=f"{made.path}/variants", **{**NUMBERS, **form})


def test_from_the_review_over_the_form_to_the_launch_and_the_answer(staff, made, session, monkeypatch):
    assert f"{made.path}/variants" in staff.get(f"{made.path}/review").text
    page = staff.get(f"{made.path}/variants").text
    assert 'name="sample" type="number" value="20"' in page
    assert not re.search(r'name="own_B"[^>]* checked', page)
    assert "<details open" not in page
    answer = post(staff, made, subject_B="Plum & cocoa", act="add")
    assert answer.headers["Location"] == f"{made.path}/variants"
    page = staff.get(f"{made.path}/variants").text
    assert 'name="count" value="3"' in page
    assert 'value="Plum &amp; cocoa"' in page
    assert "C is the same as A" in staff.get(f"{made.path}/review").text
    answer = post(staff, made, count="3", subject_B="Plum & cocoa", own_C="1", act="save")
    assert answer.headers["Location"] == f"{made.path}/review"
    page = staff.get(f"{made.path}/review").text
    counts = [int(number) for number in re.search(r"<p>A: (\d+), B: (\d+), C: (\d+), rest: (\d+), held out: (\d+)\.", page).groups()]
    assert sum(counts) == 240
    assert f"Send A, B, C to {sum(counts[:3])} people" in page
    assert "“Plum &amp; cocoa”" in page
    assert "/letters/" in re.search(r'<a class="small" href="([^"]+)">See it', page)[1]
    assert post(staff, made, count="3", subject_B="Plum & cocoa", act="remove-C").status_code == 303
    signature = re.search(r'name="variants" value="(\w+)"', staff.get(f"{made.path}/review").text)[1]
    form = {"when": "now", "delay": "0", "revision": str(made.revision)}
    refused = staff.post(f"{made.path}/send", page=f"{made.path}/review", **form, variants="x")
    assert "Its variants have changed" in refused.text
    staff.post(f"{made.path}/send", page=f"{made.path}/review", **form, variants=signature)
    schedule.run()
    assert staff.get(made.path).headers["Location"] == f"{made.path}/trial"
    assert "The sample is on its way" in staff.get(f"{made.path}/trial").text
    assert f'href="{made.path}/trial"' in staff.get(f"/campaigns/{parts(made)['B'].id}/sending").text
    hand_over(session, made, {"A": 1, "B": 20})
    deciding.run()
    assert "The sample has gone out" in staff.get(f"{made.path}/trial").text
    later(monkeypatch, hours=5)
    deciding.run()
    page = staff.get(f"{made.path}/trial").text
    assert "B brings more clicks than every other variant" in page
    assert "The rest gets B" in page
    assert re.search(r"B with A</th><td[^>]*>\d+\.\d\d</td><td[^>]*>(0\.\d{4}|under 0.0001)</td>", page)
    assert "No difference that counts" not in page
    assert "Too few orders to tell what it brought" in page
    assert staff.get(f"/campaigns/{parts(made)['B'].id}/report").status_code == 200
    listed = staff.get("/campaigns").text
    assert listed.count('class="rowlink"') == 1, "parts stand behind their trial"
    assert "Trying variants" in listed
    clicked = sum(one["acted"] for one in row_of(made).verdict["counts"])
    assert f'data-label="Clicked">{clicked} (' in listed
    assert staff.get("/campaigns?state=trying").text.count('class="rowlink"') == 1
    assert staff.get("/campaigns/calendar").text.count("Autumn letter: B") >= 1


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ({"sample": "5"}, "sample"), ({"wait": "x"}, "wait"), ({"holdout": "21"}, "holdout"),
        ({"day_B": "2020-01-01", "time_B": "10:00"}, "day_B"), ({"time_B": "10:00"}, "day_B"),
        ({"goal": "opens"}, "goal"), ({"subject_B": "x" * 401}, "subject_B"), ({"share_B": "99"}, "share_B"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_and_nothing_typed_is_lost(staff, made, form, name):
    answer = post(staff, made, **{"sender_B": "Jonna of Ostkai", **form})
    assert answer.status_code == 422
    assert f'id="{name}-error"' in answer.text
    assert 'value="Jonna of Ostkai"' in answer.text
    assert not re.search(r'name="own_B"[^>]* checked', answer.text)
    with transaction():
        assert variants.find_trial(made.where.id, made.campaign.id) is None


def test_what_decides_is_chosen_and_said_on_each_page(staff, made, session):
    assert post(staff, made, subject_B="Plum", goal="order").status_code == 303
    assert '<option value="order" selected>Who ordered</option>' in staff.get(f"{made.path}/variants").text
    page = staff.get(f"{made.path}/review").text
    assert "the winner by orders, 4 hours after" in page
    with transaction():
        seen = variants.signature(variants.find_trial(made.where.id, made.campaign.id))
    plan(made)
    with transaction():
        assert variants.signature(variants.find_trial(made.where.id, made.campaign.id)) != seen, "a yes is to what decides, too"
    plan(made, goal=Goal.ORDER)
    assert "readers of one variant order" in page
    launch(made)
    hand_over(session, made, {"B": 20})
    page = staff.get(f"{made.path}/trial").text
    assert "Who ordered</h2>" in page
    assert "Too few orders to tell (A 0.0%, B 0.0%)" in page, "clicks are no orders"


def test_a_person_decides_once_or_cancels(staff, made, session):
    plan(made)
    launch(made)
    hand_over(session, made)
    path = f"{made.path}/trial"
    assert "Choose one of the variants" in staff.post(path, page=path, label="E").text
    postal = {"id": made.where.id, "postal": session.execute(text("SELECT postal_address FROM workspaces")).scalars().first()}
    session.execute(text("UPDATE workspaces SET postal_address = '' WHERE id = :id"), postal)
    session.expire_all()
    refused = staff.post(path, page=path, label="B")
    assert refused.status_code == 422
    assert "postal address" in refused.text
    assert row_of(made).decided_at is None, "the rest has got nothing"
    session.execute(text("UPDATE workspaces SET postal_address = :postal WHERE id = :id"), postal)
    session.expire_all()
    assert staff.post(path, page=path, label="B").status_code == 303
    answer = staff.post(path, page=path, label="A")
    assert answer.status_code == 409
    assert "decided already" in answer.text
    assert staff.post(f"{path}/stop", page=path).status_code == 409
    schedule.run()
    assert max(got(session, made).values()) == 1
    page = staff.get(path).text
    assert "by Jonna" in page
    assert "Send A to the rest" not in page


def test_cancelled_before_anything_left_it_is_reviewed_again(staff, made):
    plan(made)
    launch(made, send_at=clock.now() + timedelta(days=1))
    page = staff.get(f"{made.path}/trial").text
    assert "Scheduled" in page
    answer = staff.post(f"{made.path}/trial/stop", page=f"{made.path}/trial")
    assert answer.headers["Location"] == f"{made.path}/review"
    assert staff.post(f"{made.path}/variants", page=f"{made.path}/variants", act="drop").status_code == 303
    assert "Send to 240 people" in staff.get(f"{made.path}/review").text


def test_a_launched_trial_is_not_changed_and_its_cancelled_part_has_a_page(staff, made, session):
    plan(made, SUBJECT_B)
    launch(made, send_at=clock.now() + timedelta(days=1))
    refused = staff.post(f"{made.path}/variants", page="/settings/you", subject_B="x", **NUMBERS)
    assert refused.headers["Location"] == made.path
    part = parts(made)["A"]
    staff.post(f"/campaigns/{part.id}/cancel", page=f"/campaigns/{part.id}/sending")
    assert staff.get(f"/campaigns/{part.id}/report").status_code == 200
    assert "A was cancelled, so the test does not decide" in staff.get(f"{made.path}/trial").text
    with transaction():
        assert queries.get_standing(made.where.id, part.id).state is State.CANCELLED


def test_who_may_only_look_decides_nothing(where, made, client):
    plan(made)
    launch(made)
    viewer = Staff(client, make_member(where.id, Role.VIEWER, "vera@ostkai.example"))
    assert "Send A to the rest" not in viewer.get(f"{made.path}/trial").text
    for path in (f"{made.path}/trial", f"{made.path}/trial/stop", f"{made.path}/variants"):
        assert viewer.post(path, page="/settings/you", label="A").status_code == 403


def test_case_27_trials_of_another_workspace(staff, session):
    """Parts, numbers and decisions of others are not there, whatever their state."""
    there = place_with_sender()
    who = make.person(there.id)
    make.confirmed(there, who)
    other = draft(there)
    crowd(Setting(there, uuid7()), 90)
    plan(other)
    launch(other)
    part = parts(other)["A"]
    for path in (f"{other.path}/trial", f"{other.path}/variants", f"/campaigns/{part.id}/sending"):
        assert staff.get(path).status_code == 404
    for path in (f"{other.path}/trial", f"{other.path}/trial/stop", f"{other.path}/variants"):
        assert staff.post(path, page="/settings/you", label="A", **NUMBERS).status_code == 404
    with transaction():
        assert variants.find_trial(there.id, other.campaign.id).row.decided_at is None


def test_a_test_mail_is_of_the_variant_that_was_chosen(staff, made, session):
    plan(made)
    assert 'name="label"' in staff.get(f"{made.path}/review").text
    for label in ("B", "A"):
        answer = staff.post(f"{made.path}/test", page=f"{made.path}/review", label=label, mark="1")
        assert answer.status_code == 303
    rows = session.execute(
        text("SELECT v.subject FROM messages m JOIN letter_versions v ON v.id = CAST(m.data ->> 'version_id' AS uuid)"
             " WHERE m.user_id = :id ORDER BY m.n"), {"id": made.where.owner_id},
    )  # fmt: skip
    assert rows.scalars().all() == ["Plum, cocoa and a surprise", "Three new coffees"]


def test_a_yes_is_to_the_variants_that_were_looked_at(where, made, client):
    plan(made)
    with transaction():
        approval.set_rule(where.id, needs=True, by=acts.COMMAND)
    colleague = Staff(client, make_member(where.id, Role.EDITOR, "jo@ostkai.example"))
    page = colleague.get(f"{made.path}/review").text
    form = {"seen": re.search(r'name="seen" value="(\w+)"', page)[1]}
    plan(made, Wanted(subject="Something else"))
    answer = colleague.post(f"{made.path}/approval", page=f"{made.path}/review", **form)
    assert answer.status_code == 409
    assert "changed since you looked at it" in answer.text
    plan(made)
    assert colleague.post(f"{made.path}/approval", page=f"{made.path}/review", **form).status_code == 303
    plan(made, Wanted(subject="Something else"))
    with pytest.raises(BadInput, match="Changed since the second person"):
        launch(made)
