"""The verbs of accounts over real tables."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.accounts import queries, service
from app.accounts.events import WorkspaceCreated
from app.accounts.models import AuditEntry
from app.accounts.rules import acts
from app.accounts.rules.brand import Details
from app.accounts.rules.roles import Role
from app.kernel import clock, events
from app.kernel.db import session as current_session
from app.kernel.errors import BadInput, Conflict, NotFound
from tests.support import accounts


def test_there_is_one_first_owner(session):
    assert not queries.has_owner()
    accounts.make_owner()
    assert queries.has_owner()
    with pytest.raises(Conflict):
        service.create_owner("other@oxbow.example", "Other", accounts.PASSWORD)


def test_a_weak_password_makes_no_owner(session):
    with pytest.raises(BadInput) as caught:
        service.create_owner("marta@oxbow.example", "Marta", "Password1234!")
    assert set(caught.value.fields) == {"password"}
    assert not queries.has_owner()


def test_a_new_workspace_is_told_to_the_other_domains(session, monkeypatch):
    told: list[object] = []
    monkeypatch.setattr(events, "publish", told.append)
    owner = accounts.make_owner()
    assert told == [WorkspaceCreated(owner.workspace_id, "Oxbow Coffee", "en")]


def test_a_brand_has_all_that_pages_and_mails_show(session):
    owner = accounts.make_owner()
    brand = queries.brand(owner.workspace_id)
    assert brand.name == brand.short_name == "Oxbow Coffee"
    assert brand.site == "https://oxbow.example"
    assert brand.imprint_url is None
    assert brand.privacy_url is None
    assert brand.time_zone == "Europe/London"
    assert brand.css_url.startswith(f"/brand/{brand.public_id}.css?v=")


def test_an_accent_that_is_no_colour_is_refused(session):
    owner = accounts.make_owner()
    with pytest.raises(BadInput) as caught:
        service.create_workspace(owner.user_id, Details("A", "B", "en", accent="url(evil)"))
    assert set(caught.value.fields) == {"accent"}


def test_nothing_is_recorded_where_nothing_changed(session):
    owner = accounts.make_owner()
    before = len(queries.list_audit(owner.workspace_id))
    service.change_workspace(owner.workspace_id, accounts.DETAILS, by=acts.user(owner.user_id))
    session.flush()
    assert len(queries.list_audit(owner.workspace_id)) == before


def test_unknown_things_are_not_found(session):
    owner = accounts.make_owner()
    nobody = owner.workspace_id
    for ask in (
        lambda: queries.get_user(nobody),
        lambda: queries.get_workspace(owner.user_id),
        lambda: queries.get_workspace_by_public_id("nothing"),
        lambda: service.reset_password("nobody@oxbow.example", accounts.PASSWORD),
        lambda: service.change_role(owner.workspace_id, nobody, Role.VIEWER, by=acts.COMMAND),
        lambda: service.revoke_api_key(owner.workspace_id, nobody, by=acts.COMMAND),
    ):
        with pytest.raises(NotFound):
            ask()


def test_the_last_owner_stays(session):
    owner = accounts.make_owner()
    with pytest.raises(Conflict):
        service.change_role(owner.workspace_id, owner.user_id, Role.EDITOR, by=acts.COMMAND)
    with pytest.raises(Conflict):
        service.disable_user(owner.user_id, by=acts.COMMAND)
    second = accounts.make_member(owner.workspace_id, Role.OWNER)
    service.disable_user(second.user_id, by=acts.COMMAND)
    with pytest.raises(Conflict):
        service.disable_user(owner.user_id, by=acts.COMMAND)
    service.enable_user(second.user_id, by=acts.COMMAND)
    service.change_role(owner.workspace_id, owner.user_id, Role.VIEWER, by=acts.COMMAND)
    roles = {member.user_id: member.role for member in queries.list_members(owner.workspace_id)}
    assert roles == {owner.user_id: Role.VIEWER, second.user_id: Role.OWNER}


def test_an_address_signs_in_once(session):
    owner = accounts.make_owner()
    with pytest.raises(BadInput) as caught:
        accounts.make_member(owner.workspace_id, Role.VIEWER, email=owner.email.upper())
    assert set(caught.value.fields) == {"email"}


def test_acts_are_listed_newest_first_page_by_page(session):
    owner = accounts.make_owner()
    for number in range(5):
        service.record("thing.done", by=acts.COMMAND, workspace_id=owner.workspace_id, detail={"n": number})
        session.flush()
    first = queries.list_audit(owner.workspace_id, limit=3)
    assert [entry.detail.get("n") for entry in first] == [4, 3, 2]
    second = queries.list_audit(owner.workspace_id, before=first[-1].id, limit=2)
    assert [entry.detail.get("n") for entry in second] == [1, 0]


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_entries SET act = 'nothing'", "DELETE FROM audit_entries", "TRUNCATE audit_entries"],
)
def test_the_application_cannot_change_the_record(session, statement):
    accounts.make_owner()
    with pytest.raises(DBAPIError, match="permission denied"):
        current_session().execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_entries SET act = 'nothing'", "DELETE FROM audit_entries", "TRUNCATE audit_entries"],
)
def test_even_the_tables_owner_meets_the_second_lock(live, statement):
    accounts.make_owner()
    connection = current_session().connection()
    connection.execute(text("RESET ROLE"))
    connection.execute(text("SET ROLE NONE"))
    with pytest.raises(DBAPIError, match="append-only table audit_entries"):
        connection.execute(text(statement))
    current_session().rollback()
    assert current_session().execute(select(AuditEntry)).first() is not None


def test_a_session_cannot_be_ended_by_somebody_else(client, session):
    owner = accounts.make_owner()
    other = accounts.make_member(owner.workspace_id, Role.VIEWER)
    browser = service.Browser("203.0.113.9", "Firefox")
    opened = service.open_session(owner.user_id, owner.workspace_id, browser, keep=False)
    assert not service.end_session(opened.id, other.user_id, "evil")
    assert service.end_session(opened.id, owner.user_id, "signed out")
    assert not service.end_session(opened.id, owner.user_id, "again")


def test_nothing_usable_of_a_session_is_stored(session):
    owner = accounts.make_owner()
    browser = service.Browser("203.0.113.9", "Fire\x1b[31mfox\r\n" + "x" * 500)
    opened = service.open_session(owner.user_id, owner.workspace_id, browser, keep=False)
    row = session.execute(text("SELECT row_to_json(s)::text FROM sessions s")).scalar_one()
    assert opened.token not in row
    assert len(opened.token) >= 43
    agent = session.execute(text("SELECT user_agent FROM sessions")).scalar_one()
    assert len(agent) == 300
    assert agent.isprintable()


def test_a_session_dies_with_the_membership(session):
    owner = accounts.make_owner()
    opened = service.open_session(owner.user_id, owner.workspace_id, service.Browser("::1"), keep=True)
    now = clock.now()
    asked = (service.hash_of_token(opened.token), now, now - timedelta(hours=8))
    assert queries.find_live_session(*asked) is not None
    session.execute(text("DELETE FROM memberships"))
    session.expire_all()
    assert queries.find_live_session(*asked) is None
