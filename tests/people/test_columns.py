"""The columns of the list: each user's own, read only where they are chosen."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from sqlalchemy import text

from app.accounts.rules import acts
from app.accounts.rules.roles import Role
from app.consent.rules import Level
from app.contacts import queries as contacts_queries
from app.contacts import service as contacts
from app.groups import queries as groups_queries
from app.groups import service as groups
from app.groups.rules import Details, Kind
from app.kernel import clock
from app.kernel.db import transaction
from app.people import columns
from app.tags import queries as tags_queries
from app.tags import rules as tag_rules
from app.tags import service as tags
from tests.people.conftest import Staff
from tests.support import make
from tests.support.accounts import make_member

ALL = [*columns.BUILT_IN, "field:town"]


@pytest.fixture
def rich(where, mara):
    """Somebody of whom everything is known."""
    make.confirmed(where, mara, tracking=Level.INDIVIDUAL)
    with transaction():
        tags.add(where.id, mara.id, tag_rules.fold(["VIP", "met in Kiel"]))
        company = groups.create(where.id, Kind.COMPANY, Details("Acme"), by=acts.COMMAND)
        groups.join(where.id, Kind.COMPANY, company.id, mara.id)
        contacts.define_field(where.id, "Town", "text")
        contacts.set_fields(where.id, mara.id, {"town": ["<Kiel>"]})
    return mara


def heads(page):
    table = page[page.index("<thead"): page.index("</thead>")]
    return re.findall(r'role="columnheader"[^>]*>([^<]+)</th>', table)


def choose(staff, *keys):
    return staff.post("/people/columns?q=mara", column=list(keys))


def test_the_list_begins_with_what_it_always_showed(staff, rich):
    assert heads(staff.get("/people").text) == ["Person", "Permission", "Language", "Added"]


def test_what_is_chosen_is_shown_and_kept_for_this_user_alone(staff, client, where, rich):
    answer = choose(staff, "field:town", "tags", "company", "score", "last_read")
    assert (answer.status_code, answer.location) == (303, "/people?q=mara")
    page = staff.get(answer.location).text
    assert heads(page) == ["Person", "Tags", "Company", "Score", "Last read", "Town"]
    row = page[page.index("<tbody"): page.index("</tbody>")]
    for shown in ("met in Kiel, VIP", "Acme", "&lt;Kiel&gt;", "New</span>"):
        assert shown in row
    assert re.findall(r'data-label="(\w[^"]*)"( class="[^"]*hide-s")?', row)[:3] == [
        ("Tags", ""), ("Company", ""), ("Score", ' class="hide-s"'),
    ]  # fmt: skip
    viewer = Staff(client.application.test_client(), make_member(where.id, Role.VIEWER, "vera@ostkai.example"))
    assert heads(viewer.get("/people").text) == ["Person", "Permission", "Language", "Added"]
    assert choose(viewer).status_code == 303
    assert heads(viewer.get("/people").text) == ["Person"], "none is an answer too"


def test_who_does_not_let_us_see_has_no_score(staff, where, rich):
    make.person(where.id, "quiet@example.org", "Quiet")
    make.confirmed(where, make.person(where.id, "sum@example.org", "Sum"), tracking=Level.AGGREGATE)
    choose(staff, "score")
    assert staff.get("/people").text.count('class="level"') == 1


def test_a_read_letter_shows_in_the_score(staff, where, rich):
    from app.engagement.models import EngagementScore
    from app.kernel.db import session

    with transaction():
        now = clock.now()
        session().add(EngagementScore(contact_id=rich.id, workspace_id=where.id, rules_no=1, s=60.0, human_signals=3, last_signal_at=now))
    choose(staff, "score", "last_read")
    row = staff.get("/people").text
    assert "Hot</span>" in row
    assert f'datetime="{now.isoformat()}"' in row


def test_only_what_is_chosen_is_asked_for_and_each_group_once(staff, rich, count_statements):
    def asked():
        with count_statements() as statements:
            assert staff.get("/people").status_code == 200
        return len(statements)

    choose(staff)
    none = asked()
    choose(staff, "permission", "language", "added")
    assert asked() == none
    choose(staff, *ALL)
    assert asked() == none + 4


def test_what_cannot_be_shown_is_refused_and_the_choice_stays(staff, where, mara):
    with transaction():
        for number in range(2):
            contacts.define_field(where.id, f"F{number}", "text")
    answer = choose(staff, *columns.BUILT_IN, "field:f0", "field:f1")
    assert answer.status_code == 422
    assert "8 columns at most" in answer.text
    assert 'id="column-error"' in answer.text
    assert answer.text.count(" checked") == 9
    for key in ("nonsense", "field:theirs", "x" * 300):
        assert choose(staff, key).status_code == 422, key
    assert heads(staff.get("/people").text) == ["Person", "Permission", "Language", "Added"]


def test_an_archived_field_leaves_the_list(staff, where, rich):
    choose(staff, "permission", "field:town")
    with transaction():
        contacts.archive_field(where.id, contacts_queries.list_fields(where.id)[0].id)
    assert heads(staff.get("/people").text) == ["Person", "Permission"]


def test_values_are_of_this_workspace_alone(where, rich):
    other = make.place("Other")
    chosen = columns.of(where.id, where.owner_id).offered
    assert isinstance(rich.id, UUID)
    found = columns.values(other.id, [rich.id], chosen)
    assert {key: dict(held) for key, held in found.items() if held} == {}


@pytest.mark.parametrize(
    ("statement", "table"), [(groups_queries._COMPANIES, "group_members"), (tags_queries._WORDS, "contact_tags")]
)
@pytest.mark.usefixtures("rich")  # an empty table is read by any index
def test_a_column_is_looked_up_person_by_person(session, where, statement, table):
    """A table that has just grown has no statistics: whatever the planner may choose there takes seconds for a page."""
    session.execute(text("SET LOCAL enable_seqscan = off"))
    session.execute(text("SET LOCAL enable_bitmapscan = off"))
    values = {"workspace_id": where.id, "ids": "{}"}
    plan = "\n".join(session.execute(text(f"EXPLAIN {statement.text}"), values).scalars())
    assert re.search(rf"using pk_{table} on {table} .*\n\s+Index Cond: \(+contact_id = w.id\)", plan), plan
