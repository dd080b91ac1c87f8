"""The pump over a real database and a real mail server."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from app.accounts.models import User
from app.consent import queries as consent_queries
from app.consent import service as consent
from app.consent.rules import By, Proof, Reason
from app.contacts.addresses import normalise
from app.content.variables import SYSTEM, samples
from app.delivery import ends, pump, queries, sending, service, taking
from app.delivery import mails as delivery_mails
from app.delivery import outbox as moves
from app.delivery.events import MessagesFinished
from app.delivery.models import Message
from app.delivery.pacing import slots
from app.delivery.pacing.buckets import DEFAULT_ROUTE
from app.delivery.pacing.slots import Ask
from app.delivery.rules import Lane, MessageState, Prepared, Skip, SystemMail, SystemMessage
from app.delivery.transports.base import Outcome, Result, Verb
from app.kernel import clock, events
from app.kernel.db import db, session, transaction
from app.preferences import guardians
from tests.delivery.conftest import Post
from tests.support import make
from tests.support.installation import eventually
from tests.support.outbox import FROM, Wish, begin, in_context, note, update, wish
from tests.support.signup import messages


def run() -> bool:
    return pump.run_slice("system", deadline_seconds=20)


def run_after(seconds: float) -> bool:
    """A slice at a later moment."""
    clock.set_shift(clock._shift.total_seconds() + seconds)
    return run()


@pytest.fixture
def told():
    """Every batch event that was published."""
    heard: list[MessagesFinished] = []
    events.subscribe(MessagesFinished, heard.append)
    yield heard
    events._handlers[MessagesFinished].remove(heard.append)


def test_a_wish_becomes_one_mail(post: Post, told):
    wished = wish(post.where)
    assert run() is False
    (copy,) = post.sink.messages
    row = wished.row()
    assert row.state == "sent"
    assert (row.attempts, row.doubts, row.crash_count, row.lease_owner) == (1, 0, 0, None)
    assert copy.rcpt_to == (wished.address,)
    assert row.reply_code == 250
    assert "queued as" in row.reply_text
    assert [finished.outcome for event in told for finished in event.rows] == ["sent"]
    assert told[0].rows[0].message_id == copy.message_id
    assert told[0].rows[0].dedupe == wished.request_id


def test_a_second_wish_with_the_same_key_changes_nothing(post: Post):
    wished = wish(post.where)
    with transaction():
        service.send_system(post.where.id, "confirm", dedupe=wished.request_id, contact_id=wished.contact_id)
    run()
    run()
    assert len(post.sink.messages) == 1


def test_the_standing_mailing_of_a_workspace_is_made_once_by_many_at_once(post: Post):
    people = [make.person(post.where.id) for _ in range(8)]
    requests = [make.asked(post.where, who) for who in people]

    def send(index: int) -> None:
        with transaction():
            service.send_system(
                post.where.id, "confirm", dedupe=requests[index].id, contact_id=people[index].id
            )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda index: in_context(post.app, send, index), range(8)))
    run()
    assert len({copy.rcpt_to for copy in post.sink.messages}) == 8
    assert session().execute(text("SELECT count(*) FROM mailings WHERE name = 'confirm'")).scalar_one() == 1


def test_two_sessions_never_begin_the_same_message(post: Post):
    wishes = [wish(post.where) for _ in range(40)]

    def claim_all(owner: str) -> list[int]:
        taken = []
        while True:
            batch = begin(3, owner)
            if not batch:
                return taken
            taken += [held.n for held in batch]

    with ThreadPoolExecutor(4) as pool:
        lists = list(pool.map(lambda owner: in_context(post.app, claim_all, owner), "abcd"))
    taken = [n for found in lists for n in found]
    assert len(taken) == len(set(taken)) == len(wishes)


def test_a_turn_passes_over_a_row_that_another_session_holds(post: Post):
    first, second = wish(post.where), wish(post.where)
    row = first.row()
    with post.app.app_context(), db.engine.begin() as other:
        other.execute(text("SELECT 1 FROM messages WHERE n = :n FOR UPDATE"), {"n": row.n})
        assert begin()[0].n == second.row().n


def test_two_workers_send_sixty_mails_once_each(post: Post):
    for _ in range(60):
        wish(post.where)

    def work() -> None:
        while pump.run_slice("system", deadline_seconds=30):
            pass

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(in_context, post.app, work) for _ in range(2)]:
            done.result()
    recipients = [copy.rcpt_to for copy in post.sink.messages]
    assert len(recipients) == len(set(recipients)) == 60
    assert len({copy.connection for copy in post.sink.messages}) <= 8, "connections are kept"


def test_a_veto_before_its_turn_stops_the_mail(post: Post):
    wished = wish(post.where)
    with transaction():
        consent.suppress(post.where.id, wished.contact_id, Reason.COMPLAINT, by=By("system"))
    run()
    row = wished.row()
    assert (row.state, row.reply_text) == ("suppressed", "complaint")
    assert row.began_at is None
    assert row.done_at is not None


def test_who_says_no_right_now_is_passed_over_and_asked_again(post: Post):
    wished = wish(post.where)
    is_locked, may_end = threading.Event(), threading.Event()

    def veto() -> None:
        with transaction():
            consent.suppress(post.where.id, wished.contact_id, Reason.NEVER, by=By("staff"))
            is_locked.set()
            may_end.wait(20)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(in_context, post.app, veto)
        assert is_locked.wait(5)
        pump.run_slice("system", deadline_seconds=1)
        assert (wished.state, wished.row().attempts) == ("pending", 0)
        may_end.set()
        done.result()
    run()
    assert wished.state == "suppressed"
    assert post.sink.messages == []


def test_an_objection_to_marketing_does_not_silence_the_answer_to_a_persons_own_act(post: Post):
    wished = wish(post.where)
    with transaction():
        session().execute(
            text("UPDATE reach SET objected_at = now() WHERE contact_id = :id"), {"id": wished.contact_id}
        )
    run()
    assert wished.state == "sent"


def test_a_stale_result_is_left_alone_but_sent_wins_over_a_freed_row(post: Post):
    wished = wish(post.where)
    (held,) = begin()
    update(wished, "state = 'unknown', fence = fence + 1")
    with transaction():
        assert moves.finish(held, moves.End(MessageState.FAILED, "late")) is False
    assert wished.state == "unknown"
    with transaction():
        assert moves.finish(held, moves.End(MessageState.SENT, "250 ok")) is True
    assert wished.state == "sent"


def test_a_sent_message_stays_sent(post: Post):
    wished = wish(post.where)
    (held,) = begin()
    with transaction():
        moves.finish(held, moves.End(MessageState.SENT, "250 ok"))
    with transaction():
        assert moves.finish(held, moves.End(MessageState.UNKNOWN, "late")) is False
        moves.give_back([held], "test")
    assert wished.state == "sent"


def test_whose_begin_was_lost_with_the_database_gives_back_nobody_elses_message(post: Post):
    wished = wish(post.where)
    lost = []
    with pytest.raises(ConnectionError), transaction():
        lost += begin(owner="one")
        raise ConnectionError
    theirs = begin(owner="other")
    assert [held.fence for held in lost] == [held.fence for held in theirs]
    with transaction():
        moves.give_back(lost, "one")
    assert wished.state == "attempting", "the other one is at it"
    with transaction():
        moves.give_back(theirs, "other")
    assert wished.state == "pending"


def test_greylisting_is_met_with_patience_and_the_same_message(post: Post):
    post.sink.reply_at("RCPT", "451 4.7.1 greylisted, come back later", times=2)
    wished = wish(post.where)
    run()
    first = wished.row()
    assert (first.state, first.attempts) == ("pending", 1)
    assert 0.8 * 360 <= (first.due_at - first.began_at).total_seconds() <= 1.2 * 360 + 2
    run_after(200)
    assert wished.row().attempts == 1, "too early"
    run_after(300)
    second = wished.row()
    assert (second.state, second.attempts) == ("pending", 2)
    assert 0.8 * 900 <= (second.due_at - second.began_at).total_seconds() <= 1.2 * 900 + 2
    run_after(1100)
    assert wished.state == "sent"
    assert len(post.sink.messages) == 1


def test_a_mailbox_that_does_not_exist_is_suppressed(post: Post):
    post.sink.reply_at("RCPT", "550 5.1.1 no such user")
    wished = wish(post.where)
    run()
    row = wished.row()
    assert (row.state, row.reply_code, row.reply_status) == ("failed", 550, "5.1.1")
    reach = consent_queries.find_reach(post.where.id, wished.contact_id)
    assert reach is not None
    assert reach.suppressed_reason == "bounce"


def test_a_mailbox_of_somebody_else_that_does_not_exist_says_nothing_about_theirs(post: Post):
    """A guardian's, or a new address that somebody wished for with a slip of the pen."""
    post.sink.reply_at("RCPT", "550 5.1.1 no such user")
    who = make.person(post.where.id)
    request = make.asked(post.where, who)
    with transaction():
        guardians.ask(request.id, normalise("gone@example.org"))
    run()
    assert messages("confirm-guardian")[0].state == "failed"
    assert consent_queries.find_reach(post.where.id, who.id).suppressed_at is None


def test_a_blocklist_is_not_the_recipients_fault(post: Post):
    post.sink.reply_at("RCPT", "550 5.7.1 blocked, see spamhaus")
    wished = wish(post.where)
    run()
    assert wished.state == "failed"
    reach = consent_queries.find_reach(post.where.id, wished.contact_id)
    assert reach is not None
    assert reach.suppressed_at is None


def test_answers_are_stored_without_addresses(post: Post):
    wished = wish(post.where)
    post.sink.reply_at("RCPT", f"550 5.2.2 <{wished.address}> is full\x07")
    run()
    assert wished.address not in wished.row().reply_text
    assert "is full" in wished.row().reply_text


def test_a_mail_server_that_is_away_costs_no_attempt(post: Post):
    post.sink.stop()
    wished = wish(post.where)
    for shift in (0, 6, 12, 30):
        run_after(shift)
        row = wished.row()
        assert (row.state, row.attempts) == ("pending", 0)
    post.sink.start()
    run_after(60)
    assert (wished.state, wished.row().attempts) == ("sent", 1)


def test_a_dead_server_is_asked_once_a_slice(post: Post):
    asked: list[str] = []

    def note_it(argument: str) -> bool:
        asked.append(argument)
        return True

    post.sink.reply_at("CONNECT", "421 4.3.2 come back later", matches=note_it)
    wishes = [wish(post.where) for _ in range(5)]
    run()
    assert [(found.state, found.row().attempts) for found in wishes] == [("pending", 0)] * 5
    assert len(asked) == 1


def test_a_line_cut_before_the_dot_loses_nothing_and_doubles_nothing(post: Post):
    for step in ("MAIL", "RCPT", "DATA"):
        post.sink.drop_at(step)
        wished = wish(post.where)
        run()
        assert (wished.state, wished.row().attempts) == ("pending", 0), step
        run_after(10)
        assert wished.state == "sent", step
    assert len(post.sink.copies) == 3


def test_no_answer_after_the_dot_is_doubt_and_is_tried_once_more_with_the_same_bytes(post: Post, told):
    post.sink.drop_at("DOT")
    wished = wish(post.where)
    run()
    row = wished.row()
    assert (row.state, row.doubts) == ("unknown", 1)
    assert queries.count_unknown(post.where.id) == 1
    run_after(14 * 60)
    assert wished.state == "unknown", "too early"
    run_after(61)
    assert wished.state == "sent"
    first, second = post.sink.copies
    assert first.raw == second.raw
    assert first.message_id == second.message_id
    assert first.mail_from == second.mail_from
    assert [finished.outcome for event in told for finished in event.rows] == ["unknown", "sent"]


def test_a_second_doubt_waits_for_a_person(post: Post):
    post.sink.drop_at("DOT", times=2)
    wished = wish(post.where)
    run()
    run_after(15 * 60 + 1)
    assert (wished.state, wished.row().doubts) == ("unknown", 2)
    run_after(3600)
    assert wished.state == "unknown"
    with transaction():
        service.resend(wished.row().mailing_no, wished.row().n)
    run()
    assert wished.state == "sent"
    assert len({copy.message_id for copy in post.sink.copies}) == 1


def test_the_message_id_stays_when_the_sender_moves_to_another_domain(post: Post):
    post.sink.reply_at("RCPT", "451 4.3.0 later", times=1)
    wished = wish(post.where)
    run()
    with transaction():
        service.set_sender(post.where.id, "Ostkai", "hello@moved.example")
    run_after(3600)
    (copy,) = post.sink.messages
    assert copy.message_id.endswith("@ostkai.example>")
    assert copy.parsed["From"] == "Ostkai <hello@moved.example>"
    assert wished.row().from_domain == "ostkai.example"


def test_an_attempt_whose_worker_died_becomes_doubt(post: Post):
    wished = wish(post.where)
    begin()
    pump.reap()
    assert wished.state == "attempting", "its lease is not over"
    clock.set_shift(13 * 60)
    pump.reap()
    assert (wished.state, wished.row().crash_count) == ("unknown", 1)


def test_content_that_cannot_be_made_fails_at_the_second_time(post: Post, mails):
    mails["test.broken"] = RuntimeError("no such thing")
    dedupe = note(post.where.owner_id, post.where, "test.broken")
    row = lambda: session().execute(select(Message).where(Message.dedupe_key == dedupe)).scalar_one()  # noqa: E731
    run()
    session().expire_all()
    assert (row().state, row().attempts) == ("pending", 0)
    run_after(61)
    session().rollback()
    session().expire_all()
    assert row().state == "failed"
    assert "no such thing" in row().reply_text


def test_a_mail_whose_making_spoils_the_transaction_takes_nobody_with_it(post: Post, monkeypatch):
    spoilt, fine = wish(post.where), wish(post.where)
    prepare = delivery_mails.get("confirm").prepare

    def broken(message: SystemMessage):
        if message.dedupe == spoilt.request_id:
            session().execute(text("SELECT 1 / 0"))
        return prepare(message)

    monkeypatch.setattr(delivery_mails, "get", lambda name: SystemMail(name, broken))
    run()
    assert (fine.state, spoilt.state, spoilt.row().attempts) == ("sent", "pending", 0)
    assert "division by zero" in spoilt.row().reply_text
    run_after(61)
    assert spoilt.state == "failed"


def test_mailings_that_hold_every_line_keep_no_system_mail_waiting(post: Post):
    with transaction():
        assert slots.renew("somebody", {DEFAULT_ROUTE: Ask(slots.USUAL, slots.USUAL)})
    wished = wish(post.where)
    run()
    assert wished.state == "sent"


def test_a_mail_with_nothing_to_say_is_skipped_with_its_reason(post: Post, mails):
    mails["test.late"] = Skip("It was answered already.")
    dedupe = note(post.where.owner_id, post.where, "test.late")
    run()
    row = session().execute(select(Message).where(Message.dedupe_key == dedupe)).scalar_one()
    assert (row.state, row.reply_text) == ("suppressed", "It was answered already.")


def test_without_a_sender_the_mail_waits(live, smtp, told):
    where = make.place()
    wished = wish(where)
    run()
    assert (wished.state, wished.row().attempts) == ("pending", 0)
    with transaction():
        service.set_sender(where.id, "Ostkai", FROM)
    from tests.support.outbox import use_sink

    use_sink(smtp)
    run_after(301)
    assert wished.state == "sent"


def test_a_mail_to_staff_depends_on_the_user_alone(post: Post, mails):
    mails["test.note"] = Prepared(
        to="jonna@ostkai.example", template="invite", language="en", values=samples(SYSTEM)
    )
    note(post.where.owner_id, post.where, "test.note")
    run()
    (copy,) = post.sink.messages
    assert copy.rcpt_to == ("jonna@ostkai.example",)
    assert copy.parsed["List-Unsubscribe"] is None
    assert copy.parsed["Auto-Submitted"] == "auto-generated"
    with transaction():
        session().get_one(User, post.where.owner_id).disabled_at = clock.now()
    dedupe = note(post.where.owner_id, post.where, "test.note")
    run()
    row = session().execute(select(Message).where(Message.dedupe_key == dedupe)).scalar_one()
    assert (row.state, row.reply_text) == ("suppressed", "this user is disabled")
    assert len(post.sink.messages) == 1


def test_a_workspaces_own_mail_server_takes_its_mails(post: Post):
    from tests.support.smtp_sink import SmtpSink

    with SmtpSink(credentials=("ostkai", "harbour light")) as own:
        with transaction():
            service.set_transport(
                post.where.id, "127.0.0.1", own.port, "opportunistic", "ostkai", "harbour light"
            )
            stored = session().execute(text("SELECT secret FROM transports")).scalar_one()
        assert b"harbour" not in bytes(stored)
        wish(post.where)
        run()
        assert len(own.messages) == 1
    assert post.sink.messages == []


def test_no_connection_to_the_database_is_held_while_the_server_is_slow(post: Post):
    rule = post.sink.hold_at("DOT")
    wish(post.where)
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(in_context, post.app, run)
        assert rule.reached.wait(20)
        session().rollback()
        db.session.remove()
        try:
            # It looks for more now and then, and gives the connection back each time.
            eventually(lambda: db.engine.pool.checkedout() == 0, seconds=5, pause=0.001)
        finally:
            rule.release()
        done.result()


def test_mail_from_follows_its_begin_at_once_or_the_rest_goes_back(post: Post, monkeypatch):
    wished = wish(post.where)
    monkeypatch.setattr(sending, "MAIL_WITHIN_SECONDS", -1.0)
    pump.run_slice("system", deadline_seconds=0.5)
    assert (wished.state, wished.row().attempts) == ("pending", 0)
    assert not any(command.startswith("MAIL") for command in post.sink.commands)


def test_a_slice_ends_when_it_is_told_to(post: Post):
    wishes = [wish(post.where) for _ in range(100)]
    assert pump.run_slice("system", stop=lambda: len(post.sink.messages) >= 1) is True
    states = Counter(found.state for found in wishes)
    assert states["sent"] == len(post.sink.messages) >= 1
    assert states["pending"] == 100 - states["sent"] >= 20


def test_who_is_told_to_end_while_all_windows_are_full_leaves_work_for_the_next(post: Post, monkeypatch):
    rule = post.sink.hold_at("DOT")
    for _ in range(40):
        wish(post.where)
    told, looks = threading.Event(), []
    take = taking.take

    def counted(*values, **more):
        looks.append(take(*values, **more))
        return looks[-1]

    monkeypatch.setattr(taking, "take", counted)
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(in_context, post.app, lambda: pump.run_slice("system", stop=told.is_set))
        assert rule.reached.wait(20)
        eventually(lambda: bool(looks) and not looks[-1])  # a look has found that nobody else may begin
        told.set()
        rule.release()
        assert done.result() is True


def test_a_restart_of_the_database_loses_no_answer(post: Post, servers):
    rule = post.sink.hold_at("DOT")
    wished = wish(post.where)
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(in_context, post.app, run)
        assert rule.reached.wait(20)
        session().rollback()
        db.session.remove()
        db.engine.dispose()
        servers.postgres.kill()
        rule.release()
        time.sleep(0.5)
        servers.postgres.start()
        # The slice ends with that, once everything is written down.
        with contextlib.suppress(OperationalError):
            done.result()
    assert wished.state == "sent"
    assert len(post.sink.copies) == 1


def addressed(post: Post, count: int, mails) -> list[tuple[UUID, UUID]]:
    """A mailing to people who said yes; their contact and permission."""
    mails["test.news"] = Prepared(
        to="mara@example.org",
        template="invite",
        language="en",
        values=samples(SYSTEM),
    )
    people = []
    for _ in range(count):
        who = make.person(post.where.id)
        make.confirmed(post.where, who, interests=1)
        (permission,) = consent_queries.list_permissions(post.where.id, who.id)
        people.append((who.id, permission.id))
    with transaction():
        session().execute(text("UPDATE messages SET state = 'cancelled'"))
        no = (
            session()
            .execute(
                text(
                    "INSERT INTO mailings (id, workspace_id, kind, name, lane, purpose, channel, state, created_at)"
                    " VALUES (gen_random_uuid(), :w, 'bulk', 'test.news', 'bulk', 'marketing', 'email', 'running', now())"
                    " RETURNING no"
                ),
                {"w": post.where.id},
            )
            .scalar_one()
        )
        session().execute(
            text(
                "INSERT INTO messages (mailing_no, n, workspace_id, contact_id, permission_id, reach_id, dedupe_key,"
                " state, created_at, due_at) SELECT :no, row_number() OVER (ORDER BY p.id), p.workspace_id,"
                " p.contact_id, p.id, r.id, p.contact_id, 'pending', now(), now() FROM permissions p"
                " JOIN reach r ON r.contact_id = p.contact_id"
            ),
            {"no": no},
        )
    return people


def states() -> dict[str, int]:
    session().rollback()
    return {
        state.value: count
        for state, count in queries.count_by_state().items()
        if count and state is not MessageState.CANCELLED
    }


def test_bulk_goes_to_those_who_may_be_written_to_at_that_moment(post: Post, mails):
    people = addressed(post, 24, mails)
    with transaction():
        consent.withdraw(post.where.id, people[0][0], [post.where.interests[0].id], by=By(), proof=Proof())
        consent.stop_everything(post.where.id, people[1][0], by=By(), proof=Proof())
        session().execute(
            text("UPDATE permissions SET paused_until = now() + interval '1 day' WHERE id = :id"),
            {"id": people[2][1]},
        )
    assert pump.run_slice("bulk", deadline_seconds=20) is False
    assert states() == {"sent": 21, "suppressed": 3}
    reasons = session().execute(text("SELECT reply_text FROM messages WHERE state = 'suppressed' ORDER BY 1"))
    assert list(reasons.scalars()) == ["no permission", "no permission", "stopped everything"]
    assert queries.count_by_word(queries.count_by_state())["sent"] == 21


def test_a_paused_mailing_begins_nothing(post: Post, mails):
    addressed(post, 3, mails)
    with transaction():
        ((head, _),) = taking.choose(Lane.BULK, clock.now())
        batch = [one.held for one in taking.take(head, 20, clock.now())]
        assert len(batch) == 3
        session().execute(text("UPDATE mailings SET state = 'paused' WHERE kind = 'bulk'"))
        assert not taking.begin(batch, "test", "ostkai.example", clock.now())
    assert states() == {"pending": 3}
    pump.run_slice("bulk", deadline_seconds=5)
    assert states() == {"pending": 3}
    assert post.sink.messages == []


def test_two_begin_to_a_receiver_that_has_not_answered_yet(post: Post, mails):
    addressed(post, 23, mails)
    rule = post.sink.hold_at("DOT")
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(in_context, post.app, pump.run_slice, "bulk")
        assert rule.reached.wait(20)
        counts = states()
        rule.release()
        done.result()
    assert counts["attempting"] == 2
    assert states() == {"sent": 23}


def test_messages_whose_worker_ended_begin_alone_and_last(post: Post, mails, monkeypatch):
    addressed(post, 6, mails)
    with transaction():
        session().execute(text("UPDATE messages SET crash_count = 1 WHERE n IN (1, 3) AND state = 'pending'"))
    begun: list[list[int]] = []
    really = taking.begin

    def noting(batch, *more):
        begun.append([held.n for held in batch])
        return really(batch, *more)

    monkeypatch.setattr(taking, "begin", noting)
    pump.run_slice("bulk", deadline_seconds=20)
    assert sorted(n for batch in begun[:-2] for n in batch) == [2, 4, 5, 6]
    assert sorted(begun[-2:]) == [[1], [3]]
    assert states() == {"sent": 6}


def test_the_mailing_that_has_had_least_for_its_weight_comes_first(post: Post, mails):
    addressed(post, 4, mails)
    begin(2, lane=Lane.BULK)
    assert session().execute(text("SELECT vtime FROM mailings WHERE kind = 'bulk'")).scalar_one() == 2


def test_doubt_about_marketing_waits_for_a_person(post: Post, mails):
    addressed(post, 1, mails)
    post.sink.drop_at("DOT")
    pump.run_slice("bulk", deadline_seconds=5)
    assert states() == {"unknown": 1}
    clock.set_shift(3600)
    pump.run_slice("bulk", deadline_seconds=5)
    assert states() == {"unknown": 1}
    assert len(post.sink.copies) == 1


def test_forgetting_a_person_leaves_numbers_and_no_words(post: Post):
    wished: Wish = wish(post.where)
    with transaction():
        service.forget_person(post.where.id, wished.contact_id)
    run()
    row = wished.row()
    assert (row.state, row.data, row.domain_group, row.reply_text) == ("cancelled", None, None, None)
    assert post.sink.messages == []
    assert timedelta(0) == timedelta(seconds=queries.oldest_due_seconds())


def test_a_reply_is_kept_as_the_server_gave_it_and_our_own_words_with_their_code():
    accepted = Result(Outcome.SENT, 250, "2.0.0", "2.0.0 Ok: queued as 7", Verb.DOT)
    assert ends.words_of(accepted) == "250 2.0.0 Ok: queued as 7"
    ours = Result(Outcome.PERMANENT, 550, "5.6.7", "no SMTPUTF8", Verb.LOCAL)
    assert ends.words_of(ours) == "550 5.6.7 no SMTPUTF8"
    assert ends.words_of(Result(Outcome.SENT, 250, "", "Ok", Verb.DOT)) == "250 Ok"


def test_processes_forked_from_one_that_had_loaded_everything_hold_leases_of_their_own():
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as children:
        names = list(children.map(name_of_a_slice, range(20)))
    assert len(set(names)) == 20
    assert {name.split(":")[1] for name in names} != {str(os.getpid())}


def name_of_a_slice(_turn: int) -> str:
    return pump._name()
