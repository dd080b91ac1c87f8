"""How limits are learnt and forgotten, on a clock that the test turns."""

from datetime import UTC, datetime, timedelta

import pytest

from app.delivery import retries
from app.delivery.pacing import rules
from app.delivery.pacing.groups import FOLDED, group_of
from app.delivery.pacing.rules import WHOLE, Pace, Rest, Said, Signs, learn, read_signs, words
from app.delivery.pacing.slots import fair_shares
from app.delivery.transports.base import Verb

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SENT = Signs(sent=1, answers=1)
AWAY = Signs(away=1, is_unopened=True, fault="refused")
REFUSED = Signs(refused="535 5.7.8 bad password")
SLOWER = Signs(answers=1, patience="450 4.7.28 slow down")
CLOSED = Signs(answers=1, patience="421 4.7.0 come back", is_closing=True)


def later(**span) -> datetime:
    return NOW + timedelta(**span)


def said(group: str, code: int | None, enhanced: str, text: str, verb: str) -> Said:
    verdict = retries.classify(code, enhanced, text, Verb(verb))
    return Said(group, verdict, Verb(verb), code, enhanced, text)


def slow(pace: Pace, signs: Signs = SLOWER, now: datetime = NOW, **more) -> Pace:
    return learn(pace, signs, now, is_route=False, **{"measured": 100.0, **more})


# Halving and back.


def test_a_wish_for_patience_halves_the_present_speed_and_a_tenth_of_it_comes_back_a_minute():
    pace = slow(Pace())
    assert pace.allows(NOW) == 50.0
    assert pace.allows(later(minutes=1)) == pytest.approx(55.0)
    assert pace.allows(later(minutes=7)) == pytest.approx(97.4, rel=0.01)
    assert pace.allows(later(minutes=7, seconds=17)) is None
    assert later(minutes=7, seconds=16) < pace.free_at() < later(minutes=7, seconds=17)
    assert pace.is_idle(later(minutes=8))
    assert not pace.is_idle(later(minutes=7))


def test_answers_to_what_was_on_its_way_do_not_halve_again_but_later_ones_do():
    pace = slow(Pace())
    assert slow(pace, now=later(seconds=29)) == pace
    again = slow(pace, now=later(seconds=60))
    assert again.allows(later(seconds=60)) == pytest.approx(27.5)
    assert again.goal == 100.0, "the first speed stays the goal"


def test_something_is_left_whatever_a_receiver_says():
    pace = Pace()
    for minute in range(20):
        pace = slow(pace, now=later(minutes=minute))
    assert pace.allows(later(minutes=19)) == pytest.approx(rules.LEAST_RATE)
    assert pace.allows(later(minutes=60)) == pytest.approx(rules.LEAST_RATE * 1.1**41)
    assert pace.allows(later(hours=3)) is None


def test_an_owners_rate_is_what_is_halved_and_holds_afterwards():
    pace = slow(Pace(own_rate=10.0))
    assert pace.allows(NOW) == 5.0
    assert pace.allows(later(minutes=8)) == 10.0
    assert not pace.is_idle(later(days=1))


def test_after_a_closed_door_nothing_goes_for_a_while_and_then_slowly():
    pace = slow(Pace(), CLOSED)
    assert pace.rest is Rest.PATIENCE
    assert pace.rests_at(later(seconds=29))
    opens = later(seconds=30)
    assert not pace.rests_at(opens)
    assert not pace.is_half_open(opens)
    assert [pace.allows(opens + timedelta(seconds=s)) for s in (0, 10, 20, 50)] == [1, 2, 4, 32]
    assert pace.allows(opens + timedelta(seconds=60)) == pytest.approx(55.0)


def test_each_closed_door_in_a_row_is_waited_for_twice_as_long_until_half_an_hour():
    pace, now, rests = Pace(), NOW, []
    for _ in range(9):
        pace = slow(pace, CLOSED, now)
        rests.append((pace.rest_until - now).total_seconds())
        assert slow(pace, CLOSED, now + timedelta(seconds=1)) == pace, "it rests already"
        now = pace.rest_until
    assert rests == [30, 60, 120, 240, 480, 960, 1800, 1800, 1800]
    pace = learn(pace, SENT, now, is_route=False)
    assert (pace.rest, pace.rests) == (None, 0)
    assert (slow(pace, CLOSED, now).rest_until - now).total_seconds() == 30


# Rests, circuits and probes.


def test_a_route_that_is_away_rests_for_seconds_first_and_then_for_minutes():
    pace, now, rests = Pace(), NOW, []
    for _ in range(12):
        pace = learn(pace, Signs(away=300, fault="refused"), now, is_route=True)
        rests.append((pace.rest_until - now).total_seconds())
        now = pace.rest_until
        assert pace.is_half_open(now)
    assert rests == [5, 10, 20, 40, 60, 120, 240, 480, 960, 1800, 1800, 1800]
    assert learn(pace, SENT, now, is_route=True).is_idle(now)


def test_a_probe_that_ends_in_doubt_has_failed():
    (pace, now) = learn(Pace(), AWAY, NOW, is_route=True), later(seconds=5)
    doubt = read_signs([said("a.example", None, "", "closed", "dot")])[WHOLE]
    assert learn(pace, doubt, NOW, is_route=True) == pace, "it was on its way before"
    after = learn(pace, doubt, now, is_route=True)
    assert (after.rests, after.rest_until, after.says) == (2, now + timedelta(seconds=10), "closed")
    assert learn(Pace(), doubt, NOW, is_route=True) == Pace(), "doubt alone limits nobody"


def test_a_route_that_refuses_us_is_tried_after_one_two_four_minutes():
    pace, now, rests = Pace(), NOW, []
    for _ in range(7):
        pace = learn(pace, REFUSED, now, is_route=True)
        rests.append((pace.rest_until - now).total_seconds() / 60)
        assert learn(pace, REFUSED, now, is_route=True) == pace
        now = pace.rest_until
    assert rests == [1, 2, 4, 8, 16, 30, 30]
    assert learn(pace, SENT, now, is_route=True).is_idle(now)


def test_twenty_faults_in_a_row_open_the_circuit_of_a_group_and_an_answer_closes_it():
    pace = learn(Pace(), Signs(away=19, fault="timed out"), NOW, is_route=False)
    assert pace.rest is None
    assert learn(pace, SENT, NOW, is_route=False).faults == 0
    pace = learn(pace, AWAY, NOW, is_route=False)
    assert (pace.rest, pace.rest_until) == (Rest.AWAY, later(minutes=1))
    assert learn(pace, AWAY, later(minutes=1), is_route=False).rest_until == later(minutes=3)
    refused = Signs(answers=1)
    assert learn(pace, refused, later(minutes=1), is_route=False).is_idle(later(minutes=1))


def test_a_route_on_which_anything_is_answered_is_not_away():
    mixed = Signs(sent=3, answers=3, away=40, refused="550 no", fault="reset")
    assert learn(Pace(), mixed, NOW, is_route=True).rest is None


# Who is meant.


def test_what_is_said_before_rcpt_is_the_routes_and_later_the_groups():
    signs = read_signs([said("a.example", 421, "", "busy", "banner")])
    assert signs[WHOLE].patience == "busy"
    assert not signs["a.example"].is_bad
    signs = read_signs([said("a.example", 421, "", "busy", "rcpt"), said("b.example", 250, "", "ok", "dot")])
    assert signs["a.example"].patience == "busy"
    assert signs["a.example"].is_closing
    assert not signs[WHOLE].is_bad
    assert signs[WHOLE].answers == 2
    assert signs["b.example"] == SENT


def test_a_dead_connection_with_several_groups_in_flight_is_the_routes_fault():
    lost = [said(group, None, "", "connection lost", "rcpt") for group in ("a.example", "b.example")]
    signs = read_signs(lost)
    assert (signs[WHOLE].away, signs[WHOLE].fault) == (1, "connection lost")
    assert not signs["a.example"].away
    signs = read_signs([lost[0], lost[0]])
    assert (signs["a.example"].away, signs[WHOLE].away) == (2, 0)
    signs = read_signs([*lost, said("c.example", 250, "", "ok", "dot")])
    assert (signs["a.example"].away, signs[WHOLE].away) == (1, 0)


def test_our_own_server_that_refuses_us_is_nobody_elses_fault():
    for code, verb in ((535, "auth"), (550, "mail"), (530, "rcpt")):
        signs = read_signs([said("a.example", code, "", "no", verb)])
        assert signs[WHOLE].refused == "no"
        assert not signs["a.example"].is_bad


def test_what_is_about_one_message_limits_nobody():
    for code, enhanced, text, verb in (
        (550, "5.1.1", "no such user", "rcpt"), (450, "", "later", "rcpt"), (452, "4.2.2", "full", "rcpt"),
        (450, "4.2.0", "greylisted", "rcpt"), (None, "", "timed out", "dot"), (554, "5.6.0", "bad", "dot"),
        (550, "5.6.7", "no SMTPUTF8", "local"), (550, "5.7.1", "blocklist", "rcpt"),
    ):  # fmt: skip
        signs = read_signs([said("a.example", code, enhanced, text, verb)])
        assert not any(found.is_bad for found in signs.values()), (code, verb)


def test_what_we_say_ourselves_is_no_sign_that_anybody_is_there():
    signs = read_signs([said("a.example", 550, "5.6.7", "SMTPUTF8 is missing", "local")])
    assert not any(found.answers for found in signs.values())


# Words.


def test_every_limit_is_told_in_words():
    pace = slow(Pace(), Signs(patience="421 4.7.28 too fast."), measured=4.0)
    assert words(pace, "gmail.com", NOW) == (
        "gmail.com asked us to slow down: 421 4.7.28 too fast. 120 a minute now;"
        " back to full speed in about 7 minutes."
    )
    closed = slow(Pace(), CLOSED)
    assert "asked us to wait: 421 4.7.0 come back. We go on in 30 seconds" in words(closed, "a.example", NOW)
    refused = learn(Pace(), REFUSED, NOW, is_route=True)
    assert "does not let us send: 535 5.7.8 bad password. Nothing is lost" in words(refused, WHOLE, NOW)
    away = learn(Pace(), AWAY, NOW, is_route=True)
    assert "tries again in 5 seconds" in words(away, WHOLE, NOW)
    assert "tries again now" in words(away, WHOLE, later(seconds=5))
    circuit = learn(Pace(), Signs(away=20, fault="timed out"), NOW, is_route=False)
    assert "a.example takes no mail, 20 times in a row: timed out." in words(circuit, "a.example", NOW)
    assert words(Pace(own_rate=20.0), WHOLE, NOW) == "At most 20 a second, as you have set it."
    assert words(Pace(), WHOLE, NOW) == ""


# Receivers and shares.


def test_a_providers_domains_are_one_group_and_others_their_own():
    assert group_of("googlemail.com") == group_of("gmail.com") == "gmail.com"
    assert group_of("web.de") == group_of("gmx.at") == "gmx.net"
    assert group_of("ostkai.example") == "ostkai.example"
    assert not set(FOLDED) & set(FOLDED.values()), "a group's own name is folded nowhere else"


@pytest.mark.parametrize(
    ("cap", "wanted", "shares"),
    [
        (20, {"a": 20}, [20]),
        (20, {"a": 20, "b": 20}, [10, 10]),
        (20, {"a": 20, "b": 3}, [17, 3]),
        (20, {"a": 20, "b": 20, "c": 20}, [7, 7, 6]),
        (2, {"a": 5, "b": 5, "c": 5}, [1, 1, 0]),
        (20, {"a": 2, "b": 0}, [2, 0]),
    ],
)
def test_connections_are_shared_evenly_and_none_is_left_unused(cap, wanted, shares):
    assert list(fair_shares(cap, wanted).values()) == shares


def test_a_line_that_ends_between_two_mails_is_made_new_and_three_in_a_row_let_the_route_rest():
    broken = Signs(away=1, fault="The server closed the connection.")
    pace = learn(learn(Pace(), broken, NOW, is_route=True), broken, NOW, is_route=True)
    assert not pace.rests_at(NOW)
    assert not learn(pace, Signs(answers=1, sent=1), NOW, is_route=True).faults
    assert learn(pace, broken, NOW, is_route=True).rests_at(NOW)
    assert learn(Pace(), Signs(away=3), NOW, is_route=True).rests_at(NOW), "all lines at once"
