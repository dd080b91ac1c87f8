"""Two entries become one person: nothing is lost, nothing is allowed anew, nothing is sent twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.accounts import queries as accounts
from app.consent import history, queries
from app.consent import service as consent
from app.consent.rules import By, Level, Proof, Reason, State, Word
from app.consent.service import RequestOver
from app.contacts import queries as contacts
from app.contacts import service as contacts_service
from app.contacts.addresses import normalise
from app.delivery import queries as delivery
from app.delivery import service as delivery_service
from app.engagement import queries as scores
from app.evidence import document, verifier
from app.kernel import clock
from app.kernel.db import session, transaction
from app.kernel.errors import BadInput, Conflict, NotFound
from app.kernel.ids import uuid7
from app.merging import service
from app.people import queries as people_queries
from app.people import service as people
from app.people.queries import Search
from app.preferences import links
from app.preferences import queries as preference_queries
from app.preferences import service as preferences
from app.segments import queries as segments
from app.tracking import service as tracking
from app.tracking.rules.hits import Hit, Kind
from tests.support import make, reading, signup

BY = By("system")


def merge(where, own, other, takes=()):
    with transaction():
        done = service.merge(where.id, own.id, other.id, by=BY, takes=takes)
    session().expire_all()
    return done


def undo(where, done):
    with transaction():
        assert service.undo(where.id, done.merge_id, by=BY)
    session().expire_all()


def leave(where, who, *numbers):
    with transaction():
        ids = [where.interests[number].id for number in numbers]
        return consent.withdraw(where.id, who.id, ids, by=By(), proof=Proof())


def words(where, who):
    session().expire_all()
    names = {found.name for found in where.interests}
    verdicts = history.verdicts(where.id, who.id)
    return {verdict.interest_name: verdict.word for verdict in verdicts if verdict.interest_name in names}


# --- Histories --------------------------------------------------------------------------------------------------


def click(letter, who):
    with transaction():
        at = clock.now() - timedelta(minutes=30)
        hit = Hit(uuid7().hex, letter.no, letter.n(who), Kind.CLICK, 0, at, False, False, reading.FIREFOX, uuid7().hex, 1)
        tracking.ingest_batch([hit])


def test_both_histories_are_the_survivors_and_exactly_these_go_back(session, where):
    own, other = reading.reader(where), reading.reader(where)
    letter = reading.sent(where, [own, other])
    click(letter, own)
    click(letter, other)
    before = {who.id: people_queries.timeline(where.id, who.id, limit=100).entries for who in (own, other)}
    points = scores.score(where.id, own.id).points + scores.score(where.id, other.id).points

    done = merge(where, own, other)
    entries = people_queries.timeline(where.id, own.id, limit=100).entries
    told = {entry.reference for entry in entries}
    assert {entry.reference for entry in (*before[own.id], *before[other.id])} <= told
    assert "Merged with another entry of the same person" in [entry.title for entry in entries]
    assert scores.score(where.id, own.id).points == pytest.approx(points)
    assert len(delivery.messages_of(where.id, own.id)) == 4, "a letter and a receipt each"
    assert delivery.messages_of(where.id, other.id) == []

    click(letter, other)  # by a link of the mail that went to the other mailbox
    assert len(letter.signals(own)) == 3
    undo(where, done)
    assert len(letter.signals(own)) == 2, "what came since stays"
    assert len(letter.signals(other)) == 1
    for who in (own, other):
        assert len(delivery.messages_of(where.id, who.id)) == 2
        kept = {entry.reference for entry in people_queries.timeline(where.id, who.id, limit=100).entries}
        assert {entry.reference for entry in before[who.id]} <= kept
        assert scores.score(where.id, who.id).points > 0


def test_the_ledger_is_only_added_to_and_proves_both(session, where, mara, double):
    make.confirmed(where, mara)
    make.confirmed(where, double)
    rows = "SELECT id::text, contact_id, body FROM consent_events ORDER BY id"
    before = session.execute(text(rows)).all()
    done = merge(where, mara, double)
    after = session.execute(text(rows)).all()
    assert [row for row in after if row in before] == before
    assert {row.kind for row in session.execute(text("SELECT kind FROM consent_events"))} >= {"merged"}
    with transaction():
        consent.seal_now()
        made = document.make(where.id, mara.id, clock.now())
    assert {event["id"] for event in made["events"]} == {row[0] for row in after}
    check = verifier.Check(made)
    check.run()
    assert check.faults == []
    undo(where, done)
    with transaction():
        consent.seal_now()
        made = document.make(where.id, double.id, clock.now())
    check = verifier.Check(made)
    check.run()
    assert check.faults == []
    assert str(mara.id) not in {event["body"] for event in made["events"] if '"kind":"confirmed"' in event["body"]}


def test_a_file_of_evidence_takes_in_no_strangers_events(session, where, mara, double):
    make.confirmed(where, mara)
    make.confirmed(where, double)
    with transaction():
        consent.seal_now()
        one, other = (document.make(where.id, who.id, clock.now()) for who in (mara, double))
    one["events"] += other["events"]
    check = verifier.Check(one)
    check.run()
    assert any("about something else" in fault for fault in check.faults)


# --- What is chosen ---------------------------------------------------------------------------------------------


def test_chosen_values_stay_and_come_back_where_nobody_wrote_since(session, where, mara, double):
    with transaction():
        contacts_service.define_field(where.id, "Town", "text")
        contacts_service.define_field(where.id, "Size", "text")
        contacts_service.update_profile(where.id, double.id, last_name="Lindqvist", language="de")
        contacts_service.set_fields(where.id, mara.id, {"town": "Kiel"})
        contacts_service.set_fields(where.id, double.id, {"town": "Lübeck", "size": "M"})
        contacts_service.set_postal(where.id, double.id, "Hafen 1\n24103 Kiel")
    takes = {"last_name", "email", "postal", "field:town", "field:size"}
    done = merge(where, mara, double, takes)
    found = contacts.get_contact(where.id, mara.id)
    assert (found.name, found.language, found.fields) == ("Mara Lindqvist", "en", {"town": "Lübeck", "size": "M"})
    assert contacts.find_address(where.id, mara.id).address == "mara.lindqvist@example.net"
    assert contacts.find_address(where.id, mara.id, "post").address == "Hafen 1\n24103 Kiel"
    assert [row.id for row in people_queries.list_people(where.id, Search("lindqvist")).rows] == [mara.id]

    with transaction():
        contacts_service.set_fields(where.id, mara.id, {"town": "Hamburg"})
    undo(where, done)
    found, other = contacts.get_contact(where.id, mara.id), contacts.get_contact(where.id, double.id)
    assert (found.name, found.fields) == ("Mara", {"town": "Hamburg"})
    assert (other.name, other.language, other.fields) == ("M. Lindqvist", "de", {"town": "Lübeck", "size": "M"})
    assert contacts.find_address(where.id, mara.id).address == "mara@example.org"
    assert contacts.find_address(where.id, double.id).address == "mara.lindqvist@example.net"
    assert contacts.find_address(where.id, mara.id, "post") is None
    assert len(people_queries.list_people(where.id, Search("lindqvist")).rows) == 1


def test_an_address_that_is_the_only_one_is_kept(session, where, mara, double):
    session.execute(text("DELETE FROM addresses WHERE contact_id = :id"), {"id": mara.id})
    done = merge(where, mara, double)
    assert contacts.find_address(where.id, mara.id).address == "mara.lindqvist@example.net"
    undo(where, done)
    assert contacts.find_address(where.id, mara.id) is None
    assert contacts.find_address(where.id, double.id).address == "mara.lindqvist@example.net"


def test_an_address_that_the_person_confirmed_since_stays_theirs(session, where, mara, double):
    done = merge(where, mara, double)
    with transaction():
        contacts_service.change_address(where.id, mara.id, normalise("mara.lindqvist@example.net"))
    undo(where, done)
    assert contacts.find_address(where.id, mara.id).address == "mara.lindqvist@example.net"
    assert contacts.find_address(where.id, double.id) is None

    done = merge(where, mara, double, {"first_name"})
    assert contacts.find_by_key(where.id, "mara@example.org") is None


def test_another_address_since_leaves_the_other_mailbox_to_whom_it_was(session, where, mara, double):
    done = merge(where, mara, double, {"email"})
    with transaction():
        contacts_service.change_address(where.id, mara.id, normalise("new@example.org"))
    undo(where, done)
    assert contacts.find_address(where.id, mara.id).address == "new@example.org"
    assert contacts.find_address(where.id, double.id).address == "mara.lindqvist@example.net"


# --- Permission -------------------------------------------------------------------------------------------------


def test_a_no_of_either_is_a_no_and_a_yes_stays_where_nobody_said_otherwise(session, where, mara, double):
    make.confirmed(where, mara, interests=1)
    make.confirmed(where, double)
    leave(where, double, 0)
    done = merge(where, mara, double, {"email"})
    assert make.standing(where, mara) == {"New coffees": "no", "Brewing letters": "yes"}
    undo(where, done)
    assert make.standing(where, mara) == {"New coffees": "yes", "Brewing letters": "no"}
    assert make.standing(where, double) == {"New coffees": "no", "Brewing letters": "yes"}


def test_a_yes_that_came_along_keeps_its_day_and_what_it_stands_on(session, where, mara, double):
    make.confirmed(where, double)
    (said,) = {row.event_id for row in queries.list_permissions(where.id, double.id)}
    merge(where, mara, double, {"email"})
    assert {row.event_id for row in queries.list_permissions(where.id, mara.id)} == {said}
    assert words(where, mara) == {"New coffees": Word.YES, "Brewing letters": Word.YES}


@pytest.mark.parametrize("is_asked", [False, True], ids=["confirmed", "asked"])
def test_nobody_may_be_written_to_at_a_mailbox_from_which_nobody_said_yes(session, where, mara, double, is_asked):
    """Staff have no way to a yes: not by merging an address of somebody else with whoever said it."""
    request = make.asked(where, double) if is_asked else None
    if not is_asked:
        make.confirmed(where, double)
    done = merge(where, mara, double)
    assert make.standing(where, mara) == {}
    if request:
        with pytest.raises(RequestOver), transaction():
            consent.confirm(request.id, by=By(), proof=Proof())
    assert Word.YES not in words(where, mara).values()
    undo(where, done)
    assert make.standing(where, double)["New coffees"] == ("no" if is_asked else "yes")


def test_a_yes_does_not_move_on_to_the_mailbox_that_is_taken(session, where, mara, double):
    make.confirmed(where, mara)
    done = merge(where, mara, double, {"email"})
    assert set(make.standing(where, mara).values()) == {"no"}
    undo(where, done)
    assert set(make.standing(where, mara).values()) == {"yes"}


def test_one_mailbox_in_two_spellings_keeps_its_yes(session, where):
    plain, dotted = make.person(where.id, "maralind@gmail.com"), make.person(where.id, "mara.lind+news@gmail.com")
    make.confirmed(where, dotted)
    merge(where, plain, dotted)
    assert set(make.standing(where, plain).values()) == {"yes"}


@pytest.mark.parametrize("reason", [Reason.COMPLAINT, Reason.NEVER])
def test_what_bars_either_bars_both_and_the_losing_mailbox_stays_barred(session, where, mara, double, reason):
    make.confirmed(where, mara)
    with transaction():
        consent.suppress(where.id, double.id, reason, by=BY)
    done = merge(where, mara, double)
    assert set(words(where, mara).values()) == {Word.NEVER}
    hashed = consent.address_hash("mara.lindqvist@example.net")
    assert queries.find_suppression(where.id, hashed).reason == reason
    undo(where, done)
    assert words(where, mara)["New coffees"] is Word.YES
    assert set(words(where, double).values()) == {Word.NEVER}


def test_a_mailbox_that_does_not_exist_bars_only_whoever_is_reached_there(session, where, mara, double):
    make.confirmed(where, mara)
    with transaction():
        consent.suppress(where.id, double.id, Reason.BOUNCE, by=BY)
    undo(where, merge(where, mara, double, {"email"}))
    assert words(where, mara)["New coffees"] is Word.YES
    done = merge(where, mara, double, {"email"})
    assert set(words(where, mara).values()) == {Word.NEVER}
    undo(where, done)
    merge(where, mara, double)
    assert words(where, mara)["New coffees"] is Word.YES


def test_stopping_everything_and_pauses_and_digests_count_for_both(session, where, mara, double):
    make.confirmed(where, mara)
    make.confirmed(where, double)
    with transaction():
        until = clock.now() + timedelta(days=9)
        consent.set_pace(where.id, double.id, digest=consent_digest("monthly"), paused_until=until, by=By(), proof=Proof())
    done = merge(where, mara, double)
    reach = queries.find_reach(where.id, mara.id)
    assert (reach.digest, reach.paused_until) == ("monthly", until)
    undo(where, done)
    reach = queries.find_reach(where.id, mara.id)
    assert (reach.digest, reach.digest_from, reach.paused_until) == (None, None, None)


def consent_digest(word):
    from app.consent.rules import Digest

    return Digest(word)


def test_we_see_the_least_of_what_both_let_us_see(session, where):
    for one, other, least in (
        (Level.INDIVIDUAL, Level.AGGREGATE, Level.AGGREGATE),
        (Level.DATE, Level.INDIVIDUAL, Level.DATE),
    ):
        own, double = reading.reader(where, one), reading.reader(where, other)
        done = merge(where, own, double)
        assert queries.choices(where.id, own.id).tracking is least
        undo(where, done)
        assert queries.choices(where.id, own.id).tracking is one
        assert queries.choices(where.id, double.id).tracking is other


def test_no_ground_stands_against_a_no_that_came_along(session, where, mara, double):
    make.confirmed(where, double)
    leave(where, double, 0, 1)
    make.confirmed(where, mara)  # later than that no
    done = merge(where, mara, double)
    channel, interest = queries_channel(), where.interests[0].id
    assert history.last_word(where.id, mara.id, interest, channel) is State.NO
    undo(where, done)
    assert history.last_word(where.id, mara.id, interest, channel) is State.YES


def queries_channel():
    from app.consent.rules import Channel

    return Channel.EMAIL


# --- What comes after -------------------------------------------------------------------------------------------


def test_a_later_no_holds_for_both_after_the_merge_is_taken_back(session, where, mara, double):
    make.confirmed(where, mara)
    make.confirmed(where, double)
    done = merge(where, mara, double)
    leave(where, mara, 0)
    undo(where, done)
    assert make.standing(where, mara) == {"New coffees": "no", "Brewing letters": "yes"}
    assert make.standing(where, double) == {"New coffees": "no", "Brewing letters": "yes"}
    assert words(where, double)["New coffees"] is Word.NO
    assert "taken back" in next(
        verdict.sentence for verdict in history.verdicts(where.id, double.id) if verdict.interest_name == "New coffees"
    )


def test_a_later_no_holds_for_the_other_one_even_where_the_survivor_had_left_before(session, where, mara, double):
    make.confirmed(where, double)
    with transaction():
        consent.stop_everything(where.id, mara.id, by=By(), proof=Proof())
    done = merge(where, mara, double)
    with transaction():
        assert consent.stop_everything(where.id, double.id, by=By(), proof=Proof()) is not None
        assert consent.stop_everything(where.id, double.id, by=By(), proof=Proof()) is None
    undo(where, done)
    assert set(words(where, double).values()) == {Word.NEVER}


@pytest.mark.parametrize("no", ["leave", "stop", "complain", "hide"])
def test_a_no_that_came_along_does_not_swallow_the_survivors_own(session, where, no):
    """Said by the other entry before, and by the person since: taken back, it is the person's own as well."""
    own, other = reading.reader(where), reading.reader(where)

    def say(who):
        ids = [found.id for found in where.interests]
        with transaction():
            if no == "leave":
                return consent.withdraw(where.id, who.id, ids, by=By(), proof=Proof())
            if no == "stop":
                return consent.stop_everything(where.id, who.id, by=By(), proof=Proof())
            if no == "complain":
                return consent.suppress(where.id, who.id, Reason.COMPLAINT, by=BY)
            return consent.set_tracking(where.id, who.id, Level.NONE, by=By(), proof=Proof())

    say(other)
    done = merge(where, own, other)
    assert say(own) is not None
    assert say(own) is None, "once"
    undo(where, done)
    if no == "hide":
        assert queries.choices(where.id, own.id).tracking is Level.NONE
    else:
        assert Word.YES not in words(where, own).values()


def test_taking_a_stop_back_does_not_lift_the_one_that_came_along(session, where, mara, double):
    with transaction():
        consent.stop_everything(where.id, double.id, by=By(), proof=Proof())
    make.confirmed(where, double)
    with transaction():
        consent.stop_everything(where.id, double.id, by=By(), proof=Proof())
    make.confirmed(where, mara)  # later than both
    merge(where, mara, double)
    with transaction():
        event_id = consent.stop_everything(where.id, mara.id, by=By(), proof=Proof())
        consent.give_back(where.id, mara.id, event_id, by=By(), proof=Proof())
    assert set(words(where, mara).values()) == {Word.NEVER}
    assert set(make.standing(where, mara).values()) == {"no"}


@pytest.mark.parametrize("reason", [Reason.COMPLAINT, Reason.NEVER])
def test_a_later_complaint_holds_for_both(session, where, mara, double, reason):
    make.confirmed(where, double)
    with transaction():
        consent.suppress(where.id, mara.id, Reason.NEVER, by=BY)
    done = merge(where, mara, double)
    with transaction():
        assert consent.suppress(where.id, double.id, reason, by=BY) is not None
    undo(where, done)
    assert set(words(where, double).values()) == {Word.NEVER}
    assert queries.find_suppression(where.id, consent.address_hash("mara.lindqvist@example.net")) is not None


def test_a_later_word_on_tracking_and_a_correction_hold_for_both(session, where):
    own, other = reading.reader(where), reading.reader(where)
    done = merge(where, own, other)
    with transaction():
        consent.set_tracking(where.id, own.id, Level.NONE, by=By(), proof=Proof())
        said = queries.list_permissions(where.id, other.id)[0].event_id
        consent.correct(where.id, own.id, said, "It was somebody else.", by=BY)
    undo(where, done)
    assert queries.choices(where.id, other.id).tracking is Level.NONE
    assert State.YES not in queries.choices(where.id, other.id).interests.values()


def test_a_yes_said_since_is_the_survivors_alone(session, where, mara, double):
    done = merge(where, mara, double)
    make.confirmed(where, mara)
    undo(where, done)
    assert words(where, mara)["New coffees"] is Word.YES
    assert make.standing(where, double) == {}


def test_a_question_is_answered_by_the_survivor_and_goes_back_while_it_waits(session, where, mara, double):
    request = make.asked(where, double)
    done = merge(where, mara, double, {"email"})
    assert make.standing(where, mara) == {"New coffees": "asked", "Brewing letters": "asked"}
    undo(where, done)
    assert make.standing(where, mara) == {"New coffees": "no", "Brewing letters": "no"}
    assert make.standing(where, double)["New coffees"] == "asked"
    done = merge(where, mara, double, {"email"})
    with transaction():
        consent.confirm(request.id, by=By(), proof=Proof())
    assert make.standing(where, mara) == {"New coffees": "yes", "Brewing letters": "yes"}
    undo(where, done)
    assert make.standing(where, double) == {"New coffees": "no", "Brewing letters": "no"}, "its question was answered"


# --- Who comes with the other address ---------------------------------------------------------------------------


def test_old_links_act_on_the_survivor(session, client, where, mara, double):
    make.confirmed(where, mara)
    make.confirmed(where, double)
    permission = next(row for row in queries.list_permissions(where.id, double.id) if row.interest_id)
    reach = queries.find_reach(where.id, double.id)
    merge(where, mara, double)
    token = links.unsubscribe(links.Kind.PERMISSION, permission.id)
    assert "m•••@ex" in client.get(f"/u/{token}").text
    assert client.post(f"/u/{token}", data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert "no" in make.standing(where, mara).values()
    assert client.post(f"/p/{links.preferences(reach.id)}/send").status_code in {200, 303}
    (mail,) = signup.messages("preferences-link")
    assert mail.contact_id == mara.id
    assert signup.prepared(mail, "preferences-link").to == "mara@example.org"
    everything = links.unsubscribe(links.Kind.REACH, reach.id)
    assert client.post(f"/u/{everything}").status_code == 200
    assert set(words(where, mara).values()) == {Word.NEVER}


def test_a_private_link_of_the_other_mailbox_shows_nothing_but_stops_everything(session, client, where, mara, double):
    make.confirmed(where, mara)
    make.confirmed(where, double)
    merge(where, mara, double)
    person = links.Person(where.id, double.id)
    token = links.private(person, clock.now() + links.PRIVATE_FOR)
    for path in (f"/my/{token}", f"/data/{links.data(person, clock.now() + links.PRIVATE_FOR)}"):
        answer = client.get(path)
        assert answer.status_code == 410
        assert "mara@example.org" not in answer.text
    assert client.post(f"/my/{token}/stop").status_code == 200
    assert set(words(where, mara).values()) == {Word.NEVER}


def test_nobody_writes_to_the_other_mailbox_any_more(session, where, mara, double):
    make.confirmed(where, mara)
    make.confirmed(where, double)
    with transaction():
        delivery_service.send_system(where.id, "preferences-link", dedupe=uuid7(), contact_id=double.id)
    merge(where, mara, double)
    with transaction():
        sql, values = queries.audience_sql([where.interests[0].id])
        rows = session.execute(text(sql), {**values, "workspace_id": where.id, "now": clock.now()}).all()
        assert [row.contact_id for row in rows] == [mara.id]
        delivery_service.send_system(where.id, "preferences-link", dedupe=uuid7(), contact_id=double.id)
    for mail in signup.messages("preferences-link"):
        assert mail.contact_id == mara.id
        assert mail.reach_id == queries.find_reach(where.id, mara.id).id
        assert signup.prepared(mail, "preferences-link").to == "mara@example.org"


def test_a_sign_up_with_the_other_address_is_the_survivors(session, client):
    stage = signup.stage()
    where = stage.place
    mara, double = make.person(where.id, "mara@example.org"), make.person(where.id, signup.MARA)
    merge(where, mara, double)
    question = signup.question(stage, client)
    assert question.to == "mara@example.org"
    assert contacts.find_by_key(where.id, signup.MARA).id == mara.id
    assert len(people_queries.list_people(where.id, Search()).rows) == 1
    answer = client.post(signup.path_of(question.values["links"]["confirm"]))
    assert answer.status_code in {200, 303}
    assert "yes" in make.standing(where, mara).values()


def test_staff_cannot_enter_the_other_address_as_a_new_person(session, where, mara, double):
    merge(where, mara, double)
    with pytest.raises(Conflict), transaction():
        people.add(where.id, normalise("Mara.Lindqvist@example.net"), people.Profile())


def test_the_merged_one_is_in_no_list_no_count_and_no_segment(session, where, mara, double):
    make.confirmed(where, mara)
    make.confirmed(where, double)
    merge(where, mara, double)
    assert [row.id for row in people_queries.list_people(where.id, Search()).rows] == [mara.id]
    assert sum(queries.counts_by_word(where.id, clock.now()).values()) == 1
    assert segments.count_everybody(where.id) == 1
    group = segments.read(where.id, {"match": "none", "rules": [{"field": "contacts.first_name", "op": "is", "value": "X"}]})
    assert segments.count(where.id, group) == 1
    by_address = people_queries.list_people(where.id, Search("mara.lindqvist@example.net")).rows
    assert [row.id for row in by_address] == [mara.id]
    standings = queries.count_standings(where.id, [found.id for found in where.interests], clock.now())
    assert standings == {"may": 1}


# --- Erasure and access -----------------------------------------------------------------------------------------


def test_erasing_the_survivor_erases_both_and_ends_the_way_back(session, where, mara, double):
    make.confirmed(where, mara)
    make.confirmed(where, double)
    done = merge(where, mara, double, {"first_name"})
    with transaction():
        assert people.erase(where.id, double.id, by=BY), "by either id"
    session.expire_all()
    for who in (mara, double):
        found = contacts.get_contact(where.id, who.id)
        assert found.erased_at is not None
        assert found.name == ""
    assert contacts.list_addresses(where.id, [mara.id, double.id]) == []
    for table in ("consent_personal", "merged_rows"):
        assert session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0
    assert session.execute(text("SELECT memo FROM merges")).scalar_one() is None
    for key in ("mara@example.org", "mara.lindqvist@example.net"):
        assert queries.find_suppression(where.id, consent.address_hash(key)).reason == Reason.ERASED
    with pytest.raises(Conflict, match="erased"), transaction():
        service.undo(where.id, done.merge_id, by=BY)
    with transaction():
        assert not people.erase(where.id, mara.id, by=BY)


def test_whoever_asks_for_their_data_gets_those_of_both(session, where, mara, double):
    make.confirmed(where, double)
    merge(where, mara, double)
    told = preference_queries.export(where.id, double.id)
    assert told["contacts"]["email"] == "mara@example.org"
    assert {event["event"]["kind"] for event in told["consent"]} >= {"confirmed", "merged"}
    (entry,) = told["merged_entries"]
    assert entry["contacts"]["first_name"] == "M."
    assert entry["contacts"]["email"] == "mara.lindqvist@example.net"
    assert told["merging"][0]["merged"] == str(double.id)


def test_whoever_never_confirmed_is_still_erased_after_thirty_days(session, client):
    stage = signup.stage()
    where = stage.place
    for address in ("mara@example.org", "other@example.org"):
        signup.question(stage, client, address)
    mara, double = (contacts.find_by_key(where.id, key) for key in ("mara@example.org", "other@example.org"))
    merge(where, mara, double)
    clock.set_shift(32 * 86_400)
    try:
        with transaction():
            assert preferences.purge_unconfirmed() == 1
    finally:
        clock.set_shift(0)
    session.expire_all()
    assert contacts.get_contact(where.id, double.id).erased_at is not None


def test_nobody_is_purged_whose_other_entry_had_said_yes(session, client):
    stage = signup.stage()
    where = stage.place
    signup.question(stage, client, "mara@example.org")
    mara, double = contacts.find_by_key(where.id, "mara@example.org"), make.person(where.id, "known@example.org")
    make.confirmed(where, double)
    merge(where, mara, double)
    clock.set_shift(32 * 86_400)
    try:
        with transaction():
            assert preferences.purge_unconfirmed() == 0
    finally:
        clock.set_shift(0)


# --- Again, the other way round, and too late -------------------------------------------------------------------


def test_merging_again_or_the_other_way_round_changes_nothing(session, where, mara, double):
    done = merge(where, mara, double)
    before = signup.everything()
    assert merge(where, mara, double) == type(done)(done.merge_id, mara.id, False)
    assert merge(where, double, mara) == type(done)(done.merge_id, mara.id, False)
    assert signup.everything() == before


def test_three_become_one_and_come_apart_in_the_other_order(session, where, mara, double):
    third = make.person(where.id, "third@example.org")
    make.confirmed(where, double)
    one = merge(where, mara, double, {"email"})
    two = merge(where, third, mara, {"email"})
    assert contacts.get_contact(where.id, double.id).merged_into == third.id
    assert contacts.find_by_key(where.id, "mara.lindqvist@example.net").id == third.id
    assert words(where, third)["New coffees"] is Word.YES
    assert merge(where, double, third).merge_id == one.merge_id
    with pytest.raises(Conflict, match="later"), transaction():
        service.undo(where.id, one.merge_id, by=BY)
    leave(where, third, 0)
    undo(where, two)
    assert contacts.get_contact(where.id, double.id).merged_into == mara.id
    undo(where, one)
    for who in (mara, double, third):
        assert make.standing(where, who)["New coffees"] == "no"
    assert make.standing(where, double)["Brewing letters"] == "yes"


def test_a_merge_into_somebody_who_was_merged_is_refused(session, where, mara, double):
    third = make.person(where.id)
    merge(where, mara, double)
    with pytest.raises(Conflict, match="merged into somebody else"):
        merge(where, double, third)
    with transaction():
        people.erase(where.id, third.id, by=BY)
    with pytest.raises(Conflict, match="erased"):
        merge(where, mara, third)
    with pytest.raises(BadInput):
        merge(where, mara, mara)
    with pytest.raises(NotFound):
        merge(where, mara, make.person(make.place("Theirs").id))


def test_after_thirty_days_nothing_is_kept_that_would_bring_it_back(session, where, mara, double):
    make.asked(where, double)
    done = merge(where, mara, double)
    clock.set_shift(31 * 86_400)
    try:
        with pytest.raises(Conflict, match="30 days"), transaction():
            service.undo(where.id, done.merge_id, by=BY)
        with transaction():
            assert service.forget_old() == 1
    finally:
        clock.set_shift(0)
    assert session.execute(text("SELECT count(*) FROM merged_rows")).scalar_one() == 0
    with pytest.raises(Conflict), transaction():
        service.undo(where.id, done.merge_id, by=BY)


def test_taking_back_twice_changes_nothing_and_both_are_not_offered_again(session, where, mara, double):
    done = merge(where, mara, double)
    undo(where, done)
    with transaction():
        assert not service.undo(where.id, done.merge_id, by=BY)
    assert session.execute(text("SELECT count(*) FROM different_people")).scalar_one() == 1


def test_merge_and_its_end_stand_in_the_record_of_acts(session, where, mara, double):
    with transaction():
        done = service.merge(where.id, mara.id, double.id, by=By("staff", str(where.owner_id)))
    undo(where, done)
    acts = [(entry.act, entry.object, entry.detail["entry"]) for entry in accounts.list_audit(where.id)[:2]]
    assert acts == [
        ("person.unmerged", f"contact:{mara.id}", str(double.id)),
        ("person.merged", f"contact:{mara.id}", str(double.id)),
    ]
