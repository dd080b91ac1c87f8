"""Case 46: a one-click post of very many parts is refused and changes nothing. Case 50: leaving is the one mailbox's.
Case 25 belongs to sign-up; here: an address with a tag is another person's, for leaving and for moving."""

from __future__ import annotations

import pytest

from app.consent import queries as consent
from app.contacts import queries as contacts
from app.kernel import clock
from app.preferences import links
from tests.support import make
from tests.support.signup import everything, messages, path_of, prepared

B = "x"
FOLDED = ["v.i.c@gmail.com", "vic+shop@gmail.com", "vic@gmail.com"]


@pytest.fixture
def place(session):
    return make.place()


@pytest.fixture
def people(place):
    found = [make.person(place.id, address) for address in FOLDED]
    for one in found:
        make.confirmed(place, one)
    return found


def door(place, who):
    reach = consent.find_reach(place.id, who.id)
    return "/u/" + links.unsubscribe(links.Kind.REACH, reach.id)


def test_case_46_a_hundred_thousand_parts_change_nothing(client, place, people):
    part = f'--{B}\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'.encode()
    before = everything()
    answer = client.post(
        door(place, people[0]), data=part * 20_000 + f"--{B}--".encode(), content_type=f"multipart/form-data; boundary={B}"
    )
    assert answer.status_code == 413
    assert everything() == before


def test_case_50_who_shares_a_folded_address_keeps_their_own_permission(client, place, people):
    leaving, *others = people
    keys = {contacts.find_address(place.id, one.id).folded for one in people}
    assert len(keys) == 1
    client.post(door(place, leaving), data={"List-Unsubscribe": "One-Click"})
    assert set(make.standing(place, leaving).values()) == {"no"}
    for one in others:
        assert set(make.standing(place, one).values()) == {"yes"}
        assert consent.find_reach(place.id, one.id).objected_at is None


def test_case_50_moving_to_anothers_spelling_takes_nobody_elses_address(client, place, people):
    mover, *_others = people
    private = links.private(links.Person(place.id, mover.id), clock.now() + links.PRIVATE_FOR)
    client.post(f"/my/{private}/address", data={"email": "VIC@gmail.com"})
    made = prepared(messages("address-change")[-1], "address-change")
    assert "in use already" in client.post(path_of(made.values["links"]["confirm"])).text
    assert [contacts.find_address(place.id, one.id).address for one in people] == FOLDED
