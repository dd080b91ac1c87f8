"""Case 28: a token does the one thing it was made for, for the one it names, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.consent import queries as consent
from app.contacts.addresses import normalise
from app.kernel import clock, tokens
from app.kernel.db import transaction
from app.kernel.errors import NotFound
from app.preferences import guardians, links, moving, queries
from tests.conftest import KEYS
from tests.support import make, signup
from tests.support.properties import whole

pytestmark = pytest.mark.thorough

ROUTES = {
    "confirm": ("/c/{}", "/c/{}/again", "/c/{}/fresh"),
    "guardian": ("/g/{}", "/g/{}/again", "/g/{}/fresh"),
    "address": ("/a/{}", "/a/{}/again"),
    "address decoy": ("/d/address/{}",),
    "data": ("/data/{}",),
    "erase": ("/erase/{}",),
    "decoy": ("/d/{}",),
    "unsubscribe": ("/u/{}", "/u/{}/all"),
    "undo": ("/u/{}/undo",),
    "preferences": ("/p/{}", "/p/{}/send", "/p/{}/stop"),
    "private": ("/my/{}", "/my/{}/stop"),
    "why": ("/w/{}",),
}


@pytest.fixture
def place(session):
    return make.place()


@pytest.fixture
def mara(place):
    return make.person(place.id, "mara@example.org")


@pytest.fixture
def made(place, mara) -> dict[str, str]:
    """One good token of each kind."""
    request, child = make.asked(place, mara), make.asked(place, mara)
    with transaction():
        guardians.ask(child.id, normalise("ada@example.org"))
        moving.wish(queries.get_reader(place.id, mara.id), normalise("new@example.org"))
    change = signup.messages("address-change")[-1].dedupe_key
    permission = next(found for found in consent.list_permissions(place.id, mara.id) if found.interest_id)
    reach = consent.find_reach(place.id, mara.id)
    soon, who = clock.now() + timedelta(hours=1), links.Person(place.id, mara.id)
    return {
        "confirm": consent.confirm_token(request),
        "guardian": links.guardian(child.id),
        "address": links.address(change),
        "address decoy": links.address_decoy(change),
        "data": links.data(who, soon),
        "erase": links.erase(who, soon),
        "decoy": links.decoy(request.id),
        "unsubscribe": links.unsubscribe(links.Kind.PERMISSION, permission.id),
        "undo": links.undo(links.Undo(place.id, mara.id, permission.event_id), soon),
        "preferences": links.preferences(reach.id),
        "private": links.private(who, soon),
        "why": links.why(permission.id),
    }


def refused(client, url: str) -> bool:
    return {client.get(url).status_code, client.post(url).status_code} <= {404, 405}


def test_case_28_every_token_is_refused_at_every_other_door(client, made):
    before = signup.everything()
    for kind, token in made.items():
        for other, urls in ROUTES.items():
            if other != kind:
                assert all(refused(client, url.format(token)) for url in urls), (kind, other)
    assert signup.everything() == before


def test_case_28_no_door_takes_a_changed_token(client, made):
    before = signup.everything()
    for kind, token in made.items():
        raw = bytearray(tokens.decode(token))
        for bit in range(0, len(raw) * 8, whole(13, 5)):  # in turn each bit of an octet
            changed = bytearray(raw)
            changed[bit // 8] ^= 1 << bit % 8
            url = ROUTES[kind][0].format(tokens.encode(bytes(changed)))
            assert client.get(url).status_code == 404, (kind, bit)
    assert signup.everything() == before


def test_case_28_the_right_name_under_the_wrong_purpose_is_refused(client, place, mara, made):
    """Same length, same id, a good MAC of ours: only the purpose differs."""
    permission = links.read_why(made["why"])
    reach = links.read_preferences(made["preferences"])
    for purpose in ("decoy", "preferences", "unsubscribe", "undo", "private", "confirm", "csrf", "form time"):
        assert client.get("/w/" + tokens.sign(purpose, permission.bytes)).status_code == 404, purpose
    for purpose in ("decoy", "why", "unsubscribe", "undo", "private", "confirm", "csrf", "form time"):
        assert client.get("/p/" + tokens.sign(purpose, reach.bytes)).status_code == 404, purpose


@pytest.mark.parametrize("wrong", ["", "x", "A" * 22, "A" * 600, "%00", "é", "AAAA====", "../f/x", "-" * 54])
def test_case_28_what_is_no_token_is_not_here(client, session, wrong):
    for urls in ROUTES.values():
        for url in urls:
            assert client.get(url.format(wrong)).status_code in {404, 405, 308}
            assert client.post(url.format(wrong)).status_code in {404, 405, 308}


def test_case_28_another_installations_tokens_are_not_here(client, place, mara, made):
    tokens.configure(b"x" * 32)
    foreign = {
        "unsubscribe": links.unsubscribe(links.Kind.REACH, consent.find_reach(place.id, mara.id).id),
        "private": links.private(links.Person(place.id, mara.id), clock.now() + timedelta(hours=1)),
    }
    tokens.configure(KEYS["secret_key"])
    for kind, token in foreign.items():
        assert refused(client, ROUTES[kind][0].format(token))


def test_case_28_a_token_names_one_brands_person_only(client, place, mara, made):
    other = make.place("Another brand")
    person = make.person(other.id, "mara@example.org")
    make.confirmed(other, person)
    client.post(ROUTES["unsubscribe"][1].format(made["unsubscribe"]))
    assert set(make.standing(other, person).values()) == {"yes"}
    crossed = links.private(links.Person(other.id, mara.id), clock.now() + timedelta(hours=1))
    assert client.get(f"/my/{crossed}").status_code == 404


def test_case_28_expired_tokens_open_nothing(client, place, mara, made):
    clock.set_shift(8 * 86400)
    before = signup.everything()
    assert client.post(ROUTES["confirm"][0].format(made["confirm"])).status_code == 410
    assert client.post(ROUTES["private"][0].format(made["private"])).status_code == 410
    assert client.post(ROUTES["undo"][0].format(made["undo"])).status_code == 404
    assert signup.everything() == before


def test_case_28_a_forwarded_newsletter_shows_and_deletes_nothing(client, made):
    for kind in ("unsubscribe", "preferences", "why"):
        page = client.get(ROUTES[kind][0].format(made[kind])).text
        assert "mara@example.org" not in page
        assert "Mara" not in page
    with pytest.raises(NotFound):
        links.read_private(made["preferences"], clock.now())


def test_case_28_retired_keys_keep_saying_no(client, place, mara, made):
    tokens.configure(b"n" * 32, (KEYS["secret_key"],))
    try:
        assert client.post(ROUTES["unsubscribe"][0].format(made["unsubscribe"])).status_code == 200
        assert client.get(ROUTES["confirm"][0].format(made["confirm"])).status_code == 200
    finally:
        tokens.configure(KEYS["secret_key"])
