"""A campaign for a segment: never more people than said yes, the version that was chosen, and a reason where it cannot be told."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from app.accounts.rules import acts
from app.campaigns import queries, service
from app.contacts import queries as contacts_queries
from app.contacts import service as contacts
from app.delivery import schedule
from app.kernel.db import session, transaction
from app.kernel.errors import BadInput, Unavailable
from app.segments import service as segments
from tests.campaigns.conftest import launched
from tests.support import make


def named(name: str) -> dict:
    return {"match": "all", "rules": [{"field": "contacts.first_name", "op": "is", "value": name}]}


@pytest.fixture
def segment(where, made):
    """Those who are called Zoë: one said yes, one did not."""
    who = make.person(where.id, "zoe@example.org", "Zoë")
    make.confirmed(where, who, interests=1)
    make.person(where.id, "other.zoe@example.org", "Zoë")
    with transaction():
        return segments.create(where.id, "Zoë and Zoë", named("Zoë"), by=acts.COMMAND).id


def narrow(where, made, segment_id) -> None:
    with transaction():
        service.choose(where.id, made.campaign.id, "Autumn letter", [where.interests[0].id], segment_id)


def addresses(number: int) -> set[str]:
    session().expire_all()
    query = "SELECT a.address FROM messages m JOIN addresses a ON a.contact_id = m.contact_id WHERE m.mailing_no = :no"
    return set(session().execute(text(query), {"no": number}).scalars())


def test_only_who_is_in_it_and_said_yes_gets_it(where, made, segment):
    everybody = queries.reckon(where.id, [where.interests[0].id]).reached
    narrow(where, made, segment)
    assert everybody > 1
    assert queries.reckon(where.id, [where.interests[0].id], segment).reached == 1
    (row,) = queries.list_left_out(where.id, [where.interests[0].id], "reached", segment_id=segment).rows
    assert row.address == "zoe@example.org"
    number = launched(made)
    schedule.run()
    assert addresses(number) == {"zoe@example.org"}


def test_it_is_the_version_that_was_chosen(where, made, segment):
    narrow(where, made, segment)
    with transaction():
        number = service.launch(where.id, made.campaign.id, revision=made.revision, send_at=None, by=where.owner_id, delay_seconds=0)
        segments.change(where.id, segment, "Nobody", named("Nobody"), version=1, by=acts.COMMAND)
    schedule.run()
    assert addresses(number) == {"zoe@example.org"}


def test_a_segment_that_cannot_be_told_any_more_waits_for_a_person_and_keeps_nobody_up(where, made, segment):
    with transaction():
        field = contacts.define_field(where.id, "City", "text", key="city")
        contacts.set_fields(where.id, contacts_queries.find_by_key(where.id, "zoe@example.org").id, {"city": "Kiel"})
        tree = {"match": "all", "rules": [{"field": "contacts.field.city", "op": "is", "value": "Kiel"}]}
        broken = segments.create(where.id, "Kiel", tree, by=acts.COMMAND).id
    narrow(where, made, broken)
    with transaction():
        number = service.launch(where.id, made.campaign.id, revision=made.revision, send_at=None, by=where.owner_id, delay_seconds=0)
        contacts.archive_field(where.id, field.id)
        session().execute(text("DELETE FROM custom_fields WHERE id = :id"), {"id": field.id})
    schedule.run()
    state, reason = session().execute(text("SELECT state, pause_reason FROM mailings WHERE no = :no"), {"no": number}).one()
    assert (state, addresses(number)) == ("paused", set())
    assert reason.startswith("Its audience cannot be made: The segment “Kiel” cannot be told any more: ")


def test_a_draft_whose_segment_cannot_be_told_says_why_and_does_not_leave(where, made, staff, segment, monkeypatch):
    narrow(where, made, segment)
    tree = {"match": "all", "rules": [{"field": "contacts.field.gone", "op": "is", "value": "Kiel"}]}
    session().execute(text("UPDATE segment_versions SET tree = CAST(:tree AS jsonb)"), {"tree": json.dumps(tree)})
    session().commit()
    words = "The segment “Zoë and Zoë” cannot be told any more"
    for page in ("audience", "review"):
        answer = staff.get(f"/campaigns/{made.campaign.id}/{page}")
        assert (answer.status_code, words in answer.text) == (200, True), page
    with pytest.raises(BadInput, match="Its segment cannot be counted"), transaction():
        service.launch(
            where.id, made.campaign.id, revision=made.revision, send_at=None, by=where.owner_id, delay_seconds=0
        )


def test_a_launched_one_shows_its_page_though_nobody_can_be_counted(where, made, staff, segment, monkeypatch):
    narrow(where, made, segment)
    launched(made, delay=600)

    def slow(*_: object) -> None:
        raise Unavailable("Counting took longer than 5 seconds and was stopped.")

    monkeypatch.setattr(queries.segments, "members_sql", slow)
    answer = staff.get(f"/campaigns/{made.campaign.id}/sending")
    assert (answer.status_code, "people who cannot be counted right now" in answer.text) == (200, True)


def test_the_page_counts_a_segment_before_it_is_kept(where, made, staff, segment):
    page = f"/campaigns/{made.campaign.id}/audience"
    assert "Zoë and Zoë" in staff.get(page).text
    tried = staff.get(f"{page}?interests={where.interests[0].id}&segment={segment}").text
    assert f'value="{segment}" selected' in tried
    assert staff.get(f"/campaigns/{made.campaign.id}/count?interests={where.interests[0].id}&segment={segment}").json["reached"] == 1
    answer = staff.post(page, page=page, name="Autumn letter", interests=str(where.interests[0].id), segment=str(segment))
    assert answer.status_code == 303
    session().expire_all()
    assert queries.get_campaign(where.id, made.campaign.id).segment_id == segment
    with transaction():
        assert service.copy(where.id, made.campaign.id).segment_id == segment
    assert "New coffees, of the segment “Zoë and Zoë”" in staff.get(f"/campaigns/{made.campaign.id}/review").text
    refused = staff.post(page, page=page, name="", interests=str(where.interests[0].id), segment=str(segment))
    assert (refused.status_code, f'value="{segment}" selected' in refused.text) == (422, True)
    for odd in ("7", "nobody"):
        assert staff.post(page, page=page, name="A", interests=str(where.interests[0].id), segment=odd).status_code == 422
    assert staff.post(page, page=page, name="A", interests=str(where.interests[0].id), segment="").status_code == 303
    other = make.place()
    with pytest.raises(BadInput), transaction():
        theirs = segments.create(other.id, "Theirs", named("Zoë"), by=acts.COMMAND).id
        service.choose(where.id, made.campaign.id, "Autumn letter", [where.interests[0].id], theirs)
