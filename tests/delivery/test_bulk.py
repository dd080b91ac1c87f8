"""Mailings to many: launch, freeze, send, stop, go on; over a real database and a real mail server."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.accounts.models import Workspace
from app.consent import service as consent
from app.consent.rules import By, Proof, Reason
from app.delivery import pump, queries, retries, schedule, sending, service, taking, timeline
from app.delivery.events import MailingFinished, MessagesFinished
from app.delivery.pacing import slots
from app.delivery.pacing.buckets import DEFAULT_ROUTE
from app.delivery.pacing.pacer import Pacer
from app.delivery.pacing.rules import Said
from app.delivery.routes import PER_LINE
from app.delivery.rules import TOO_LATE, Lane, Word
from app.delivery.transports.base import Verb
from app.delivery.writing import Writer
from app.kernel import clock, events, jobs
from app.kernel.db import session, transaction
from app.kernel.errors import BadInput, Conflict, NotFound
from app.kernel.ids import uuid7
from tests.support import letters, mailing, make
from tests.support.mailing import Setting, crowd, due, running, states, sums
from tests.support.outbox import in_context, use_sink


@pytest.fixture
def place(live, smtp) -> Setting:
    use_sink(smtp)
    return mailing.setting()


@pytest.fixture
def heard():
    """What was told of mailings and their messages."""
    found: list[object] = []
    for kind in (MessagesFinished, MailingFinished):
        events.subscribe(kind, found.append)
    yield found
    for kind in (MessagesFinished, MailingFinished):
        events._handlers[kind].remove(found.append)


def addresses_of(people) -> set[str]:
    session().rollback()
    found = session().execute(
        text("SELECT address FROM addresses WHERE contact_id = ANY(:ids)"), {"ids": list(people)}
    )
    addresses = set(found.scalars())
    session().rollback()
    return addresses


def send(seconds: float = 20) -> bool:
    return pump.run_slice("bulk", deadline_seconds=seconds)


def test_everybody_who_said_yes_gets_one_copy_and_the_mailing_ends(place, smtp, heard):
    people = crowd(place, 45)
    asked = make.person(place.id)
    make.asked(place.where, asked)
    number = running(place)
    assert sums(number).audience == sums(number).waiting == 45
    assert send() is False
    assert states(number) == {"sent": 45}
    assert len({copy.rcpt_to for copy in smtp.messages}) == len(smtp.messages) == 45
    assert mailing.state(number) == "done"
    batches = [found for found in heard if isinstance(found, MessagesFinished)]
    assert {row.contact_id for batch in batches for row in batch.rows} == set(people)
    assert max(len(batch.rows) for batch in batches) > 1, "told in batches"
    ends = [found for found in heard if isinstance(found, MailingFinished)]
    assert [(end.mailing_no, end.state) for end in ends] == [(number, "done")]


def test_launched_by_fifty_at_once_it_has_one_audience(place, live):
    crowd(place, 30)
    dedupe = uuid7()

    def launch(_: int) -> int:
        number = place.launch(dedupe=dedupe)
        due()
        return number

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda i: in_context(live, launch, i), range(50)))
    due()
    assert len(set(numbers)) == 1
    assert session().execute(text("SELECT count(*) FROM mailings WHERE kind = 'bulk'")).scalar_one() == 1
    assert states(numbers[0]) == {"pending": 30}
    assert sums(numbers[0]).audience == 30


def test_somebody_with_two_interests_is_there_once_by_the_first_that_allows_it(place):
    both, second_only = make.person(place.id), make.person(place.id)
    make.confirmed(place.where, both, interests=2)
    make.confirmed(place.where, second_only, interests=2)
    first, second = place.where.interests
    with transaction():
        consent.withdraw(place.id, second_only.id, [first.id], by=By(), proof=Proof())
    number = running(place, interests=2)
    session().rollback()
    rows = session().execute(
        text("SELECT m.contact_id, p.interest_id FROM messages m JOIN permissions p ON p.id = m.permission_id"
             " WHERE m.mailing_no = :no"), {"no": number},
    )  # fmt: skip
    assert {row.contact_id: row.interest_id for row in rows} == {both.id: first.id, second_only.id: second.id}


def test_nobody_is_added_once_the_audience_is_made(place, smtp):
    crowd(place, 3)
    number = running(place)
    crowd(place, 2, domain="late.example")
    due()
    send()
    assert sums(number).audience == 3
    assert len(smtp.messages) == 3


def test_another_workspaces_people_are_never_in_it(place):
    crowd(place, 3)
    other = mailing.setting()
    crowd(other, 4)
    number = running(other)
    session().rollback()
    owners = session().execute(
        text("SELECT DISTINCT c.workspace_id FROM messages m JOIN contacts c ON c.id = m.contact_id"
             " WHERE m.mailing_no = :no"), {"no": number},
    )  # fmt: skip
    assert list(owners.scalars()) == [other.id]
    for verb in (service.pause, service.resume, service.cancel, service.send_unknown, service.send_rest):
        with pytest.raises(NotFound), transaction():
            verb(place.id, number)
    with pytest.raises(BadInput), transaction():
        service.launch(
            place.id, dedupe=uuid7(), title="x", version_id=place.version_id, interests=[other.where.interests[0].id]
        )  # fmt: skip


def test_a_launch_is_refused_while_something_is_missing(live, smtp):
    where = make.place()
    version = letters.version(where.id, mailing.LETTER)
    place = Setting(where, version.id)

    def faults(**more) -> set[str]:
        with pytest.raises(BadInput) as refused:
            place.launch(**more)
        return set(refused.value.fields)

    assert faults() == {"sender"}
    with transaction():
        service.set_sender(where.id, "Ostkai", "hello@ostkai.example")
    assert faults(interests=0) == {"interests"}
    assert faults(weight=0) == {"weight"}
    with transaction():
        session().get_one(Workspace, where.id).postal_address = " "
    assert faults() == {"postal_address"}
    with transaction():
        session().get_one(Workspace, where.id).postal_address = "Speicherweg 4, 24103 Kiel"
        bad = session().execute(
            text("INSERT INTO letter_versions (id, workspace_id, letter_id, number, language, subject, preheader, source,"
                 " own_text, html, text, links, needs, fingerprint, created_at) SELECT :new, workspace_id, letter_id, 99,"
                 " language, subject, preheader, source, own_text, replace(html, 'links.unsubscribe', 'links.preferences'),"
                 " text, links, needs, 'x', created_at FROM letter_versions WHERE id = :id RETURNING id"),
            {"new": uuid7(), "id": version.id},
        ).scalar_one()  # fmt: skip
    with pytest.raises(BadInput) as refused:
        Setting(where, bad).launch()
    assert set(refused.value.fields) == {"version"}
    assert session().execute(text("SELECT count(*) FROM mailings WHERE kind = 'bulk'")).scalar_one() == 0


def test_a_mailing_at_a_time_waits_for_it_and_not_longer(place, smtp):
    crowd(place, 2)
    with transaction():
        at = clock.now() + timedelta(hours=3)
    number = place.launch(send_at=at)
    due()
    assert (mailing.state(number), sum(states(number).values())) == ("scheduled", 0)
    clock.set_shift(3 * 3600 - 60)
    due()
    assert mailing.state(number) == "scheduled"
    crowd(place, 1)
    clock.set_shift(3 * 3600 + 60)
    due()
    assert sums(number).audience == 3, "its audience is who may be written to at its time"
    send()
    assert len(smtp.messages) == 3


def test_a_mailing_that_is_hours_late_waits_for_a_person(place, smtp):
    crowd(place, 2)
    number = place.launch()
    clock.set_shift(2 * 3600 + 5)
    due()
    send()
    assert mailing.state(number) == "paused"
    assert queries.progress(number).pause_reason == TOO_LATE
    assert smtp.messages == []
    with transaction():
        service.resume(place.id, number)
    due()
    send()
    assert len(smtp.messages) == 2
    assert mailing.state(number) == "done"


def test_cancelled_before_its_time_it_can_be_launched_anew(place):
    crowd(place, 2)
    dedupe = uuid7()
    with transaction():
        later = clock.now() + timedelta(days=1)
    first = place.launch(dedupe=dedupe, send_at=later)
    with transaction():
        service.cancel(place.id, first)
    due()
    second = running(place, dedupe=dedupe)
    assert second != first
    assert sums(first).audience == 0
    with transaction():
        service.cancel(place.id, second)
    assert place.launch(dedupe=dedupe) == second, "its audience was made, so it stays the one"


def test_pause_begins_nothing_more_and_resume_goes_on(place, smtp):
    crowd(place, 60)
    number = running(place)
    pump.run_slice("bulk", stop=lambda: len(smtp.messages) >= 20)
    with transaction():
        service.pause(place.id, number)
    before = len(smtp.messages)
    send()
    assert len(smtp.messages) == before < 60
    assert sums(number).waiting == 60 - before
    assert sums(number).is_whole
    with pytest.raises(Conflict), transaction():
        service.pause(place.id, number)
    with transaction():
        service.resume(place.id, number)
    send()
    assert len({copy.rcpt_to for copy in smtp.messages}) == len(smtp.messages) == 60


def test_cancel_leaves_sums_and_the_rest_can_be_sent_later(place, smtp, heard):
    crowd(place, 60)
    number = running(place)
    pump.run_slice("bulk", stop=lambda: len(smtp.messages) >= 20)
    with transaction():
        service.cancel(place.id, number)
    found = sums(number)
    assert found.is_whole
    assert (found.waiting, found.sent) == (0, len(smtp.messages))
    assert found.skipped == 60 - found.sent > 0
    send()
    due()
    assert len(smtp.messages) == found.sent
    assert [event.state for event in heard if isinstance(event, MailingFinished)] == ["cancelled"]
    with transaction():
        assert service.send_rest(place.id, number) == found.skipped
    send()
    assert len({copy.rcpt_to for copy in smtp.messages}) == len(smtp.messages) == 60
    assert mailing.state(number) == "done"
    with pytest.raises(Conflict), transaction():
        service.send_rest(place.id, number)


def test_a_message_that_comes_back_after_cancelling_is_called_off(place, smtp):
    crowd(place, 1)
    number = running(place)
    rule = smtp.hold_at("RCPT")
    smtp.reply_at("RCPT", "451 4.3.0 later")
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(in_context, session_app(), send, 1)
        assert rule.reached.wait(20)
        with transaction():
            service.cancel(place.id, number)
        rule.release()
        done.result()
    due()
    assert states(number) == {"cancelled": 1}
    assert sums(number).is_whole


def session_app():
    from flask import current_app

    return current_app._get_current_object()


def test_doubt_is_sent_again_only_by_a_person_with_the_same_message_id(place, smtp):
    crowd(place, 3)
    number = running(place)
    smtp.drop_at("DOT")
    send()
    found = sums(number)
    assert (found.unknown, found.sent, found.is_whole) == (1, 2, True)
    assert mailing.state(number) == "done"
    clock.set_shift(3600)
    due()
    send()
    assert sums(number).unknown == 1
    with transaction():
        assert service.send_unknown(place.id, number) == 1
    send()
    assert sums(number).sent == 3
    ids = [copy.message_id for copy in smtp.copies]
    assert len(ids) == 4
    assert len(set(ids)) == 3
    with pytest.raises(Conflict), transaction():
        service.send_unknown(place.id, number)


def test_the_words_sum_at_fifty_moments_while_people_leave_and_servers_refuse(place, smtp, live):
    people = crowd(place, 2000)
    refused, later = addresses_of(people[1::80]), addresses_of(people[2::80])
    smtp.reply_at("RCPT", "550 5.1.1 no such user", matches=refused.__contains__)
    smtp.reply_at("RCPT", "451 4.3.0 not now", matches=later.__contains__)
    smtp.drop_at("DOT", times=5)
    number = running(place)
    moments: list[object] = []
    stop = threading.Event()

    def look() -> None:
        chance = random.Random(4)
        while len(moments) < 50 or not stop.is_set():
            moments.append(sums(number))
            time.sleep(chance.uniform(0, 0.05))

    def leave() -> None:
        for contact_id in people[100::40]:
            with transaction():
                consent.withdraw(place.id, contact_id, [place.where.interests[0].id], by=By(), proof=Proof())

    def work() -> None:
        while pump.run_slice("bulk", deadline_seconds=60):
            pass

    with ThreadPoolExecutor(4) as pool:
        looking = pool.submit(in_context, live, look)
        leaving = pool.submit(in_context, live, leave)
        for done in [pool.submit(in_context, live, work) for _ in range(2)]:
            done.result()
        leaving.result()
        stop.set()
        looking.result()
    assert all(found.is_whole and found.audience == 2000 for found in moments), moments[:3]
    assert len({found.waiting for found in moments}) > 5, "looked while it moved"
    last = sums(number)
    assert last.unknown == 5
    assert last.failed == 25
    assert last.skipped > 0
    assert last.waiting == 25, "those wait for their second try"
    assert len(refused) == len(later) == 25
    sent = [copy.rcpt_to for copy in smtp.messages]
    assert len(sent) == len(set(sent)) == last.sent


def test_who_leaves_while_it_runs_gets_no_mail_from_a_second_after_the_commit(place, smtp, live):
    people = crowd(place, 300)
    number = running(place)
    smtp.delay_at("DOT", 0.01)
    left_at: dict[str, float] = {}
    session().rollback()
    addresses = dict(
        session().execute(text("SELECT contact_id, address FROM addresses WHERE channel = 'email'")).all()
    )
    session().rollback()

    def leave() -> None:
        for contact_id in reversed(people[150:]):
            with transaction():
                consent.withdraw(place.id, contact_id, [place.where.interests[0].id], by=By(), proof=Proof())
            left_at[addresses[contact_id]] = time.monotonic()

    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(in_context, live, send, 60) for _ in range(2)]
        pool.submit(in_context, live, leave).result()
        for job in jobs:
            job.result()
    late = [
        copy.mail_seen_at - left_at[copy.rcpt_to[0]] for copy in smtp.copies if copy.rcpt_to[0] in left_at
    ]
    assert all(seconds < 1.0 for seconds in late), max(late)
    found = sums(number)
    assert found.skipped > 0
    assert found.skipped + found.sent == 300
    assert queries.count_ends(place.id, [number])[number].reasons[Word.SKIPPED] == {"no permission": found.skipped}


def test_small_mailings_overtake_large_ones_and_a_weight_is_a_share(place, smtp):
    crowd(place, 100)
    large = running(place)
    pump.run_slice("bulk", stop=lambda: len(smtp.messages) >= 40)
    small = running(place, weight=3.0)
    begun = states(large)["sent"]
    order: list[int] = []
    smtp.reply_at("MAIL", "", matches=lambda sender: order.append(sender) is not None)
    send()
    numbers = [int(name) for name in map(_mailing_of, order)]
    assert numbers.index(small) <= 20, "the new one does not wait for the old one to end"
    until_small_ends = len(numbers) - numbers[::-1].index(small)
    of_large = numbers[:until_small_ends].count(large)
    assert of_large <= 60, f"three to one, {of_large} of the large one among 100 of the small one"
    assert states(large) == states(small) == {"sent": 100}
    assert begun < 100


def _mailing_of(mail_from: str) -> int:
    from app.delivery.editions import RETURN_PATH
    from app.delivery.identity import read_return_path
    from app.kernel import tokens

    found = read_return_path(mail_from, tokens.purpose_keys(RETURN_PATH))
    assert found is not None, mail_from
    return found[0]


def test_a_paused_mailing_comes_back_without_turns_saved_up(place):
    crowd(place, 10)
    first, second = running(place), running(place)
    with transaction():
        service.pause(place.id, first)
        session().execute(text("UPDATE mailings SET vtime = 5000 WHERE no = :no"), {"no": second})
    with transaction():
        service.resume(place.id, first)
    third = running(place)
    session().rollback()
    times = dict(session().execute(text("SELECT no, vtime FROM mailings WHERE kind = 'bulk'")).all())
    assert times == {first: 5000, second: 5000, third: 5000}


def test_a_paused_mailing_that_had_many_turns_is_not_kept_waiting_for_that(place):
    crowd(place, 10)
    large = running(place)
    with transaction():
        session().execute(text("UPDATE mailings SET vtime = 90000 WHERE no = :no"), {"no": large})
        service.pause(place.id, large)
    small = running(place)
    with transaction():
        service.resume(place.id, large)
    session().rollback()
    times = dict(session().execute(text("SELECT no, vtime FROM mailings WHERE kind = 'bulk'")).all())
    assert times == {large: 0, small: 0}


def test_bulk_never_keeps_a_confirmation_waiting(place, smtp):
    from tests.support.outbox import wish

    crowd(place, 30)
    running(place)
    wished = wish(place.where)
    assert pump.run_slice("system", deadline_seconds=5) is False
    assert wished.state == "sent"
    assert not [copy for copy in smtp.messages if "crowd.example" in copy.rcpt_to[0]]


def test_to_receivers_that_cool_down_nobody_connects_before_their_turn_and_then_one_a_second(place, smtp):
    crowd(place, 2)
    number = running(place)
    closed = retries.classify(421, "4.7.0", "come back", Verb.RCPT)
    with transaction():
        pacer = Pacer()
        pacer.look()
        groups = ("example.org", "crowd.example")
        pacer.learn(DEFAULT_ROUTE, [Said(group, closed, Verb.RCPT, 421, "4.7.0", "come back") for group in groups])
    assert send() is False
    assert "EHLO" not in "".join(smtp.commands), "nothing may go"
    clock.set_shift(31)
    with transaction():
        assert slots.turn(DEFAULT_ROUTE)
    send(0.9)
    assert "EHLO" not in "".join(smtp.commands), "somebody else has just connected"
    send()
    assert "".join(smtp.commands).count("EHLO") == 1
    assert states(number) == {"sent": 2}


def test_a_letter_that_one_reader_could_not_leave_is_never_sent_to_that_reader(place, smtp, monkeypatch):
    people = crowd(place, 4)
    number = running(place)
    write = Writer._one

    def failing(self, edition, held, *more):
        if held.contact_id == people[2]:
            raise RuntimeError("torn")
        return write(self, edition, held, *more)

    monkeypatch.setattr(Writer, "_one", failing)
    send()
    clock.set_shift(61)
    send()
    assert states(number) == {"sent": 3, "failed": 1}
    assert queries.count_ends(place.id, [number])[number].reasons[Word.FAILED] == {"could not be written": 1}


def test_mailboxes_that_do_not_exist_are_suppressed_and_the_others_go_on(place, smtp):
    crowd(place, 30)
    smtp.reply_at("RCPT", "550 5.1.1 no such user", times=4)
    number = running(place)
    send()
    assert states(number) == {"sent": 26, "failed": 4}
    assert queries.count_ends(place.id, [number])[number].reasons[Word.FAILED] == {"unknown address": 4}
    assert queries.exclusions(place.id, [place.where.interests[0].id]).left_out == {"bounce": 4}
    with transaction():
        assert service.send_rest(place.id, number) == 4
    send()
    assert states(number) == {"sent": 26, "suppressed": 4}


def test_each_word_opens_its_people_with_the_reason(place, smtp):
    crowd(place, 65)
    smtp.reply_at("RCPT", "550 5.7.1 not you", times=2)
    number = running(place)
    send()
    page = queries.list_people(place.id, number, Word.SENT)
    rest = queries.list_people(place.id, number, Word.SENT, page.next_cursor)
    assert [len(page.rows), len(rest.rows), rest.next_cursor] == [50, 13, None]
    assert len({row.contact_id for row in [*page.rows, *rest.rows]}) == 63
    assert all(row.address and row.at for row in page.rows)
    failed = queries.list_people(place.id, number, Word.FAILED).rows
    assert [row.reason for row in failed] == ["refused", "refused"]
    assert queries.list_people(make.place().id, number, Word.SENT).rows == []
    receivers = queries.list_receivers(place.id, number)
    assert [(found.domain, found.done, found.waiting) for found in receivers] == [
        ("crowd.example", 64, 0),
        ("example.org", 1, 0),
    ]


def test_exclusions_say_why_and_reach_is_what_freezing_makes(place):
    people = crowd(place, 12)
    interest = place.where.interests[0].id
    make.asked(place.where, make.person(place.id))
    with transaction():
        consent.withdraw(place.id, people[0], [interest], by=By(), proof=Proof())
        consent.stop_everything(place.id, people[1], by=By(), proof=Proof())
        consent.suppress(place.id, people[2], Reason.COMPLAINT, by=By("system"))
        consent.suppress(place.id, people[3], Reason.BOUNCE, by=By("system"))
        consent.erase(place.id, people[4], by=By("system"))
        for contact_id, column, when in (
            (people[5], "paused_until", "+ interval '1 day'"),
            (people[6], "valid_until", "- interval '1 day'"),
        ):
            session().execute(
                text(f"UPDATE permissions SET {column} = now() {when} WHERE contact_id = :id"),
                {"id": contact_id},
            )
    with transaction():
        found = queries.exclusions(place.id, [interest])
    assert found.left_out == dict.fromkeys(
        ("asked only", "bounce", "complaint", "erased", "no permission", "on pause", "permission ended",
         "stopped everything"), 1,
    )  # fmt: skip
    assert found.reached == 5
    assert sums(running(place)).audience == 5


def test_progress_tells_state_sums_and_pace_in_one_statement(place, count_statements):
    crowd(place, 40)
    number = place.launch()
    assert queries.progress(number).sums.is_whole
    due()
    pump.run_slice("bulk", stop=lambda: True)
    session().rollback()
    with transaction():
        clock.now()
        with count_statements() as statements:
            found = queries.progress(number)
    assert len(statements) == 1
    assert (found.title, found.state, found.seconds_left) == ("November", "running", None)
    send()
    session().rollback()
    done = queries.progress(number)
    assert (done.state, done.ended_in_last_minute, done.sums.sent) == ("done", 40, 40)
    assert done.ended_at is not None


def test_what_a_batch_asks_of_the_database_does_not_grow_with_its_readers(place, smtp, count_statements):
    crowd(place, 60)
    running(place)
    pump.run_slice("bulk", stop=lambda: len(smtp.messages) >= 20)
    with count_statements() as statements:
        pump.run_slice("bulk", stop=lambda: len(smtp.messages) >= 40)
    assert 40 <= len(smtp.messages) <= 60
    assert len(statements) <= 60, statements


def test_a_test_of_a_letter_goes_to_staff_marked_and_uncounted(place, smtp):
    with transaction():
        service.send_test(place.id, place.version_id, place.where.owner_id)
    pump.run_slice("system", deadline_seconds=5)
    (copy,) = smtp.messages
    assert copy.rcpt_to == (place.where.owner_email,)
    assert str(copy.parsed["Subject"]).startswith("[TEST] ")
    assert copy.parsed["List-Unsubscribe"] is None
    assert "/u/test" in copy.part("html")
    assert "/r/" not in copy.part("html")
    assert session().execute(text("SELECT count(*) FROM mailings WHERE kind = 'bulk'")).scalar_one() == 0
    stranger = make.place()
    for version_id, user_id in ((place.version_id, stranger.owner_id), (uuid7(), place.where.owner_id)):
        with pytest.raises(NotFound), transaction():
            service.send_test(place.id, version_id, user_id)


def test_erasing_somebody_while_it_runs_sends_them_nothing_and_keeps_the_sums(place, smtp):
    people = crowd(place, 5)
    number = running(place)
    with transaction():
        consent.erase(place.id, people[1], by=By("system"))
        service.forget_person(place.id, people[1])
    send()
    assert len(smtp.messages) == 4
    assert sums(number).is_whole
    assert schedule.run() is None


def test_one_message_of_an_ended_mailing_can_be_sent_once_more_and_is_named_by_its_title(place, smtp):
    people = crowd(place, 2)
    smtp.reply_at("RCPT", "554 5.7.0 no", times=1)
    number = running(place)
    send()
    (failed,) = queries.list_people(place.id, number, Word.FAILED).rows
    (entry,) = [
        found
        for found in timeline.entries(place.id, failed.contact_id, None, 10)
        if found.reference == f"{number}-{failed.n}"
    ]
    assert entry.title == "November: refused by the mail server"
    session().rollback()
    with transaction():
        service.resend(number, failed.n)
    assert mailing.state(number) == "running"
    send()
    assert (states(number), mailing.state(number)) == ({"sent": len(people)}, "done")


def test_a_mailing_to_nobody_ends_at_once(place):
    number = running(place)
    assert (mailing.state(number), sums(number).audience) == ("done", 0)


def test_a_mail_server_that_is_away_costs_nobody_anything(place, smtp):
    crowd(place, 30)
    number = running(place)
    smtp.stop()
    send(2)
    assert set(states(number)) == {"pending"}
    session().rollback()
    assert session().execute(text("SELECT max(attempts) FROM messages")).scalar_one() == 0
    smtp.start()
    clock.set_shift(60)
    send()
    assert states(number) == {"sent": 30}


def test_a_workspace_whose_password_is_lost_waits_for_its_owner_and_keeps_nobody_else_waiting(place, smtp):
    other = mailing.setting()
    with transaction():
        service.set_transport(other.id, "127.0.0.1", smtp.port, "opportunistic", "mara", "secret")
    crowd(other, 2)
    crowd(place, 3)
    stuck, goes = running(other), running(place)
    with transaction():
        session().execute(text("UPDATE transports SET secret = 'lost'"))
    send()
    assert states(goes) == {"sent": 3}
    assert (states(stuck), mailing.state(stuck)) == ({"pending": 2}, "paused")
    assert "password" in str(queries.progress(stuck).pause_reason)


def test_a_worker_that_is_stopped_after_its_begin_sends_no_late_mail(place, smtp, monkeypatch):
    crowd(place, 5)
    number = running(place)
    begun_at: dict[int, float] = {}
    begin, hand_on = taking.begin, sending._Slice._hand_on
    pauses = [1.3]

    def noting(batch, *more):
        begun_at.update({held.n: time.monotonic() for held in batch})
        return begin(batch, *more)

    def stopped(self, first, *more):
        if first is not None and pauses:
            time.sleep(pauses.pop())
        hand_on(self, first, *more)

    monkeypatch.setattr(taking, "begin", noting)
    monkeypatch.setattr(sending._Slice, "_hand_on", stopped)
    send()
    assert states(number) == {"sent": 5}
    assert pauses == []
    late = [copy.mail_seen_at - begun_at[int(copy.message_id[3:].split(".")[1].split("@")[0])] for copy in smtp.messages]
    assert max(late) < 1.1, late


def test_who_finds_more_than_one_can_take_calls_others_once(place, smtp):
    crowd(place, 2 * PER_LINE)
    running(place)
    heard: list[tuple[str, str, str]] = []

    class Listener:
        def ring(self, *ring):
            heard.append(ring)

    jobs.install_bell(Listener())
    try:
        send()
    finally:
        jobs.install_bell(jobs.SilentBell())
    assert heard.count(("bulk", "send_slice", "bulk")) == 1


def test_a_mailing_has_ended_while_its_worker_lingers(place, smtp, monkeypatch):
    crowd(place, 3)
    number = running(place)
    work = sending._Slice(Lane.BULK, "somebody")
    is_over, patience = work._is_over, time.monotonic() + 5
    seen: list[str] = []

    def linger(*, may_take):
        seen.append(mailing.state(number))
        return is_over(may_take=may_take) and (seen[-1] == "done" or time.monotonic() > patience)

    monkeypatch.setattr(work, "_is_over", linger)
    try:
        work.run(time.monotonic() + 10, lambda: False)
    finally:
        work.close()
    assert seen[-1] == "done"
