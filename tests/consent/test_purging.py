"""The end of a proof: as late as an event has said, for those with nothing alive, and the ledger holds without it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.consent import history, queries, seals, service
from app.consent.rules import By, Kind, Level, Proof, Reason
from app.consent.rules.jurisdictions import RULE_SETS
from app.consent.verify import verify
from app.contacts import service as contacts
from app.evidence import document, telling, verifier
from app.forms.wording import first_words
from app.kernel import clock
from app.kernel.db import db, session, transaction
from tests.support import make

YEAR = 366 * 86_400


@pytest.fixture
def where(live):
    place = make.place()
    with transaction() as current:
        current.execute(text("UPDATE workspaces SET country = 'SE' WHERE id = :id"), {"id": place.id})
        contacts.define_field(place.id, "Country", "country")
    return place


def left(where, country: str = ""):
    """Somebody who said yes and then no."""
    who = make.person(where.id)
    if country:
        with transaction():
            contacts.set_fields(where.id, who.id, {"country": [country]})
    make.confirmed(where, who, tracking=Level.INDIVIDUAL)
    with transaction():
        service.stop_everything(where.id, who.id, by=By(), proof=Proof(ip="192.0.2.9"))
    return who


def purge(size: int = 2) -> int:
    """All slices."""
    count, after = 0, service.NOBODY
    while after is not None:
        with transaction():
            found, after = service.purge_proofs(after, size=size)
        count += found
    return count


def personal(*people) -> list[int]:
    """How many personal parts each has."""
    with transaction() as current:
        count = text("SELECT count(*) FROM consent_personal WHERE contact_id = :who")
        return [current.execute(count, {"who": who.id}).scalar_one() for who in people]


def read():
    session().expire_all()
    with transaction():
        return verify()


def test_a_proof_goes_when_its_years_are_over_and_nothing_lives(where):
    sweden, germany, moved = left(where), left(where, "DE"), left(where, "IT")
    with transaction():
        contacts.set_fields(where.id, moved.id, {"country": ["SE"]})  # what they were told holds
    alive, never_asked = make.person(where.id), make.person(where.id)
    make.confirmed(where, alive)
    with transaction():
        interest_ids = [found.id for found in where.interests]
        service.withdraw(where.id, alive.id, interest_ids[:1], by=By(), proof=Proof())
        service.suppress(where.id, never_asked.id, Reason.NEVER, by=By("staff"))
    complained = left(where)
    with transaction():
        service.suppress(where.id, complained.id, Reason.COMPLAINT, by=By("system"))
    people = (sweden, germany, moved, alive, never_asked, complained)
    whole = personal(*people)
    assert seals.seal_now() > 0

    clock.set_shift(3 * YEAR - 20 * 86_400)
    assert purge() == 0
    clock.set_shift(3 * YEAR)
    assert purge() == 2
    assert purge() == 0, "once"
    assert personal(*people) == [0, *whole[1:5], 0]
    clock.set_shift(5 * YEAR)
    assert purge() == 1
    clock.set_shift(11 * YEAR)
    assert purge() == 1
    assert personal(*people) == [0, 0, 0, whole[3], whole[4], 0]

    with transaction():
        assert history.tracking_level(where.id, sweden.id)[0] is Level.NONE
        assert queries.find_reach(where.id, complained.id).suppressed_reason == Reason.COMPLAINT
        kept = text("SELECT count(*) FROM suppressions WHERE contact_id = :who")
        assert session().execute(kept, {"who": complained.id}).scalar_one() == 1
    seals.seal_now()
    report = read()
    assert report.holds, report.faults
    assert report.erased_people == 4


def test_what_the_evidence_says_of_it_and_what_comes_after_is_held_to(where):
    who = left(where)
    clock.set_shift(3 * YEAR)
    assert purge() == 1
    clock.set_shift(3 * YEAR + 3 * 86_400)
    make.confirmed(where, who)
    seals.seal_now()
    with transaction():
        entries = history.list_history(where.id, who.id)
        gone = next(entry for entry in entries if entry.kind is Kind.ERASED)
        assert (gone.body["reason"], gone.body["years"], gone.actor) == ("retention", 3, "system")
        assert gone.sentence.endswith("its time was over")
        assert entries[-1].body["retention"].endswith("for 3 years after the last one has ended")
        told = document.make(where.id, who.id, clock.now())
    faults, notes = verifier.check(told)
    assert faults == []
    assert sum("its personal part was erased" in note for note in notes) == 3
    assert any(dict(found.pairs).get("Personal part", "").startswith("erased;") for found in telling.passages(told))
    # An erasure excuses what was before it, and nothing that came after.
    newest = next(event for event in told["events"] if '"confirmed"' in event["body"] and event["personal"])
    newest["personal"] = newest["salt"] = None
    assert any("nothing says that it was erased" in fault for fault in verifier.check(told)[0])


def test_verify_finds_what_was_taken_after_an_erasure(where, superuser):
    who = left(where)
    clock.set_shift(3 * YEAR)
    assert purge() == 1
    clock.set_shift(3 * YEAR + 3 * 86_400)
    make.confirmed(where, who)
    seals.seal_now()
    assert read().holds
    superuser.execute("DELETE FROM consent_personal WHERE contact_id = %s", (who.id,))
    assert [fault for fault in read().faults if "nothing says that it was erased" in fault]


def test_somebody_who_is_just_writing_is_left_for_another_day(where):
    who = left(where)
    clock.set_shift(3 * YEAR)
    with db.engine.connect() as other:
        # As every insert of an event does.
        other.execute(text("SELECT FROM contacts WHERE id = :id FOR KEY SHARE"), {"id": who.id})
        assert purge() == 0
    assert purge() == 1


def test_the_words_of_a_form_promise_no_less_than_the_longest(where):
    assert max(rules.evidence_years for rules in RULE_SETS) == 10
    for language, ten in {"en": "ten", "de": "zehn", "fr": "dix", "es": "diez", "it": "dieci", "nl": "tien", "pt": "dez"}.items():
        assert f" {ten} " in first_words("Ostkai", language, ()).notice
