"""Limits in the tables: granted, learnt and shared by several sessions at once."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.delivery import queries, retries, service
from app.delivery.pacing import buckets, rules, slots
from app.delivery.pacing.buckets import DEFAULT_ROUTE, route_key, route_sql
from app.delivery.pacing.groups import FOLDED, group_of, group_sql
from app.delivery.pacing.pacer import Pacer
from app.delivery.pacing.rules import WHOLE, Pace, Said
from app.delivery.pacing.slots import Ask
from app.delivery.rules import Lane
from app.delivery.service import pacing
from app.delivery.transports.base import Verb
from app.kernel import clock, db
from app.kernel.errors import BadInput, Conflict
from tests.support import mailing
from tests.support.outbox import place_with_sender, wish

R = DEFAULT_ROUTE
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(moment: datetime, call, *args, **more):
    """Call within a transaction of that time."""
    with db.transaction():
        clock.set_to(moment)
        return call(*args, **more)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def said(group: str, code: int | None, text_: str, verb: str = "rcpt", enhanced: str = "") -> Said:
    return Said(group, retries.classify(code, enhanced, text_, Verb(verb)), Verb(verb), code, enhanced, text_)


def ok(group: str) -> Said:
    return said(group, 250, "ok", "dot")


def learn(moment: datetime, *answers: Said, route: str = R, pacer: Pacer | None = None) -> None:
    with db.transaction():
        clock.set_to(moment)
        one = pacer or Pacer()
        one.look()
        one.learn(route, answers)


def grant(moment: datetime, wanted: dict[str, int], **more) -> dict[str, int]:
    return at(moment, buckets.grant, R, wanted, **more)


def limit(domain: str, per_minute: float, moment: datetime = NOW) -> None:
    at(moment, pacing.set_rate, R, domain, per_minute)


def rows() -> int:
    return db.session().execute(text("SELECT count(*) FROM paces")).scalar_one()


# Buckets.


def test_what_nothing_limits_costs_one_read_a_turn_and_no_row(session, count_statements):
    pacer, groups = Pacer(), {"gmail.com": 200, "a.example": 100}
    with db.transaction():
        with count_statements() as statements:
            pacer.look()
            assert pacer.grant(R, groups) == groups
            assert pacer.postpone(R, 1) == 0
            pacer.learn(R, [ok("gmail.com")] * 200 + [said("a.example", 550, "who?", enhanced="5.1.1")] * 100)
            pacer.give_back(R, {"gmail.com": 3})
    assert len(statements) == 1
    assert rows() == 0


def test_a_bucket_begins_empty_fills_by_the_clock_and_keeps_little(session):
    limit("gmail.com", 600)
    assert grant(NOW, {"gmail.com": 50, "a.example": 7}) == {"gmail.com": 0, "a.example": 7}
    assert grant(after(0.25), {"gmail.com": 50}) == {"gmail.com": 2}
    assert grant(after(0.30), {"gmail.com": 50}) == {"gmail.com": 1}
    assert grant(after(0.30), {"gmail.com": 50}) == {"gmail.com": 0}
    assert grant(after(600), {"gmail.com": 50}) == {"gmail.com": 3}, "a quarter of a second and one"


def test_a_clock_that_stands_behind_gives_nothing_twice(session):
    limit("gmail.com", 600)
    assert grant(after(0.3), {"gmail.com": 50}) == {"gmail.com": 3}
    assert grant(after(0.1), {"gmail.com": 50}) == {"gmail.com": 0}
    assert grant(after(0.35), {"gmail.com": 50}) == {"gmail.com": 0}
    assert grant(after(0.4), {"gmail.com": 50}) == {"gmail.com": 1}
    assert grant(after(0.8), {"gmail.com": 2}) == {"gmail.com": 2}
    assert grant(after(0.1), {"gmail.com": 1}) == {"gmail.com": 1}, "there was one more"
    assert grant(after(0.8), {"gmail.com": 50}) == {"gmail.com": 0}, "and no time has passed"


def test_a_route_as_a_whole_is_shared_by_its_groups(session):
    limit("", 2400)
    limit("gmail.com", 600)
    granted = grant(after(0.2), {"gmail.com": 50, "a.example": 50, "": 1})
    assert granted == {"gmail.com": 2, "a.example": 5, "": 1}
    assert sum(grant(after(0.2), {"a.example": 5}).values()) == 0
    assert at(after(0.2), buckets.grant, "another", {"a.example": 50}) == {"a.example": 50}


def test_system_mail_goes_ahead_and_the_sum_stays_the_same(session):
    limit("gmail.com", 60)
    assert grant(NOW, {"gmail.com": 9}, lane=Lane.SYSTEM) == {"gmail.com": 5}
    assert grant(after(4.9), {"gmail.com": 1}) == {"gmail.com": 0}
    assert grant(after(6.1), {"gmail.com": 1}) == {"gmail.com": 1}


def test_what_did_not_begin_goes_back(session):
    limit("gmail.com", 600)
    assert grant(after(0.25), {"gmail.com": 2}) == {"gmail.com": 2}
    with db.transaction():
        buckets.give_back(R, {"gmail.com": 2, "a.example": 1})
    assert grant(after(0.25), {"gmail.com": 2}) == {"gmail.com": 2}


def test_the_statement_and_the_rules_reckon_alike(session):
    paces = [
        Pace(rate=rate, goal=goal, start=start, own_rate=own, rated_at=after(rated))
        for rate, goal in ((50.0, 100.0), (3.0, 40.0))
        for start in (None, 1.0, 0.2)
        for own in (None, 8.0)
        for rated in (-200, -31, -3.5, 0)
    ]
    for n, pace in enumerate(paces):
        with db.transaction():
            clock.set_to(NOW)
            db.session().execute(
                text(
                    "INSERT INTO paces (route, domain_group, own_rate, rate, goal, start, rated_at, filled_at)"
                    " VALUES (:r, :g, :own, :rate, :goal, :start, :rated, :filled)"
                ),
                {
                    "r": R, "g": f"d{n}.example", "own": pace.own_rate, "rate": pace.rate, "goal": pace.goal,
                    "start": pace.start, "rated": pace.rated_at, "filled": after(-1.9),
                },
            )  # fmt: skip
    granted = grant(NOW, {f"d{n}.example": 10_000 for n in range(len(paces))})
    for n, pace in enumerate(paces):
        rate = pace.allows(NOW)
        expected = 10_000 if rate is None else int(buckets.filled(0, rate, 1.9))
        assert granted[f"d{n}.example"] == expected, pace


@pytest.mark.parametrize(("per_minute", "seconds"), [(600, 4.0), (6000, 3.0)])
def test_four_sessions_never_take_more_than_the_rate(live, per_minute, seconds):
    with db.transaction():
        pacing.set_rate(R, "gmail.com", per_minute)
        began = time.monotonic()
    taken: list[tuple[float, int]] = []

    def work() -> None:
        with live.app_context():
            while time.monotonic() - began < seconds:
                with db.transaction():
                    got = buckets.grant(R, {"gmail.com": 7, "a.example": 1})["gmail.com"]
                taken.append((time.monotonic(), got))
            db.release()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole, span = sum(got for _, got in taken), max(at_ for at_, _ in taken) - began
    most = per_minute / 60 * span
    assert 0.7 * most <= whole <= 1.05 * most + 1


# What receivers say.


def test_a_receiver_that_asks_for_patience_slows_its_group_only_and_is_told(session):
    where = place_with_sender()
    pacer = Pacer()
    learn(NOW, *[ok("gmail.com")] * 120, pacer=pacer)
    learn(NOW, said("gmail.com", 450, "450 4.7.28 rate", enhanced="4.7.28"), ok("a.example"), pacer=pacer)
    with db.transaction():
        clock.set_to(after(1))
        (found,) = queries.standing(where.id)
        limits = pacer.look()
    assert found.group == "gmail.com"
    assert "asked us to slow down: 450 4.7.28. " in found.why, (
        "others' words stay theirs on everybody's server"
    )
    assert found.per_minute == pytest.approx(60 * 60.5, rel=0.01), "half of what went there"
    assert not found.is_resting
    assert not limits.touches(R, ["a.example"])
    assert grant(after(1), {"gmail.com": 500, "a.example": 500}) == {"gmail.com": 16, "a.example": 500}
    at(after(450), pacing.sweep)
    assert at(after(450), queries.standing, where.id) == []
    assert rows() == 1, "its speed is remembered a little longer"
    at(after(1500), pacing.sweep)
    assert rows() == 0


def test_a_dead_route_is_tried_by_one_message_and_a_success_opens_it(session, count_statements):
    learn(NOW, *[said("a.example", None, "refused", "connect")] * 30)
    with db.transaction():
        clock.set_to(after(1))
        limits = buckets.limits()
        assert limits.shut_routes() == [R]
        assert limits.opens_in() == pytest.approx(4)
        assert limits.shut_groups(R) == [], "nobody else is at fault"
    assert grant(after(4), {"a.example": 5}) == {"a.example": 0}
    assert grant(after(5), {"b.example": 5, "a.example": 5}) in (
        {"b.example": 1, "a.example": 0},
        {"b.example": 0, "a.example": 1},
    )
    assert grant(after(6), {"a.example": 5}) == {"a.example": 0}, "the probe is under way"
    assert grant(after(5) + rules.PROBE, {"a.example": 5}) == {"a.example": 1}, "whoever had it is gone"
    learn(after(130), ok("a.example"))
    assert grant(after(130), {"a.example": 5}) == {"a.example": 5}


def test_a_probe_that_was_not_made_is_somebody_elses(session):
    learn(NOW, said("a.example", None, "refused", "connect"))
    assert grant(after(5), {"a.example": 5}) == {"a.example": 1}
    with db.transaction():
        buckets.give_back(R, {"a.example": 1})
    assert grant(after(5), {"b.example": 5}) == {"b.example": 1}


@pytest.mark.parametrize(
    ("answer", "next_at"),
    [
        (said("a.example", None, "the line was closed", "dot"), 15),
        (said("a.example", None, "the line was closed", "body"), 5),
        (said("a.example", 550, "no SMTPUTF8", "local"), 5),
    ],
    ids=["behind the dot", "in the mail", "never left"],
)
def test_a_probe_that_says_nothing_of_the_route_does_not_shut_it_for_its_whole_lease(session, answer, next_at):
    learn(NOW, said("a.example", None, "refused", "connect"))
    assert grant(after(5), {"a.example": 5}) == {"a.example": 1}
    learn(after(5), answer)
    if next_at > 5:
        assert grant(after(next_at - 1), {"b.example": 5}) == {"b.example": 0}, "it has failed, and rests for longer"
    assert grant(after(next_at), {"b.example": 5}) == {"b.example": 1}


def test_twenty_faults_stop_one_group_only(session):
    for _ in range(4):
        learn(NOW, *[said("a.example", None, "timed out")] * 5, ok("b.example"))
    with db.transaction():
        clock.set_to(after(1))
        limits = buckets.limits()
    assert limits.shut_routes() == []
    assert limits.shut_groups(R) == ["a.example"]
    assert grant(after(61), {"a.example": 9, "b.example": 9}) == {"a.example": 1, "b.example": 9}
    learn(after(62), said("a.example", None, "timed out"), ok("b.example"))
    assert grant(after(181), {"a.example": 9}) == {"a.example": 0}
    assert grant(after(182), {"a.example": 9}) == {"a.example": 1}
    learn(after(183), said("a.example", 550, "no such user", enhanced="5.1.1"))
    assert grant(after(183), {"a.example": 9}) == {"a.example": 9}


def test_who_puts_off_twenty_in_a_row_is_asked_by_one_mail_at_a_time(session):
    pacer, not_now = Pacer(), said("a.example", 451, "4.2.0 not now", enhanced="4.2.0")
    grey = said("g.example", 450, "greylisted", enhanced="4.2.0")
    learn(NOW, *[not_now] * 19, *[grey] * 40, pacer=pacer)
    learn(NOW, ok("a.example"), *[not_now] * 19, pacer=pacer)
    learn(NOW, *[not_now] * 19, pacer=pacer)
    assert rows() == 0, "what is said about one message limits nobody"
    learn(NOW, not_now, ok("b.example"), pacer=pacer)
    (limit,) = at(NOW, buckets.limits).paces.items()
    assert limit[0] == (R, "a.example")
    assert rules.words(limit[1], "a.example", NOW) == (
        "a.example takes no mail, 20 times in a row: 4.2.0 not now. One mail tries again in 60 seconds."
    )
    assert at(after(1), buckets.limits).cooling(R) == ["a.example"]
    assert grant(after(61), {"a.example": 9, "b.example": 9}) == {"a.example": 1, "b.example": 9}
    learn(after(62), not_now)
    assert grant(after(181), {"a.example": 9}) == {"a.example": 0}
    assert grant(after(182), {"a.example": 9}) == {"a.example": 1}
    learn(after(183), ok("a.example"))
    assert grant(after(183), {"a.example": 9}) == {"a.example": 9}


def test_the_next_one_may_connect_to_who_cools_down_a_second_later(session):
    at(NOW, service.set_connections, R, 20)
    moments = [0.0, 0.0, 1.0, 1.2, 2.3, 2.4]
    assert [at(after(moment), slots.turn, R) for moment in moments] == [True, False, False, True, False, True]
    assert at(after(2.4), slots.turn, "other")
    assert renew("a", 0, 50, after(2.4)) == 20, "it is no connection of anybody"


def test_a_changed_server_is_tried_at_once_and_a_removed_one_leaves_nothing(session, smtp):
    where = place_with_sender(smtp)
    with db.transaction():
        route = pacing.own_route(where.id)
    refusal = said("a.example", 535, "535 5.7.8 bad password", "auth", "5.7.8")
    learn(NOW, refusal, route=route)
    with db.transaction():
        clock.set_to(after(1))
        (found,) = queries.standing(where.id)
        assert found.is_resting
        assert "does not let us send: 535 5.7.8 bad password" in found.why
        service.set_transport(where.id, "127.0.0.1", smtp.port, "opportunistic", "nod", "better")
        assert queries.standing(where.id) == []
        service.set_rate(route, "", 100)
        service.unset_transport(where.id)
    assert rows() == 0


def test_a_door_that_opens_again_lets_nobody_in_who_waited_before_it(session):
    learn(NOW, said("gmail.com", 421, "421 busy"))
    assert grant(after(30), {"gmail.com": 5}) == {"gmail.com": 0}
    assert grant(after(33), {"gmail.com": 5}) == {"gmail.com": 1}


def test_reopening_a_route_leaves_its_receivers_wishes_unless_all_are_meant(session):
    for answer in (said("gmail.com", 450, "slow down"), said("a.example", None, "refused", "connect")):
        learn(NOW, answer)
    at(NOW, service.reopen, R)
    assert [limit.group for limit in at(after(1), queries.route_standing)] == ["gmail.com"]
    at(NOW, service.reopen, R, is_all=True)
    assert at(after(1), queries.route_standing) == []


def test_what_is_learnt_about_a_server_that_is_gone_fails_nothing(session):
    learn(NOW, said("a.example", None, "refused", "connect"), route="0192f0c1-0000-7000-8000-000000000000")
    assert rows() == 1


def test_sessions_that_learn_at_once_wait_for_each_other(live):
    faults: list[BaseException] = []
    ready = threading.Barrier(4)

    def work(is_first: bool) -> None:
        with live.app_context():
            try:
                for turn in range(6):
                    answers = [said(f"d{n}-{turn}.example", 450, "slow down") for n in range(80)]
                    ready.wait()
                    with db.transaction():
                        pacer = Pacer()
                        pacer.look()
                        pacer.learn(R, answers if is_first else answers[::-1])
                    with db.transaction():
                        pacer.grant(R, {answer.group: 1 for answer in answers})
            except BaseException as fault:
                faults.append(fault)
                ready.abort()
            finally:
                db.release()

    threads = [threading.Thread(target=work, args=(each % 2 == 0,)) for each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


# Out of the way.


def waits(number: int, group: str) -> list[float]:
    """Seconds until each message of a group is due, within a transaction."""
    query = "SELECT due_at FROM messages WHERE mailing_no = :no AND domain_group = :group ORDER BY due_at"
    found = db.session().execute(text(query), {"no": number, "group": group}).scalars()
    return [(due_at - clock.now()).total_seconds() for due_at in found]


@pytest.fixture
def crowded(live) -> int:
    """A mailing to thirty people at one receiver and twenty and one elsewhere."""
    place = mailing.setting()
    mailing.crowd(place, 31, domain="gmail.com")
    mailing.crowd(place, 20, domain="b.example")
    return mailing.running(place)


def test_messages_of_a_slow_group_are_moved_to_their_turn_and_others_stay(crowded):
    with db.transaction():
        pacing.set_rate(R, "gmail.com", 60)
        pacer = Pacer()
        assert pacer.look().shut_groups(R) == ["gmail.com"]
        assert pacer.postpone(R, crowded) == 25
        slow = waits(crowded, "gmail.com")
        assert max(slow[:5]) <= 0, "what the next turn may take"
        assert slow[5:] == pytest.approx([second + 6 for second in range(25)])
        assert max(waits(crowded, "b.example")) <= 0
        assert pacer.postpone(R, crowded) == 0


def test_messages_of_a_resting_group_wait_until_it_opens(crowded):
    busy = said("gmail.com", 421, "421 busy")
    with db.transaction():
        pacer = Pacer()
        pacer.look()
        pacer.learn(R, [busy])
        pacer.look()
        assert pacer.postpone(R, crowded) == 30
        assert waits(crowded, "gmail.com")[0] == pytest.approx(30)
        assert max(waits(crowded, "b.example")) <= 0


def test_behind_a_probe_one_stays_and_the_others_look_again_soon(crowded):
    with db.transaction():
        clock.set_to(clock.now() - timedelta(minutes=2))
        pacer = Pacer()
        pacer.look()
        pacer.learn(R, [said("gmail.com", None, "timed out")] * 20)
    with db.transaction():
        pacer.look()
        assert pacer.postpone(R, crowded) == 29
        assert waits(crowded, "gmail.com")[1] == pytest.approx(buckets.PROBE_LOOK_SECONDS)


def test_later_windows_of_a_slow_group_come_after_the_earlier_ones(crowded, monkeypatch):
    monkeypatch.setattr(buckets, "POSTPONED", 15)
    with db.transaction():
        pacing.set_rate(R, "gmail.com", 60)
        pacer = Pacer()
        pacer.look()
        assert [pacer.postpone(R, crowded) for _ in range(4)] == [10, 10, 5, 0]
        assert waits(crowded, "gmail.com")[5:] == pytest.approx([second + 6 for second in range(25)])


def test_nobody_waits_longer_than_five_minutes_for_a_new_look(crowded):
    with db.transaction():
        pacing.set_rate(R, "gmail.com", 1)
        pacer = Pacer()
        pacer.look()
        assert pacer.postpone(R, crowded) == 25
        assert waits(crowded, "gmail.com")[-1] == pytest.approx(300)


def test_a_slow_route_says_how_many_are_worth_claiming(session):
    limit("", 600)
    for seconds, most in ((0, 0), (0.25, 2), (9, 3)):
        with db.transaction():
            clock.set_to(after(seconds))
            assert buckets.limits().most(R, 300) == most
            assert buckets.limits().most("another", 300) == 300
    learn(after(10), said("a.example", None, "refused", "connect"))
    for seconds, most in ((14, 0), (15, 1)):
        with db.transaction():
            clock.set_to(after(seconds))
            assert buckets.limits().most(R, 300) == most


# Names.


def test_the_expression_and_the_rule_fold_alike(session):
    domains = [*FOLDED, *FOLDED.values(), "ostkai.example", "o'neill.example"]
    query = text(f"SELECT d, {group_sql('d')} AS folded FROM unnest(CAST(:domains AS text[])) AS u (d)")
    found = db.session().execute(query, {"domains": domains}).all()
    assert len(found) == len(domains)
    assert all(row.folded == group_of(row.d) for row in found)


def test_a_system_mail_counts_for_its_receivers_provider(live):
    assert wish(place_with_sender(), "mara@googlemail.com").row().domain_group == "gmail.com"


def test_a_mailing_knows_its_route_and_system_mail_its_workspaces(live, smtp):
    place = mailing.setting()
    mailing.crowd(place, 1)
    query = text(f"SELECT g.no, {route_sql('g')} AS route FROM mailings g ORDER BY g.no")
    number = mailing.running(place)
    with db.transaction():
        service.set_transport(place.id, "127.0.0.1", smtp.port, "opportunistic")
        own = pacing.own_route(place.id)
        service.send_test(place.id, place.version_id, place.where.owner_id)
        found = {row.no: row.route for row in db.session().execute(query)}
    assert found.pop(number) == DEFAULT_ROUTE, "as it was launched"
    assert set(found.values()) == {own}


# Slots.


def renew(owner: str, held: int, wanted: int, moment: datetime = NOW) -> int:
    return at(moment, slots.renew, owner, {R: Ask(held, wanted)})[R]


def test_a_newcomer_gets_its_share_once_the_other_has_closed_some(session):
    at(NOW, service.set_connections, R, 20)
    assert renew("a", 0, 50) == 20
    assert renew("b", 0, 50) == 0, "all are open"
    assert renew("a", 20, 50) == 10
    assert renew("b", 0, 50) == 0, "not closed yet"
    assert renew("a", 10, 50) == 10
    assert renew("b", 0, 50) == 10
    with db.transaction():
        slots.release("a")
    assert renew("b", 10, 50) == 20


def test_a_dead_owners_connections_are_free_when_its_lease_ends(session):
    at(NOW, service.set_connections, R, 20)
    assert renew("a", 0, 50) == 20
    assert renew("b", 0, 5, after(19)) == 0
    assert renew("b", 0, 5, after(20)) == 5
    assert renew("a", 20, 50, after(21)) == 15, "back from the dead: it closes what is another's"
    with db.transaction():
        clock.set_to(after(100))
        slots.forget_old()
    assert db.session().execute(text("SELECT count(*) FROM slots")).scalar_one() == 0


def test_owners_that_ask_at_once_never_have_more_than_there_are(live):
    routes = [f"r{number}" for number in range(25)]
    got: dict[tuple[str, str], int] = {}
    ready = threading.Barrier(4)

    def work(owner: str) -> None:
        with live.app_context():
            for route in routes:
                ready.wait()
                with db.transaction():
                    got[route, owner] = slots.renew(owner, {route: Ask(0, 50)})[route]
            db.release()

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 100
    assert all(sum(got[route, owner] for owner in "abcd") <= slots.USUAL for route in routes)


def test_what_there_is_is_shared_to_the_last_one(session):
    at(NOW, service.set_connections, R, 7)
    got = dict.fromkeys("abcd", 0)
    for _ in range(4):
        for owner in got:
            got[owner] = renew(owner, got[owner], 50)
    assert sorted(got.values()) == [1, 2, 2, 2]


# Settings.


def test_limits_are_checked_set_and_taken_away(session):
    for domain, rate, fault in (("gmail.com", 0, "per_minute"), ("a b", 5, "domain"), ("x@y", 5, "domain")):
        with pytest.raises(BadInput) as caught, db.transaction():
            service.set_rate(R, domain, rate)
        assert list(caught.value.fields) == [fault]
    with pytest.raises(BadInput), db.transaction():
        service.set_connections(R, 0)
    limit("GoogleMail.com", 120)
    with db.transaction():
        clock.set_to(NOW)
        (found,) = queries.route_standing(R)
        assert (found.group, found.own_per_minute) == ("gmail.com", 120)
        assert found.why == "gmail.com: at most 120 a minute, as you have set it."
        service.clear_rate(R, "gmail.com")
        assert queries.route_standing(R) == []
        assert queries.connections(R) == slots.USUAL
        service.set_connections(R, 3)
        assert queries.connections(R) == 3


def test_the_server_of_everybody_is_nobodys_to_limit(session):
    where = place_with_sender()
    with pytest.raises(Conflict), db.transaction():
        service.own_route(where.id)
    assert route_key(None) == DEFAULT_ROUTE
    assert WHOLE == ""
