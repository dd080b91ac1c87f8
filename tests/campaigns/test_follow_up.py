"""After a campaign: again for those whom it did not move, and for everybody in the archive."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.campaigns import follow_up, queries
from app.consent.rules import Level
from app.delivery import schedule
from app.kernel import clock
from app.kernel.db import session as current
from app.kernel.db import transaction
from app.kernel.errors import BadInput, Conflict
from app.kernel.ids import uuid7
from app.segments import queries as segments
from app.tracking import service as tracking
from app.tracking.rules.hits import NO_LINK, Hit, Kind
from tests.campaigns.conftest import draft, launched
from tests.support import make, reading


@pytest.fixture
def sent(made):
    """A campaign that is over."""
    launched(made)
    number = queries.get_standing(made.where.id, made.campaign.id).mailing_no
    current().execute(text("UPDATE mailings SET frozen_at = now(), state = 'done', ended_at = now(), audience = 0 WHERE no = :no"), {"no": number})
    current().expire_all()
    return made


def again(made, who):
    with transaction():
        standing = queries.get_standing(made.where.id, made.campaign.id)
        return follow_up.again(made.where.id, standing, who, by=made.where.owner_id)


def test_the_same_letter_again_is_a_draft_for_those_who_did_not_click(sent):
    made = again(sent, "unclicked")
    assert made.mailing_no is None
    assert made.letter_id != sent.campaign.letter_id
    assert made.interests == sent.campaign.interests
    tree = segments.get_segment(sent.where.id, made.segment_id)
    assert tree.name == "Autumn letter: did not click"
    no = str(queries.get_standing(sent.where.id, sent.campaign.id).mailing_no)
    rules = current().execute(text("SELECT tree FROM segment_versions WHERE segment_id = :id"), {"id": made.segment_id}).scalar_one()
    assert rules["rules"] == [
        {"field": "delivery.got", "op": "did", "of": no},
        {"field": "tracking.click", "op": "did_not", "of": no},
    ]
    other = again(sent, "unclicked")  # asked for twice: one segment
    assert other.segment_id == made.segment_id
    assert again(sent, "unread").segment_id != made.segment_id
    with pytest.raises(BadInput):
        again(sent, "everybody")


def test_only_who_got_it_and_did_not_do_it_gets_it_again(where, readers):
    """Of five it reached four; one clicked, one opened, a machine followed the link of a third."""
    more = [make.person(where.id, f"more{i}@example.org") for i in range(2)]
    for who in more:
        make.confirmed(where, who)
    people = [*readers, *more]
    for who in people:
        reading.allow(where, who, Level.INDIVIDUAL)
    made = draft(where)
    number = launched(made)
    schedule.run()
    an_hour_ago = clock.now() - timedelta(hours=1)
    with transaction():
        ns = dict(current().execute(text("SELECT contact_id, n FROM messages WHERE mailing_no = :no"), {"no": number}).all())
        current().execute(
            text("UPDATE messages SET state = CASE WHEN n = :failed THEN 'failed' ELSE 'sent' END, began_at = :at, done_at = :at"
                 " WHERE mailing_no = :no"), {"no": number, "at": an_hour_ago, "failed": ns[people[4].id]},
        )  # fmt: skip
        at = an_hour_ago + timedelta(minutes=30)
        tracking.ingest_batch(
            [
                Hit(uuid7().hex, number, ns[who.id], kind, link, at, is_head, False, reading.FIREFOX, uuid7().hex, 1)
                for who, kind, link, is_head in (
                    (people[0], Kind.CLICK, 0, False), (people[1], Kind.OPEN, NO_LINK, False), (people[2], Kind.CLICK, 0, True),
                )
            ]
        )  # fmt: skip

    def reached(who: str) -> set:
        draft_again = again(made, who)
        people_sql, binds = segments.members_sql(where.id, draft_again.segment_id)
        values = {"workspace_id": where.id, "now": clock.now(), **binds}
        return set(current().execute(text(people_sql), values).scalars())

    assert reached("unclicked") == {people[1].id, people[2].id, people[3].id}
    assert reached("unread") == {people[2].id, people[3].id}


def test_two_campaigns_of_one_name_have_readers_of_their_own(sent):
    first = again(sent, "unclicked")
    other = draft(sent.where)
    launched(other)
    number = queries.get_standing(sent.where.id, other.campaign.id).mailing_no
    current().execute(text("UPDATE mailings SET frozen_at = now(), state = 'done', ended_at = now(), audience = 0 WHERE no = :no"), {"no": number})
    current().expire_all()
    second = again(other, "unclicked")
    assert second.segment_id != first.segment_id
    found = segments.get_segment(sent.where.id, second.segment_id)
    assert found.name == "Autumn letter: did not click (2)"
    assert {rule["of"] for rule in found.tree["rules"]} == {str(number)}
    assert again(other, "unclicked").segment_id == second.segment_id


def test_nothing_is_repeated_or_shown_before_it_was_sent(made):
    with pytest.raises(Conflict):
        again(made, "unclicked")
    with pytest.raises(Conflict), transaction():
        follow_up.publish(made.where.id, made.campaign.id)


def test_the_report_leads_on(staff, sent, client):
    path = f"{sent.path}/report"
    page = staff.get(path).text
    assert "To those who did not click" in page
    answer = staff.post(f"{sent.path}/again", page=path, who="unread")
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith("/write")
    assert staff.post(f"{sent.path}/again", page=path, who="x").status_code == 422

    assert staff.post(f"{sent.path}/archived-copy", page=path, show="1").status_code == 303
    page = staff.get(path).text
    assert "in your archive" in page
    assert staff.post(f"{sent.path}/archived-copy", page=path).status_code == 303
    assert "Show it in the archive" in staff.get(path).text
