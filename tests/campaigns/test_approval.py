"""Four eyes on a campaign, and what colleagues say to each other."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from app.accounts.models import AuditEntry
from app.accounts.rules import acts
from app.accounts.rules.roles import Role
from app.campaigns import approval, queries, service
from app.content import queries as letters
from app.content import service as content
from app.content.service import snippets
from app.kernel.db import session, transaction
from app.kernel.errors import BadInput, Conflict
from tests.support import accounts, make


@pytest.fixture
def asked_for(made):
    with transaction():
        approval.set_rule(made.where.id, needs=True, by=acts.COMMAND)
    return made


@pytest.fixture
def colleague(made):
    return accounts.make_member(made.where.id, Role.EDITOR, "jo@oxbow.example")


def launch(made, by):
    with transaction():
        service.launch(
            made.where.id, made.campaign.id, revision=made.revision, send_at=None, delay_seconds=60, by=by
        )


def seen_of(made) -> str:
    """What somebody has in front of them who looks at the review now."""
    return approval.subject_of(queries.get_campaign(made.where.id, made.campaign.id), made.revision)


def say_yes(made, by, seen=""):
    with transaction():
        approval.approve(made.where.id, made.campaign.id, seen or seen_of(made), by=by)


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
    seen = seen_of(asked_for)
    say_yes(asked_for, colleague.user_id)
    with transaction():
        service.choose(where.id, campaign.id, "Autumn letter", [one.id for one in where.interests])
    with pytest.raises(BadInput, match="Changed since the second person"):
        launch(asked_for, where.owner_id)
    with pytest.raises(Conflict, match="Look at it once more"):
        say_yes(asked_for, colleague.user_id, seen)  # the page was open when the audience changed
    say_yes(asked_for, colleague.user_id)
    with transaction():
        letter = asked_for.campaign.letter_id
        content.save_draft(where.id, letter, "Another subject", "P", queries_source(asked_for))
    with pytest.raises(BadInput, match="Changed since the second person"):
        launch(asked_for, where.owner_id)


def test_a_yes_is_void_when_a_snippet_in_the_letter_says_something_else(asked_for, colleague):
    where = asked_for.where
    with transaction():
        hours = snippets.create_snippet(where.id, "Opening hours", "<p>Open till 6</p>")
        snippets.create_snippet(where.id, "Delivery", "<p>In two days</p>")
        content.save_draft(
            where.id, asked_for.campaign.letter_id, "Now {{ snippet.opening_hours }}", "P", queries_source(asked_for)
        )

    def edition() -> int:
        session().expire_all()
        return letters.get_letter(where.id, asked_for.campaign.letter_id).edition

    def yes() -> None:
        seen = approval.subject_of(queries.get_campaign(where.id, asked_for.campaign.id), edition())
        say_yes(asked_for, colleague.user_id, seen)

    def go(seen: int) -> None:
        with transaction():
            service.launch(
                where.id, asked_for.campaign.id, revision=seen, send_at=None, delay_seconds=60, by=where.owner_id
            )

    yes()
    reviewed = edition()
    with transaction():
        snippets.save_snippet(where.id, hours.id, "Opening hours", "<p>Closed</p>", revision=1)
    with pytest.raises(BadInput, match="Changed since the second person"):
        go(edition())
    yes()
    with pytest.raises(Conflict, match="changed since you reviewed it"):
        go(reviewed)
    go(edition())
    with transaction():
        snippets.save_snippet(where.id, hours.id, "Opening hours", "<p>Open again</p>", revision=2)
    launched = letters.find_last_version(letters.get_letter(where.id, asked_for.campaign.letter_id))
    assert launched.subject == "Now Closed"  # what was launched says what it said then


def queries_source(made) -> str:
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
    seen = re.search(r'name="seen" value="(\w+)"', page)[1]
    assert staff.post(f"{made.path}/approval", page=path, seen=seen).status_code == 303
    assert "somebody else must send it" in staff.get(path).text
    assert staff.post(f"{made.path}/approval", page=path, seen="0" * 32).status_code == 409
    assert staff.post(f"{made.path}/comments", page=path, body="Is the <price> right?").status_code == 303
    assert "Is the &lt;price&gt; right?" in staff.get(path).text
    assert staff.post(f"{made.path}/comments", page=path, body=" ").status_code == 422
    assert staff.post(f"{made.path}/comments", page=path, body="x" * 2_001).status_code == 422


def test_the_record_says_who_said_yes_and_who_took_the_rule_away(asked_for, colleague):
    say_yes(asked_for, colleague.user_id)
    with transaction():
        approval.set_rule(asked_for.where.id, needs=False, by=acts.user(asked_for.where.owner_id))
    entries = session().execute(select(AuditEntry).where(AuditEntry.act.like("campaign%")).order_by(AuditEntry.id)).scalars()
    assert [(one.act, one.actor_id, one.detail.get("needs")) for one in entries] == [
        ("campaigns.approval_rule", None, True),
        ("campaign.approved", colleague.user_id, None),
        ("campaigns.approval_rule", asked_for.where.owner_id, False),
    ]


def test_another_workspace_has_rules_of_its_own(asked_for):
    assert not approval.needs_approval(make.place("Other").id)
