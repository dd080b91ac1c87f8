"""Each legal ground with its own conditions, its end, and what never gives way to it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.consent import history, queries
from app.consent import service as consent
from app.consent.rules import Basis, By, Channel, Proof, Reason, State
from app.consent.rules.grounds import Act, Claim, Topic, ends_at, faults_of, months_after
from app.consent.rules.jurisdictions import CA, DE_AT, FR, OTHER, UK, US
from app.kernel import clock
from app.kernel.db import transaction
from app.kernel.errors import BadInput
from tests.support import make

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SOLD = datetime(2026, 6, 30, 9, 0, tzinfo=UTC)
SALE = Claim(
    Basis.SOFT_OPT_IN, Act.PURCHASE, SOLD, reference="order 1204", product_class="coffee", objection_offered="checkout"
)
PAPER = Claim(Basis.CONSENT, Act.DECLARATION, SOLD, reference="scan 7", text="Yes, write to me.")
CASL = Claim(Basis.IMPLIED_CASL, Act.PURCHASE, SOLD, reference="order 1204")
POST = Claim(Basis.LEGITIMATE_INTEREST_POST, Act.PURCHASE, SOLD, balance="Customers expect the yearly catalogue.")
CONTRACT = Claim(Basis.CONTRACT, Act.CONTRACT, SOLD, reference="subscription 9", until=datetime(2027, 1, 1, tzinfo=UTC))
COFFEE = Topic("coffee")


@pytest.mark.parametrize(
    ("claim", "channel", "topic", "rules", "wrong"),
    [
        (SALE, Channel.EMAIL, COFFEE, DE_AT, set()),
        (SALE, Channel.SMS, COFFEE, UK, set()),
        (SALE, Channel.POST, COFFEE, DE_AT, {"channel"}),
        (SALE, Channel.EMAIL, Topic("tea"), DE_AT, {"product_class"}),
        (SALE, Channel.EMAIL, Topic(""), DE_AT, {"product_class"}),
        (SALE, Channel.EMAIL, Topic("coffee", is_third_party=True), DE_AT, {"interest"}),
        (SALE, Channel.EMAIL, None, DE_AT, {"interest"}),
        (SALE, Channel.EMAIL, COFFEE, CA, {"basis"}),
        (SALE, Channel.EMAIL, COFFEE, OTHER, {"basis"}),
        (replace(SALE, reference=""), Channel.EMAIL, COFFEE, DE_AT, {"reference"}),
        (replace(SALE, objection_offered=""), Channel.EMAIL, COFFEE, DE_AT, {"objection_offered"}),
        (replace(SALE, act=Act.INQUIRY), Channel.EMAIL, COFFEE, DE_AT, {"act"}),
        (replace(SALE, happened_at=NOW + timedelta(days=1)), Channel.EMAIL, COFFEE, DE_AT, {"happened_at"}),
        (replace(SALE, happened_at=NOW - timedelta(days=900)), Channel.EMAIL, COFFEE, DE_AT, {"happened_at"}),
        (replace(SALE, happened_at=NOW - timedelta(days=900)), Channel.EMAIL, COFFEE, UK, set()),
        (PAPER, Channel.EMAIL, COFFEE, FR, set()),
        (PAPER, Channel.EMAIL, COFFEE, DE_AT, {"is_doubly"}),
        (PAPER, Channel.EMAIL, COFFEE, OTHER, {"is_doubly"}),
        (PAPER, Channel.PHONE, None, DE_AT, set()),
        (replace(PAPER, is_doubly=True), Channel.EMAIL, COFFEE, DE_AT, set()),
        (replace(PAPER, text="", reference=""), Channel.POST, None, US, {"text", "reference"}),
        (CASL, Channel.EMAIL, COFFEE, CA, set()),
        (CASL, Channel.EMAIL, None, CA, {"interest"}),
        (CASL, Channel.EMAIL, COFFEE, US, {"basis"}),
        (CASL, Channel.POST, COFFEE, CA, {"channel"}),
        (CASL, Channel.EMAIL, Topic(is_third_party=True), CA, {"interest"}),
        (replace(CASL, act=Act.INQUIRY, happened_at=NOW - timedelta(days=200)), Channel.EMAIL, COFFEE, CA, {"happened_at"}),
        (POST, Channel.POST, None, DE_AT, set()),
        (POST, Channel.EMAIL, COFFEE, DE_AT, {"channel"}),
        (POST, Channel.POST, None, OTHER, {"basis"}),
        (replace(POST, balance=""), Channel.POST, None, DE_AT, {"balance"}),
        (CONTRACT, Channel.EMAIL, COFFEE, DE_AT, set()),
        (CONTRACT, Channel.EMAIL, None, DE_AT, {"interest"}),
        (replace(CONTRACT, until=NOW), Channel.EMAIL, COFFEE, DE_AT, {"happened_at"}),
        (replace(PAPER, basis=Basis.LEGAL), Channel.EMAIL, COFFEE, DE_AT, {"basis"}),
    ],
)  # fmt: skip
def test_each_ground_has_its_own_conditions(claim, channel, topic, rules, wrong):
    assert set(faults_of(claim, channel, topic, rules, NOW)) == wrong


def test_each_ground_ends_when_its_law_says():
    assert ends_at(SALE, DE_AT) == datetime(2028, 6, 30, 9, 0, tzinfo=UTC)
    assert ends_at(SALE, UK) is None
    assert ends_at(CASL, CA) == datetime(2028, 6, 30, 9, 0, tzinfo=UTC)
    assert ends_at(replace(CASL, act=Act.INQUIRY), CA) == datetime(2026, 12, 30, 9, 0, tzinfo=UTC)
    assert ends_at(CONTRACT, DE_AT) == CONTRACT.until
    assert ends_at(PAPER, DE_AT) is None
    assert months_after(datetime(2024, 1, 31, tzinfo=UTC), 1) == datetime(2024, 2, 29, tzinfo=UTC)
    assert months_after(datetime(2024, 3, 31, tzinfo=UTC), -1) == datetime(2024, 2, 29, tzinfo=UTC)


# --- as verbs ---------------------------------------------------------------------------------------------------


@pytest.fixture
def where(session):
    place = make.place()
    session.execute(text("UPDATE workspaces SET country = 'DE' WHERE id = :id"), {"id": place.id})
    session.execute(
        text("UPDATE interests SET product_class = 'coffee' WHERE id = :id"), {"id": place.interests[0].id}
    )
    session.expire_all()
    return place


def sale(**more) -> Claim:
    return replace(SALE, happened_at=clock.now() - timedelta(days=30), **more)


def enter(where, who, claim, interest=0, channel=Channel.EMAIL):
    with transaction():
        about = where.interests[interest].id if interest is not None else None
        return consent.grant(where.id, who.id, about, claim, by=By("staff", "7"), channel=channel)


def may(session, where, who, channel="email") -> list:
    """The bases on which the gate lets a mail out."""
    session.expire_all()
    query = text(
        "SELECT p.basis FROM permissions p JOIN reach r USING (workspace_id, contact_id, channel)"
        f" WHERE p.contact_id = :id AND p.channel = :channel AND p.purpose = 'marketing' AND {queries.gate_sql()}"
        " ORDER BY p.id"
    )
    return list(session.execute(query, {"id": who.id, "channel": channel, "now": clock.now()}).scalars())


def why(where, who) -> history.Verdict:
    """What is said of the first interest."""
    (found,) = (v for v in history.verdicts(where.id, who.id) if v.interest_id == where.interests[0].id)
    return found


def test_a_sale_lets_us_write_until_its_time_is_over(session, where):
    mara = make.person(where.id)
    event_id = enter(where, mara, sale())
    assert may(session, where, mara) == ["soft_opt_in"]
    body, personal = session.execute(
        text("SELECT e.body, p.body FROM consent_events e JOIN consent_personal p ON p.event_id = e.id WHERE e.id = :id"),
        {"id": event_id},
    ).one()  # fmt: skip
    said = json.loads(body)
    assert (said["kind"], said["basis"], said["rule_set"], said["rule_set_from"]) == (
        "granted", "soft_opt_in", "de_at", "brand",
    )  # fmt: skip
    assert (said["ground"]["act"], said["ground"]["product_class"]) == ("purchase", "coffee")
    assert json.loads(personal)["objection_offered"] == "checkout"
    assert said["validity"]["until"] is not None
    assert b"order 1204" in personal
    assert b"order 1204" not in body
    verdict = why(where, mara)
    assert verdict.event_id == event_id
    assert "rests on a purchase, and no objection (soft opt-in), entered on" in verdict.sentence
    assert ", and ends on " in verdict.sentence
    assert ("Rules", "Germany and Austria") in verdict.facts

    clock.set_shift(3 * 365 * 86400)
    assert may(session, where, mara) == []  # by itself, before anybody writes it down
    assert "ended by itself" in why(where, mara).sentence
    assert queries.choices(where.id, mara.id).interests[where.interests[0].id] is State.NO
    with transaction():
        assert consent.lapse() == 1
        assert consent.lapse() == 0
    verdict = why(where, mara)
    assert history.get_entry(where.id, verdict.event_id).kind == "lapsed"
    assert "ended by itself" in verdict.sentence
    assert enter(where, mara, sale())  # they bought again: nothing they said stands against it


def test_a_condition_that_is_not_met_writes_nothing(session, where):
    mara = make.person(where.id)
    with pytest.raises(BadInput) as caught:
        enter(where, mara, sale(), interest=1)
    assert set(caught.value.fields) == {"product_class"}
    assert may(session, where, mara) == []


def test_no_ground_stands_against_a_no_of_the_person(session, where):
    left, objected, complained, cancelled, asked = (make.person(where.id) for _ in range(5))
    make.confirmed(where, left)
    make.confirmed(where, objected)
    request, _ = make.asked(where, cancelled), make.asked(where, asked)
    with transaction():
        consent.withdraw(where.id, left.id, [where.interests[0].id], by=By(), proof=Proof())
        consent.stop_everything(where.id, objected.id, by=By(), proof=Proof())
        consent.suppress(where.id, complained.id, Reason.COMPLAINT, by=By("system"))
        consent.cancel_request(request.id, by=By(), proof=Proof())
    for who in (left, objected, complained, cancelled):
        for claim in (sale(), replace(PAPER, is_doubly=True)):
            with pytest.raises(consent.PersonSaidNo):
                enter(where, who, claim)
        assert where.interests[0].name not in [
            verdict.interest_name for verdict in history.verdicts(where.id, who.id) if verdict.word == "yes"
        ]
    assert enter(where, asked, sale())
    standings = queries.count_standings(where.id, [where.interests[0].id], clock.now())
    assert standings == {"may": 1, "stopped everything": 1, "no permission": 2}


def test_a_consent_is_not_made_shorter_and_a_short_ground_becomes_a_consent(session, where):
    mara, bought = make.person(where.id), sale()
    enter(where, mara, bought)
    assert enter(where, mara, bought) is None
    make.confirmed(where, mara, interests=1)
    assert may(session, where, mara) == ["consent"]
    assert enter(where, mara, sale()) is None
    clock.set_shift(3 * 365 * 86400)
    assert may(session, where, mara) == ["consent"]


def test_who_takes_a_no_back_has_what_they_had_and_no_more(session, where):
    mara = make.person(where.id)
    enter(where, mara, sale())
    with transaction():
        left = consent.withdraw(where.id, mara.id, [where.interests[0].id], by=By(), proof=Proof())
        assert consent.give_back(where.id, mara.id, left, by=By(), proof=Proof())
    assert may(session, where, mara) == ["soft_opt_in"]
    clock.set_shift(3 * 365 * 86400)
    assert may(session, where, mara) == []


def test_letters_rest_on_interest_until_the_first_objection(session, where):
    mara = make.person(where.id)
    enter(where, mara, replace(POST, happened_at=clock.now()), interest=None, channel=Channel.POST)
    assert may(session, where, mara, "post") == ["legitimate_interest_post"]
    (verdict,) = history.other_verdicts(where.id, mara.id)
    assert (verdict.channel, verdict.word) == ("post", "yes")
    assert "legitimate interest" in verdict.sentence
    with transaction():
        consent.stop_everything(where.id, mara.id, by=By(), proof=Proof(), channel=Channel.POST)
    assert may(session, where, mara, "post") == []
    assert history.other_verdicts(where.id, mara.id)[0].word == "never"
    with pytest.raises(consent.PersonSaidNo):
        enter(where, mara, replace(POST, happened_at=clock.now()), interest=None, channel=Channel.POST)


def test_an_interest_keeps_what_it_is_about_while_a_sale_stands_on_it(session, where):
    mara, interest = make.person(where.id), where.interests[0]
    enter(where, mara, sale())
    with transaction(), pytest.raises(BadInput):
        consent.set_topic(where.id, interest.id, Topic("coffee", is_third_party=True))
    with transaction():
        consent.withdraw(where.id, mara.id, [interest.id], by=By(), proof=Proof())
        consent.set_topic(where.id, interest.id, Topic("tea"))
    with pytest.raises(BadInput):
        enter(where, make.person(where.id), sale())
