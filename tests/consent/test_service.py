"""Asking, answering, taking back: the ledger and the projection move together."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, text

from app.consent import history, queries, service
from app.consent.models import ConsentEvent, Suppression
from app.consent.rules import By, Kind, Level, Proof, Reason, public_part
from app.contacts import service as contacts
from app.kernel import clock
from app.kernel.db import transaction
from app.kernel.errors import BadInput, Conflict, NotFound
from tests.support import make

ME = {"by": By(), "proof": Proof(ip="192.0.2.7", http_method="POST")}


@pytest.fixture
def where(session):
    return make.place()


@pytest.fixture
def mara(where):
    return make.person(where.id)


def kinds(where, who):
    return [entry.kind for entry in reversed(history.list_history(where.id, who.id))]


def may_write(session, where, who) -> int:
    sql = (
        "SELECT count(*) FROM permissions p JOIN reach r USING (workspace_id, contact_id, channel) "
        f"WHERE p.contact_id = :who AND p.purpose = 'marketing' AND {queries.gate_sql()}"
    )
    return session.execute(text(sql), {"who": who.id, "now": clock.now()}).scalar_one()


def test_asking_permits_nothing(session, where, mara):
    make.asked(where, mara)
    assert make.standing(where, mara) == {"New coffees": "asked", "Brewing letters": "asked"}
    assert may_write(session, where, mara) == 0


def test_a_confirmation_permits_what_was_asked_and_no_more(session, where, mara):
    make.confirmed(where, mara, interests=1)
    assert make.standing(where, mara) == {"New coffees": "yes"}
    assert may_write(session, where, mara) == 1
    assert kinds(where, mara) == [Kind.REQUESTED, Kind.CONFIRMED]


def test_a_confirmation_works_once(where, mara):
    request = make.confirmed(where, mara)
    with pytest.raises(service.RequestOver) as caught:
        service.confirm(request.id, **ME)
    assert caught.value.reason == "confirmed"


def test_a_confirmation_is_too_old_after_seven_days(where, mara):
    request = make.asked(where, mara)
    clock.set_shift(int(timedelta(days=7, seconds=5).total_seconds()))
    with pytest.raises(service.RequestOver) as caught, transaction():
        service.confirm(request.id, **ME)
    assert caught.value.reason == "expired"
    assert make.standing(where, mara)["New coffees"] == "asked"


def test_old_questions_are_closed_with_an_event(where, mara):
    make.asked(where, mara)
    clock.set_shift(8 * 86400)
    with transaction():
        assert service.expire_requests() >= 1
    assert make.standing(where, mara) == {"New coffees": "no", "Brewing letters": "no"}
    assert kinds(where, mara)[-1] is Kind.EXPIRED


def test_asking_again_never_takes_a_yes_away(where, mara):
    make.confirmed(where, mara)
    make.asked(where, mara)
    assert make.standing(where, mara) == {"New coffees": "yes", "Brewing letters": "yes"}


def test_confirming_again_is_told_apart(where, mara):
    make.confirmed(where, mara)
    make.confirmed(where, mara)
    assert kinds(where, mara)[-1] is Kind.RE_CONFIRMED


def test_cancelling_closes_the_question_and_the_link(where, mara):
    request = make.asked(where, mara)
    with transaction():
        assert service.cancel_request(request.id, **ME)
        assert not service.cancel_request(request.id, **ME)
    assert make.standing(where, mara) == {"New coffees": "no", "Brewing letters": "no"}
    with pytest.raises(service.RequestOver):
        service.confirm(request.id, **ME)


def test_cancelling_a_second_question_leaves_an_earlier_yes(where, mara):
    make.confirmed(where, mara, interests=1)
    request = make.asked(where, mara)
    service.cancel_request(request.id, **ME)
    assert make.standing(where, mara) == {"New coffees": "yes", "Brewing letters": "no"}


def test_taking_back_one_interest_leaves_the_other(session, where, mara):
    make.confirmed(where, mara)
    assert service.withdraw(where.id, mara.id, [where.interests[0].id], **ME)
    assert make.standing(where, mara) == {"New coffees": "no", "Brewing letters": "yes"}
    assert may_write(session, where, mara) == 1
    assert service.withdraw(where.id, mara.id, [where.interests[0].id], **ME) is None


def test_stopping_everything_is_above_all(session, where, mara):
    make.confirmed(where, mara)
    service.stop_everything(where.id, mara.id, **ME)
    assert may_write(session, where, mara) == 0
    assert {verdict.word.value for verdict in history.verdicts(where.id, mara.id)} == {"never"}


def test_only_the_persons_own_new_yes_lifts_a_stop(session, where, mara):
    make.confirmed(where, mara)
    service.stop_everything(where.id, mara.id, **ME)
    make.confirmed(where, mara, interests=1)
    assert may_write(session, where, mara) == 1


@pytest.mark.parametrize("reason", [Reason.COMPLAINT, Reason.NEVER])
def test_nothing_lifts_a_complaint(session, where, mara, reason):
    make.confirmed(where, mara)
    service.suppress(where.id, mara.id, reason, by=By("staff"))
    make.confirmed(where, mara)
    assert may_write(session, where, mara) == 0
    assert service.suppress(where.id, mara.id, Reason.BOUNCE, by=By("system")) is None


def test_undoing_gives_back_exactly_what_was_taken(session, where, mara):
    make.confirmed(where, mara, interests=1)
    make.asked(where, mara)
    taken = service.stop_everything(where.id, mara.id, **ME)
    assert service.give_back(where.id, mara.id, taken, **ME)
    assert make.standing(where, mara) == {"New coffees": "yes", "Brewing letters": "no"}
    assert may_write(session, where, mara) == 1
    assert not service.give_back(where.id, mara.id, taken, **ME)


def test_tracking_is_none_until_allowed_and_can_be_taken_back_alone(session, where, mara):
    make.confirmed(where, mara)
    assert queries.choices(where.id, mara.id).tracking is Level.NONE
    service.set_tracking(where.id, mara.id, Level.INDIVIDUAL, **ME)
    assert queries.choices(where.id, mara.id).tracking is Level.INDIVIDUAL
    service.set_tracking(where.id, mara.id, Level.NONE, **ME)
    assert queries.choices(where.id, mara.id).tracking is Level.NONE
    assert may_write(session, where, mara) == 2


def test_every_change_is_an_event_with_its_words(where, mara):
    make.confirmed(where, mara, tracking=Level.INDIVIDUAL)
    asked = history.list_history(where.id, mara.id)[-1]
    assert asked.body["controller"]["name"] == "Ostkai Coffee Roasters"
    text = queries.get_text(where.id, UUID(asked.body["texts"][0]["id"]))
    assert text.body == "Yes, Ostkai may email me."
    assert asked.body["texts"][0]["version"] == text.version
    assert asked.body["boxes"] == [{"name": "yes", "default": False}]
    assert asked.personal["typed"] == "Mara@Example.org"
    assert asked.personal["ip"] == "192.0.2.7"
    assert "192.0.2.7" not in str(asked.body)
    assert "example.org" not in str({**asked.body, "page": None}).lower()


def test_a_verdict_names_the_event(where, mara):
    make.confirmed(where, mara, interests=1)
    verdicts = {verdict.interest_name: verdict for verdict in history.verdicts(where.id, mara.id)}
    yes, never_asked = (verdicts[interest.name] for interest in where.interests)
    assert yes.word.value == "yes"
    assert yes.event_id == history.list_history(where.id, mara.id)[0].event_id
    assert ("Basis", "Consent, double opt-in") in yes.facts
    assert dict(yes.facts)["Words shown"].startswith("“Yes, Ostkai may email me.” Version ")
    assert never_asked.word.value == "no"
    assert never_asked.event_id is None


def test_an_interest_of_another_workspace_cannot_be_asked_for(where, mara):
    other = make.place("Other")
    with pytest.raises(BadInput):
        service.ask(
            where.id,
            mara.id,
            interests=[other.interests[0].id],
            tracking=None,
            typed="",
            shown=service.Shown(),
            **ME,
        )


def test_a_wording_is_stored_once_and_a_change_is_a_new_version(session, where):
    one = service.ensure_text(where.id, "consent", "en", "Yes.")
    assert service.ensure_text(where.id, "consent", "en", "Yes.") == one
    two = service.ensure_text(where.id, "consent", "en", "Yes!")
    assert queries.get_text(where.id, two).version == queries.get_text(where.id, one).version + 1
    with pytest.raises(NotFound):
        queries.get_text(make.place("Other").id, one)


def test_an_interest_changes_by_versions_and_keeps_its_name_unique(where):
    first, second = where.interests
    service.change_interest(where.id, first.id, "New beans", pace="weekly")
    assert first.version == 2
    with pytest.raises(Conflict):
        service.change_interest(where.id, second.id, "New beans")
    with pytest.raises(BadInput):
        service.define_interest(where.id, "  ")


def test_an_erased_address_leaves_only_a_keyed_hash(session, where, mara):
    make.confirmed(where, mara)
    address = contacts.queries.find_address(where.id, mara.id)
    service.erase(where.id, mara.id, by=By("staff"))
    contacts.erase(where.id, mara.id)
    assert may_write(session, where, mara) == 0
    left = session.execute(select(Suppression).where(Suppression.workspace_id == where.id)).scalar_one()
    assert left.address_hash == service.address_hash(address.key)
    assert all(not entry.personal for entry in history.list_history(where.id, mara.id))


def test_a_complaint_outlives_the_person(session, where, mara):
    key = contacts.queries.find_address(where.id, mara.id).key
    service.suppress(where.id, mara.id, Reason.COMPLAINT, by=By("system"))
    service.erase(where.id, mara.id, by=By("staff"))
    contacts.erase(where.id, mara.id)
    again = make.person(where.id, key)
    assert again.id != mara.id
    service.inherit_suppression(where.id, again.id, key)
    make.confirmed(where, again)
    assert may_write(session, where, again) == 0


def test_an_address_that_complained_stays_refused_when_it_is_typed_again(session, where, mara):
    key = contacts.queries.find_address(where.id, mara.id).key
    service.suppress(where.id, mara.id, Reason.COMPLAINT, by=By("system"))
    service.erase(where.id, mara.id, by=By("staff"))
    contacts.erase(where.id, mara.id)
    again = make.person(where.id, key)
    make.confirmed(where, again)
    assert may_write(session, where, again) == 0
    assert {verdict.word.value for verdict in history.verdicts(where.id, again.id)} == {"never"}


def test_somebody_out_of_reach_is_never_even_without_interests(where, mara):
    for interest in queries.list_interests(where.id):
        service.archive_interest(where.id, interest.id)
    assert [found.word.value for found in history.verdicts(where.id, mara.id)] == ["no"]
    service.suppress(where.id, mara.id, Reason.NEVER, by=By("staff"))
    assert [found.word.value for found in history.verdicts(where.id, mara.id)] == ["never"]


def test_the_ledger_keeps_no_part_of_a_page_that_could_name_a_person():
    keep = {
        "https://shop.example/a?email=mara@example.org#me": "https://shop.example/a",
        "https://mara:secret@shop.example/a": "https://shop.example/a",
        "https://shop.example/u/mara%40example.org": "https://shop.example",
        "https://[broken/a": "",
        "": "",
    }
    assert {url: public_part(url) for url in keep} == keep


def test_counts_by_word_count_each_person_once(session, where):
    make.confirmed(where, make.person(where.id))
    make.asked(where, make.person(where.id))
    make.person(where.id)
    gone = make.person(where.id)
    make.confirmed(where, gone)
    service.stop_everything(where.id, gone.id, **ME)
    assert queries.counts_by_word(where.id, clock.now()) == {"yes": 1, "asked": 1, "no": 1, "never": 1}


def test_a_mailed_question_is_part_of_the_proof(where, mara):
    request = make.asked(where, mara)
    service.record_mail(
        request, message_id="<m.1.1@news.ostkai.example>", mime_sha256="ab" * 32,
        accepted_line="250 2.0.0 queued as 7", accepted_at=clock.now(),
    )  # fmt: skip
    entry = history.list_history(where.id, mara.id)[0]
    assert entry.kind is Kind.DOI_MAIL_SENT
    assert entry.personal["accepted"] == "250 2.0.0 queued as 7"


def test_asking_takes_a_bounded_number_of_statements(session, where, mara, count_statements):
    with count_statements() as statements:
        make.asked(where, mara)
    assert len(statements) <= 17, statements


def test_a_person_with_many_events_is_counted_by_the_ledger(session, where, mara):
    before = session.execute(select(func.count()).select_from(ConsentEvent)).scalar_one()
    make.confirmed(where, mara)
    assert session.execute(select(func.count()).select_from(ConsentEvent)).scalar_one() == before + 2
