"""Cases 25, 27, 28 and 29: evidence shows a person to nobody else, and answers for nobody."""

from __future__ import annotations

import base64
import json
import re

import pytest

from app.accounts import service as accounts
from app.accounts.rules import acts
from app.accounts.rules.roles import Role
from app.consent import seals
from app.consent import service as consent
from app.consent.rules import By, Proof
from app.kernel import clock
from app.kernel.db import transaction
from app.preferences import links
from tests.evidence.conftest import mailed
from tests.people.conftest import Staff, owner_of
from tests.support import make
from tests.support.accounts import Account

PATHS = ("/people/{}/evidence.json", "/people/{}/evidence.pdf")
API = ("/api/v1/people/{}/evidence", "/api/v1/people/{}/evidence.pdf")
OWN = ("receipt", "receipt.json", "receipt.pdf")


@pytest.fixture
def where(session):
    return make.place()


@pytest.fixture
def mara(where):
    who = make.person(where.id, "mara@example.org")
    make.confirmed(where, who)
    seals.seal_now()
    return who


def test_another_workspace_is_told_that_nobody_is_there(client, where, mara):
    other = make.place()
    with transaction():
        key = accounts.create_api_key(other.id, "Shop", ("people.read",), by=acts.user(other.owner_id)).secret
    for path in API:
        answer = client.get(path.format(mara.id), headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 404
        assert "mara" not in answer.text
    stranger = Staff(client, owner_of(other))
    for path in PATHS:
        answer = stranger.get(path.format(mara.id))
        assert answer.status_code == 404
        assert b"mara" not in answer.data


def test_nobody_signed_in_and_a_key_without_the_scope_get_nothing(client, where, mara):
    with transaction():
        key = accounts.create_api_key(where.id, "Shop", ("forms.read",), by=acts.user(where.owner_id)).secret
    for path in API:
        assert client.get(path.format(mara.id)).status_code == 401
        refused = client.get(path.format(mara.id), headers={"Authorization": f"Bearer {key}"})
        assert refused.status_code == 403
    for path in PATHS:
        assert client.get(path.format(mara.id)).status_code in {302, 401}


def test_no_token_but_the_private_one_opens_the_receipt(client, where, mara):
    """A forwarded newsletter holds the others; they must not show what is kept about its first reader."""
    with transaction():
        reach = consent.ensure_reach(where.id, mara.id)
    person = links.Person(where.id, mara.id)
    others = (
        links.preferences(reach.id),
        links.unsubscribe(links.Kind.REACH, reach.id),
        links.why(reach.id),
        links.undo(links.Undo(where.id, mara.id, reach.id), clock.now() + links.PRIVATE_FOR),
    )
    good = links.private(person, clock.now() + links.PRIVATE_FOR)
    for name in OWN:
        assert client.get(f"/my/{good}/{name}").status_code == 200
        for token in (*others, good[:-1], good[:-2] + ("AA" if good[-2:] != "AA" else "BB"), "x", "A" * 500):
            answer = client.get(f"/my/{token}/{name}")
            assert answer.status_code == 404, (name, token)
            assert b"mara" not in answer.data


def test_evidence_of_an_open_question_holds_nothing_that_answers_it(client, where):
    """Staff must not be able to say yes for somebody: no file of theirs carries the link while it works."""
    who = make.person(where.id)
    request = make.asked(where, who)
    source = b"Subject: x\r\n\r\nhttps://nod.example/c/the-link-that-answers\r\n"
    mailed(request, source)
    staff = Staff(client, owner_of(where))
    answer = staff.get(PATHS[0].format(who.id)).data
    everything = answer + b"".join(
        base64.b64decode(found)
        for found in re.findall(rb'"([A-Za-z0-9+/=]{40,})"', answer)
        if len(found) % 4 == 0
    )
    everything += staff.get(PATHS[1].format(who.id)).data + staff.get(f"/people/{who.id}/export").data
    assert b"the-link-that-answers" not in everything
    with transaction():
        consent.confirm(request.id, by=By(), proof=Proof())
    told = json.loads(staff.get(PATHS[0].format(who.id)).data)
    assert base64.b64decode(told["mails"][0]["source"]) == source


def test_only_staff_who_may_change_settings_say_where_signed_days_go(client, where):
    with transaction():
        viewer = accounts.add_member(
            where.id, "viewer@ostkai.example", "Vera", make.PASSWORD, Role.VIEWER, by=acts.COMMAND
        )
    vera = Staff(client, Account(viewer.id, where.id, "viewer@ostkai.example", make.PASSWORD))
    assert vera.get("/settings/proof").status_code == 403
    answer = vera.post("/settings/proof", page="/settings/you", kind="mail", address="me@evil.example")
    assert answer.status_code == 403
    without = client.post("/settings/proof", data={"kind": "mail", "address": "me@evil.example"})
    assert without.status_code in {400, 403}
