"""Four eyes on a campaign, and what colleagues say to each other."""

from __future__ import annotations

import pytest

from app.accounts.rules.roles import Role
from app.campaigns import approval, queries, service
from app.kernel.db import transaction
from app.kernel.errors import BadInput, Conflict
from tests.support import accounts, make


@pytest.fixture
def asked_for(made):
    with transaction():
        approval.set_rule(made.where.id, needs=True)
    return made


@pytest.fixture
def colleague(made):
    return accounts.make_member(made.where.id, Role.EDITOR, "jo@oxbow.example")


def launch(made, by):
    with transaction():
        service.launch(
            made.where.id, made.campaign.id, revision=made.revision, send_at=None, delay_seconds=60, by=by
        )


def say_yes(made, by):
    with transaction():
        approval.approve(
            made.where.id, made.campaign.id, revision=made.revision, current=made.revision, by=by
        )


def test_nothing_leaves_before_a_second_person_has_said_yes(asked_for, colleague):
    owner = asked_for.where.owner_id
    with pytest.raises(BadInput, match="second person has not said yes"):
        launch(asked_for, owner)
    say_yes(asked_for, owner)
    with pytest.raises(BadInput, match="somebody else must send it"):
        launch(asked_for, owner)
    say_yes(asked_for, colleague.user_id)
    launch(asked_for, owner)
    with pytest.raises(Conflict):
        say_yes(asked_for, colleague.user_id)


def test_a_yes_is_to_this_letter_and_this_audience(asked_for, colleague):
    where, campaign = asked_for.where, asked_for.campaign
    say_yes(asked_for, colleague.user_id)
    with transaction():
        service.choose(where.id, campaign.id, "Autumn letter", [one.id for one in where.interests])
    with pytest.raises(BadInput, match="Changed since the second person"):
        launch(asked_for, where.owner_id)
    say_yes(asked_for, colleague.user_id)
    with transaction():
        from app.content import service as content

        letter = asked_for.campaign.letter_id
        content.save_draft(where.id, letter, "Another subject", "P", queries_source(asked_for))
    with pytest.raises(BadInput, match="Changed since the second person"):
        launch(asked_for, where.owner_id)
    with pytest.raises(Conflict):
        approval.approve(where.id, campaign.id, revision=asked_for.revision - 1, current=asked_for.revision, by=where.owner_id)


def queries_source(made) -> str:
    from app.content import queries as letters

    return letters.get_letter(made.where.id, made.campaign.letter_id).source


def test_without_the_rule_nobody_is_asked(made):
    assert not service.look(made.where.id, queries.get_campaign(made.where.id, made.campaign.id)).needs_approval
    launch(made, made.where.owner_id)


def test_the_review_asks_shows_and_takes_the_yes_and_comments(staff, made):
    path = f"{made.path}/review"
    assert "Ask for a second person" in staff.get(path).text
    assert staff.post(f"{made.path}/approval-rule", page=path, needs="1").status_code == 303
    page = staff.get(path).text
    assert "A second person has not said yes yet" in page
    assert staff.post(f"{made.path}/approval", page=path, revision=str(made.revision)).status_code == 303
    assert "somebody else must send it" in staff.get(path).text
    assert staff.post(f"{made.path}/approval", page=path, revision="999").status_code == 409
    assert staff.post(f"{made.path}/comments", page=path, body="Is the <price> right?").status_code == 303
    assert "Is the &lt;price&gt; right?" in staff.get(path).text
    assert staff.post(f"{made.path}/comments", page=path, body=" ").status_code == 422
    assert staff.post(f"{made.path}/comments", page=path, body="x" * 2_001).status_code == 422


def test_another_workspace_has_rules_of_its_own(asked_for):
    assert not approval.needs_approval(make.place("Other").id)
