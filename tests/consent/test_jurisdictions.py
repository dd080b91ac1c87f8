"""Whose rules hold, and what they say."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
from sqlalchemy import text

from app.consent import law
from app.consent import service as consent
from app.consent.rules import By, Level, Proof, Shown
from app.consent.rules.jurisdictions import OTHER, RULE_SETS, Source, decide, rules_of
from app.consent.service import confirm
from app.contacts import service as contacts
from app.kernel.db import transaction
from tests.support import make, mmdb


@pytest.fixture
def where(session):
    return make.place()


@pytest.fixture
def places(tmp_path):
    path = tmp_path / "places.mmdb"
    mmdb.write(path, "192.0.2.0/24", "FR")
    law.configure(str(path))
    yield
    law.configure("")


@pytest.mark.parametrize(
    ("told", "key", "source"),
    [
        ({"person": "at", "brand": "US", "address": "FR", "language": "it"}, "de_at", Source.PERSON),
        ({"brand": "US", "address": "FR", "language": "it"}, "us", Source.BRAND),
        ({"address": "FR", "language": "it"}, "fr", Source.ADDRESS),
        ({"language": "it"}, "it", Source.LANGUAGE),
        ({"language": "de-CH"}, "de_at", Source.LANGUAGE),
        ({"language": "en_GB"}, "uk", Source.LANGUAGE),
        ({"language": "en"}, "other", Source.UNKNOWN),
        ({"person": "CH", "brand": "US"}, "other", Source.PERSON),
        ({"person": "ES"}, "eu", Source.PERSON),
        ({"person": "CA"}, "ca", Source.PERSON),
        ({}, "other", Source.UNKNOWN),
    ],
)
def test_the_first_that_tells_a_country_counts(told, key, source):
    found = decide(**told)
    assert (found.rules.key, found.source) == (key, source)


@pytest.mark.parametrize("rules", RULE_SETS, ids=lambda rules: rules.key)
def test_an_unknown_country_takes_the_strictest_of_each_rule(rules):
    assert OTHER.double_opt_in >= rules.double_opt_in
    assert OTHER.tracking is Level.NONE
    for name in ("last_open_day", "soft_opt_in", "post_interest"):
        assert getattr(OTHER, name) <= getattr(rules, name), name
    for name in ("purchase_months", "inquiry_months"):
        assert getattr(OTHER, name) is None, name
    assert OTHER.dormant_months <= (rules.dormant_months or 10**6)
    assert OTHER.evidence_years >= rules.evidence_years


def test_the_table_says_what_each_law_is_known_for():
    assert [rules.key for rules in RULE_SETS if rules.double_opt_in] == ["de_at", "other"]
    assert [rules.key for rules in RULE_SETS if rules.tracking is not Level.NONE] == ["ca", "us"]
    assert [rules.key for rules in RULE_SETS if rules.purchase_months] == ["ca"]
    assert len({rules.key for rules in RULE_SETS}) == len(RULE_SETS) == 8
    assert all(hasattr(rules_of("XX"), field.name) for field in fields(OTHER))


def bodies(session, who):
    query = text("SELECT body FROM consent_events WHERE contact_id = :id ORDER BY received_at, id")
    return [json.loads(body) for body in session.execute(query, {"id": who.id}).scalars()]


def test_an_event_names_the_rules_that_held(session, where, places):
    mara = make.person(where.id)
    make.confirmed(where, mara)  # acts from 192.0.2.7, which the database knows
    assert [(body["rule_set"], body["rule_set_from"]) for body in bodies(session, mara)] == [
        ("fr", "address"), ("fr", "address"),
    ]  # fmt: skip
    with transaction():
        contacts.define_field(where.id, "Country", "country")
        contacts.set_fields(where.id, mara.id, {"country": "de"})
    make.confirmed(where, mara)
    assert bodies(session, mara)[-1]["rule_set"] == "de_at"


def test_the_country_told_with_a_question_holds_for_its_answer_too(session, where):
    """Before the yes nothing that was told is the person's own, and still it is their law that counts."""
    session.execute(text("UPDATE workspaces SET country = 'US' WHERE id = :id"), {"id": where.id})
    mara = make.person(where.id)
    with transaction():
        request = consent.ask(
            where.id, mara.id, interests=[where.interests[0].id], tracking=None, typed="", shown=Shown(language="en"),
            by=By(), proof=Proof(), country="FR",
        )  # fmt: skip
    session.expire_all()
    with transaction():
        confirm(request.id, by=By(), proof=Proof())
    assert [(body["rule_set"], body["rule_set_from"]) for body in bodies(session, mara)] == [
        ("fr", "person"), ("fr", "person"),
    ]  # fmt: skip
    levels = text("SELECT count(*) FROM permissions WHERE contact_id = :id AND purpose = 'tracking'")
    assert session.execute(levels, {"id": mara.id}).scalar_one() == 0
    assert "country" not in str(bodies(session, mara)).replace("storage_country", "")
    with transaction():
        consent.erase(where.id, mara.id, by=By())
    kept = text("SELECT count(*) FROM consent_requests WHERE shown ? 'country'")
    assert session.execute(kept).scalar_one() == 0


def test_a_broken_address_or_an_absent_one_tells_no_country(places):
    assert [law.country_of(ip) for ip in ("192.0.2.9", "198.51.100.1", "2001:db8::1", "nowhere", "")] == [
        "FR", "", "", "", "",
    ]  # fmt: skip


def test_who_was_never_asked_is_seen_as_far_as_their_law_lets_us(session, where):
    def level(who) -> str | None:
        query = text("SELECT level FROM permissions WHERE contact_id = :id AND purpose = 'tracking'")
        return session.execute(query, {"id": who.id}).scalar_one_or_none()

    def country(code: str) -> None:
        session.execute(text("UPDATE workspaces SET country = :code WHERE id = :id"), {"code": code, "id": where.id})

    unknown, canadian, french, asked = (make.person(where.id) for _ in range(4))
    make.confirmed(where, unknown)
    assert level(unknown) is None
    country("CA")
    make.confirmed(where, canadian)
    assert level(canadian) == "aggregate"
    country("FR")
    make.confirmed(where, french)
    assert level(french) is None
    session.execute(
        text("INSERT INTO permission_settings (workspace_id, keeps_last_open) VALUES (:id, true)"), {"id": where.id}
    )
    make.confirmed(where, french)
    assert level(french) == "date"
    request = make.asked(where, asked)
    request.shown = {**request.shown, "texts": [{"kind": "tracking", "id": str(asked.id)}]}
    session.flush()
    with transaction():
        confirm(request.id, by=By(), proof=Proof())
    assert level(asked) is None
