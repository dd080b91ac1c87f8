"""Recording another ground: what each asks for, what the person's law does not know, and the same for programs."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import text

from app.accounts.rules.roles import Role
from app.consent import history, service
from app.consent import queries as consent
from app.consent.rules import By, Kind, Proof
from app.kernel import clock
from app.kernel.db import transaction
from tests.people.conftest import Staff
from tests.support import make, programs
from tests.support.accounts import make_member


@pytest.fixture
def where(session):
    place = make.place()
    session.execute(
        text("UPDATE interests SET product_class = 'coffee' WHERE id = :id"), {"id": place.interests[0].id}
    )
    at_home(session, place, "DE")
    return place


def at_home(session, where, country: str) -> None:
    session.execute(
        text("UPDATE workspaces SET country = :country WHERE id = :id"), {"country": country, "id": where.id}
    )
    session.expire_all()


def day(ago: int = 30) -> str:
    return (clock.now() - timedelta(days=ago)).date().isoformat()


def sale(where, **more) -> dict[str, str]:
    values = {
        "basis": "soft_opt_in", "channel": "email", "interest": str(where.interests[0].id), "happened_at": day(),
        "reference": "order 1204", "product_class": "coffee", "objection_offered": "a box at the checkout",
    }  # fmt: skip
    return {**values, **more}


def path(who) -> str:
    return f"/people/{who.id}/ground"


def standing(where, who, channel="email"):
    return [
        (found.state, found.basis, found.valid_until)
        for found in consent.list_permissions(where.id, who.id)
        if found.channel == channel
    ]


def page_of(staff, who, query="") -> str:
    answer = staff.get(path(who) + query)
    assert answer.status_code == 200
    return unescape(answer.text)


@pytest.mark.parametrize(
    ("country", "refused"),
    [
        ("DE", {"Germany and Austria: a purchase or an inquiry implies no yes."}),
        ("CA", {"Canada: no mail to customers without their yes."}),
        ("BR", {"no mail to customers without", "implies no yes", "letters need a yes as well"}),
    ],
)
def test_what_their_law_does_not_know_is_named_and_cannot_be_chosen(
    session, staff, where, mara, country, refused
):
    at_home(session, where, country)
    page = page_of(staff, mara)
    assert all(words in page for words in refused)
    assert page.count(">Choose</a>") == 5 - len(refused)
    assert ("Not by email in" in page) is (country != "CA")
    hidden = "soft_opt_in" if country == "CA" else "implied_casl"
    assert "What does it rest on?" in page_of(staff, mara, f"?basis={hidden}")


def test_a_sale_is_recorded_with_its_evidence_once(staff, where, mara):
    page = page_of(staff, mara, "?basis=soft_opt_in")
    assert 'name="objection_offered"' in page
    assert 'name="balance"' not in page
    for _ in range(2):
        assert staff.post(path(mara), method="point_of_sale", until="", **sale(where)).status_code == 303
    ((state, basis, until),) = standing(where, mara)
    assert (state, basis) == ("yes", "soft_opt_in")
    assert until > clock.now() + timedelta(days=600)
    (entry,) = history.list_history(where.id, mara.id)
    assert (entry.kind, entry.method, entry.actor) == (Kind.GRANTED, "point_of_sale", "staff")
    assert entry.personal["reference"] == "order 1204"
    assert entry.personal["objection_offered"] == "a box at the checkout"
    shown = unescape(staff.get(f"/people/{mara.id}").text)
    assert "rests on a purchase, and no objection (soft opt-in)" in shown
    assert "order 1204" in shown


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reference": ""}, "Name what proves it"),
        ({"objection_offered": " "}, "Say where the person could object"),
        ({"interest": ""}, "about one interest"),
        ({"product_class": "tea"}, "something else than this interest"),
        ({"happened_at": ""}, "Write a day"),
        ({"happened_at": "3026-01-01"}, "has not come yet"),
        ({"happened_at": "2019-01-01"}, "is over already"),
        ({"basis": "implied_casl"}, "implies no yes"),
        ({"basis": "legal"}, "needs no permission"),
        ({"basis": "consent", "text": "Yes."}, "counts once the person confirmed it by a mail"),
        ({"channel": "post"}, "email and SMS only"),
        ({"valid_until": "3026-01-01"}, "not known here"),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_written(staff, where, mara, change, words):
    answer = staff.post(path(mara), **sale(where, **change))
    assert answer.status_code == 422
    page = unescape(answer.text)
    assert words in page
    assert 'value="order 1204"' in page or "reference" in change or "basis" in change
    assert history.list_history(where.id, mara.id) == []


def test_the_persons_own_no_stands_and_the_page_says_so(staff, where, mara):
    make.confirmed(where, mara)
    with transaction():
        service.withdraw(where.id, mara.id, [where.interests[0].id], by=By(), proof=Proof())
    before = len(history.list_history(where.id, mara.id))
    answer = staff.post(path(mara), **sale(where))
    assert answer.status_code == 409
    assert "Only they can take that back" in answer.text
    assert len(history.list_history(where.id, mara.id)) == before


def test_every_ground_has_its_form_and_holds_as_long_as_its_law_says(session, staff, where, mara):
    contract = {"basis": "contract", "interest": str(where.interests[1].id), "happened_at": day(), "reference": "no. 9"}
    end = clock.now().date() + timedelta(days=100)
    assert staff.post(path(mara), until=end.isoformat(), **contract).status_code == 303
    ((_, _, until),) = standing(where, mara)
    assert until.date() == end + timedelta(days=1), "its last day is part of it"
    letters = {"basis": "legitimate_interest_post", "channel": "post", "interest": "", "happened_at": day()}
    assert staff.post(path(mara), balance="The yearly catalogue.", **letters).status_code == 303
    assert standing(where, mara, "post") == [("yes", "legitimate_interest_post", None)]
    at_home(session, where, "CA")
    casl = {"basis": "implied_casl", "interest": str(where.interests[0].id), "happened_at": day(), "reference": "no. 7"}
    assert staff.post(path(mara), act="inquiry", **casl).status_code == 303
    assert {basis for _, basis, _ in standing(where, mara)} == {"contract", "implied_casl"}
    for basis in ("contract", "legitimate_interest_post", "implied_casl", "consent"):
        assert f'name="basis" value="{basis}"' in page_of(staff, mara, f"?basis={basis}")


def test_who_may_not_change_people_and_who_was_erased(app, staff, where, mara):
    viewer = Staff(app.test_client(), make_member(where.id, Role.VIEWER, "viewer@ostkai.example"))
    assert "/ground" not in viewer.get(f"/people/{mara.id}").text
    assert viewer.get(path(mara)).status_code == 403
    assert viewer.post(path(mara), **sale(where)).status_code == 403
    staff.post(f"/people/{mara.id}/erase", page=f"/people/{mara.id}/erase", word="erase")
    assert staff.get(path(mara)).status_code == 409
    assert staff.post(path(mara), **sale(where)).status_code == 409


# --- Programs -----------------------------------------------------------------------------------------------------


@pytest.fixture
def program(client, where):
    """Calls with a key; the scopes it has are those given."""

    def call(who, what, values, scopes=("people.write",)):
        return programs.call(client, where.id, "POST", f"/api/v1/people/{who.id}/{what}", values, scopes)

    return call


def test_a_program_records_a_sale_once_and_is_told_what_is_missing(program, where, mara):
    first, again = (program(mara, "permissions", sale(where)) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json == again.json
    (entry,) = history.list_history(where.id, mara.id)
    assert (str(entry.event_id), entry.actor, entry.method) == (first.json["event"], "api_key", "api")
    refused = program(mara, "permissions", sale(where, objection_offered=""))
    assert refused.status_code == 422
    assert set(refused.json["errors"]) == {"objection_offered"}
    assert program(mara, "permissions", [1]).status_code == 400
    assert program(mara, "permissions", sale(where), scopes=["people.read"]).status_code == 403


def test_an_objection_by_a_program_is_a_no_that_no_ground_turns_back(program, where, mara):
    program(mara, "permissions", sale(where))
    first, again = (program(mara, "objection", {}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json == again.json
    assert [state for state, *_ in standing(where, mara)] == ["no"]
    refused = program(mara, "permissions", sale(where))
    assert refused.status_code == 409
    assert program(mara, "objection", {"channel": "post"}).status_code == 201
    assert program(mara, "objection", {}, scopes=["people.read"]).status_code == 403
