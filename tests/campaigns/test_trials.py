"""Trials from the draft to the rest: who gets what, who decides, and that nobody gets two."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.campaigns import deciding, queries, service, trials, variants
from app.campaigns import trial as rules
from app.campaigns.rules import State
from app.campaigns.trial import Goal
from app.campaigns.trials import Wanted
from app.consent.rules import Level
from app.content import queries as content_queries
from app.content import service as content
from app.delivery import narrowing, schedule
from app.delivery import service as delivery
from app.delivery.rules import TOO_LATE
from app.delivery.rules.hours import PLAIN, By, Timing, Window
from app.kernel import clock
from app.kernel.db import transaction
from app.kernel.errors import BadInput, Conflict
from app.kernel.ids import uuid7
from app.tracking import service as tracking
from app.tracking.rules.hits import Hit, Kind
from app.tracking.service import Act
from tests.campaigns.conftest import Made, World, draft
from tests.conftest import ground
from tests.support import letters, make, reading
from tests.support.mailing import Setting, crowd
from tests.support.outbox import in_context, place_with_sender
from tests.support.properties import examples

SUBJECT_B = Wanted(subject="Plum, cocoa and a surprise")


@dataclass(frozen=True)
class Crowded(World):
    """With a crowd, and variants for a part of it."""

    people: list[UUID]


def _world() -> Crowded:
    where = place_with_sender()
    people = crowd(Setting(where, uuid7()), 120, tracking=Level.INDIVIDUAL)
    made = draft(where)
    plan(made)
    return Crowded(where, [], made, people)


world = ground(_world)


@pytest.fixture
def people(world, session):
    return world.people


@pytest.fixture
def tried(world, session):
    return world.made


def plan(
    made: Made, *wanted: Wanted, sample: int = 50, wait: int = 4, holdout: int = 10, goal: Goal = Goal.CLICK
) -> None:
    with transaction():
        trials.keep(
            made.where.id, made.campaign.id, sample=sample, wait_hours=wait, holdout=holdout,
            wanted=[Wanted(), *(wanted or [SUBJECT_B])], goal=goal, by=made.where.owner_id,
        )  # fmt: skip


def launch(made: Made, *, send_at=None, timing: Timing = PLAIN) -> None:
    with transaction():
        trial = variants.find_trial(made.where.id, made.campaign.id)
        service.launch(
            made.where.id, made.campaign.id, revision=made.revision, send_at=send_at, delay_seconds=0,
            by=made.where.owner_id, variants=variants.signature(trial), timing=timing,
        )  # fmt: skip
    schedule.run()


def parts(made: Made) -> dict[str, queries.Standing]:
    with transaction():
        return {part.part: part for part in queries.list_parts(made.where.id, made.campaign.id)}


def hand_over(session, made: Made, clicks: dict[str, int] | None = None) -> None:
    """All that waits was accepted by its receiver an hour ago; so many of each variant clicked 20 minutes ago."""
    now = clock.now() - timedelta(hours=1)
    for name, part in parts(made).items():
        with transaction():
            session.execute(
                text("UPDATE messages SET state = 'sent', began_at = :now, done_at = :now"
                     " WHERE mailing_no = :no AND state = 'pending'"),
                {"no": part.mailing_no, "now": now},
            )  # fmt: skip
            wanted = (clicks or {}).get(name, 0)
            at = now + timedelta(minutes=40)
            tracking.ingest_batch(
                [
                    Hit(uuid7().hex, part.mailing_no, n, Kind.CLICK, 0, at, False, False, reading.FIREFOX, uuid7().hex, 1)
                    for n in range(1, wanted + 1)
                ]
            )
    schedule.run()


def later(monkeypatch, **more: int) -> None:
    now = clock.now() + timedelta(**more)
    monkeypatch.setattr(clock, "now", lambda: now)


def got(session, made: Made) -> Counter:
    """How many mails each person has of all parts."""
    rows = session.execute(
        text("SELECT m.contact_id FROM messages m JOIN campaigns c ON c.mailing_no = m.mailing_no"
             " WHERE c.part_of = :id"), {"id": made.campaign.id},
    )  # fmt: skip
    return Counter(rows.scalars())


def row_of(made: Made):
    with transaction():
        return variants.find_trial(made.where.id, made.campaign.id).row


@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shares=st.lists(st.integers(1, 9), min_size=2, max_size=5), sample=st.integers(10, 100), holdout=st.integers(0, 20),
    key=st.uuids(),
)  # fmt: skip
def test_parts_are_disjoint_and_add_up_to_everybody(where, people, session, shares, sample, holdout, key):
    def within(start, stop):
        sql, binds = narrowing.people_sql(where.id, delivery.part_of(key, start, stop))
        return session.execute(text(sql), {"workspace_id": where.id, "now": clock.now(), **binds}).scalars().all()

    edge = rules.slot_of(key, people[0])
    assert people[0] in within(edge, edge + 1), "where a part begins"
    assert people[0] not in within(0, edge), "where the one before ends"
    found: Counter = Counter()
    for part in rules.parts_of(shares, sample, holdout):
        members = within(part.start, part.stop)
        assert {part.start <= rules.slot_of(key, one) < part.stop for one in members} <= {True}
        found.update(members)
    assert found == Counter(people)


def test_its_parts_and_the_rest_leave_by_the_same_clocks(tried, session, monkeypatch):
    at = clock.now() + timedelta(minutes=5)
    timing = Timing(By.LOCAL, at=at, window=Window(frozenset({1, 2, 3, 4, 5, 6})))
    launch(tried, send_at=at, timing=timing)
    assert [part.timing for part in parts(tried).values()] == [timing, timing]
    later(monkeypatch, minutes=6)
    schedule.run()
    hand_over(session, tried)
    deciding.run()
    later(monkeypatch, hours=4, minutes=1)
    deciding.run()
    assert parts(tried)["rest"].timing == timing, "the next day at that time, as its time of today is over"
    with transaction():
        assert queries.get_standing(tried.where.id, parts(tried)["rest"].id).at == at


def test_one_that_cannot_be_decided_keeps_no_other_up(where, people, session, monkeypatch):
    both = [draft(where, name) for name in ("One", "Other")]
    for made in both:
        plan(made)
        launch(made)
        hand_over(session, made)
    took, step = [], deciding.step

    def fails_at_first(workspace_id, campaign_id):
        took.append(campaign_id)
        if len(took) == 1:
            raise RuntimeError("broken")
        step(workspace_id, campaign_id)

    monkeypatch.setattr(deciding, "step", fails_at_first)
    deciding.run()
    assert len(took) == 2
    assert [row_of(made).sampled_at is not None for made in both if made.campaign.id == took[1]] == [True]


def test_a_whole_trial(tried, session, monkeypatch, people):
    launch(tried)
    with transaction():
        standing = queries.get_standing(tried.where.id, tried.campaign.id)
        assert (standing.state, standing.is_trial) == (State.TRYING, True)
    made = parts(tried)
    assert [(part.subject, part.state) for part in made.values()] == [
        ("Three new coffees", State.SENDING), ("Plum, cocoa and a surprise", State.SENDING),
    ]  # fmt: skip
    sample = sum(part.audience for part in made.values())
    deciding.run()
    assert row_of(tried).sampled_at is None, "mails of the sample still wait"
    hand_over(session, tried, {"A": 1, "B": 20})
    deciding.run()
    assert row_of(tried).sampled_at is not None
    deciding.run()
    assert row_of(tried).decided_at is None, "the wait is not over"
    # Somebody joins in between: of the rest, whatever part they would have been in.
    new = [make.person(tried.where.id, f"new{i}@example.org") for i in range(8)]
    for who in new:
        make.confirmed(tried.where, who, interests=1)
    later(monkeypatch, hours=4, minutes=1)
    deciding.run()
    schedule.run()
    row = row_of(tried)
    assert (row.winner, row.decided_by, row.verdict["is_difference"]) == ("B", None, True)
    rest = parts(tried)["rest"]
    assert rest.subject == "Plum, cocoa and a surprise"
    held = set(session.execute(text("SELECT contact_id FROM campaign_held_out")).scalars())
    everybody = {*people, *(who.id for who in new)}
    counts = got(session, tried)
    assert set(counts.values()) == {1}
    assert set(counts) == everybody - held
    assert held == {one for one in everybody if rules.slot_of(tried.campaign.id, one) < 100_000}
    assert rest.audience == len(everybody) - len(held) - sample
    hand_over(session, tried)
    with transaction():
        assert queries.get_standing(tried.where.id, tried.campaign.id).state is State.DONE
        assert [one.id for one in queries.list_campaigns(tried.where.id).rows] == [tried.campaign.id]
        assert queries.count_by_state(tried.where.id)[State.DONE] == 1


def test_without_a_difference_the_first_goes_to_the_rest(tried, session, monkeypatch):
    launch(tried)
    sizes = {label: part.audience for label, part in parts(tried).items()}
    hand_over(session, tried, {"A": sizes["A"] // 4, "B": sizes["B"] // 4 + 1})  # parts are dealt out by chance
    deciding.run()
    later(monkeypatch, hours=5)
    deciding.run()
    row = row_of(tried)
    assert (row.winner, row.verdict["is_difference"]) == ("A", False)
    assert parts(tried)["rest"].subject == "Three new coffees"


def test_clicks_after_the_wait_do_not_count(tried, session, monkeypatch):
    launch(tried)
    hand_over(session, tried, {"B": 20})
    session.execute(text("UPDATE signals SET at = at + interval '5 hours'"))
    with transaction():
        trial = variants.find_trial(tried.where.id, tried.campaign.id)
        verdict = deciding.verdict_of(trial, list(parts(tried).values()))
    assert [one.acted for one in verdict.counts] == [0, 0]


def told(made: Made, kind: str, people, *, minutes_ago: int = 30, **data) -> None:
    """Each of them did this."""
    at = clock.now() - timedelta(minutes=minutes_ago)
    with transaction():
        tracking.record_acts(made.where.id, [Act(uuid7(), one, kind, at, data or None) for one in people])


def made_for(session, part: queries.Standing) -> list:
    """The people of a part."""
    found = session.execute(text("SELECT contact_id FROM messages WHERE mailing_no = :no ORDER BY n"), {"no": part.mailing_no})
    return list(found.scalars())


@pytest.mark.parametrize("goal", [Goal.ORDER, Goal.REPLY])
def test_orders_or_replies_decide_where_that_was_chosen(where, people, session, monkeypatch, goal):
    made = draft(where)
    plan(made, goal=goal, sample=100)
    launch(made)
    hand_over(session, made, {"A": 20})
    deciding.run()
    first, second = (made_for(session, parts(made)[label]) for label in "AB")
    other = Goal.REPLY if goal is Goal.ORDER else Goal.ORDER
    told(made, goal, second[:20])
    told(made, goal, second[:3])  # once more: they are still twenty people
    told(made, goal, first[:9], minutes_ago=90)  # before they got it
    told(made, other, first[:9])
    told(made, goal, first[9:11])
    if goal is Goal.REPLY:
        told(made, goal, first[11:20], mailing=parts(made)["A"].mailing_no + 77)  # to another letter
        told(made, goal, second[20:21], mailing=parts(made)["B"].mailing_no)
    later(monkeypatch, hours=4, minutes=1)
    told(made, goal, first[20:], minutes_ago=0)  # too late
    deciding.run()
    row = row_of(made)
    assert [one["acted"] for one in row.verdict["counts"]] == [2, 21 if goal is Goal.REPLY else 20]
    assert (row.winner, row.verdict["is_difference"]) == ("B", True)
    assert "B brings more " + rules.GOALS[goal].plural in rules.sentence(rules.Verdict.of(row.verdict), goal)


def test_what_a_campaign_brought_is_told_beside_those_held_out(where, people, session, monkeypatch):
    made = draft(where)
    plan(made, sample=100, holdout=20)
    told(made, "order", people, minutes_ago=30)  # before it was sent
    launch(made)
    with transaction():
        trial = variants.find_trial(where.id, made.campaign.id)
        assert deciding.lift_of(trial, list(parts(made).values())) is None, "nothing has left"
    hand_over(session, made)
    deciding.run()
    held = list(session.execute(text("SELECT contact_id FROM campaign_held_out")).scalars())
    got_it = [one for one in people if one not in held]
    assert held
    session.execute(text("UPDATE messages SET state = 'failed' WHERE contact_id = :id"), {"id": got_it[0]})
    later(monkeypatch, hours=2)
    told(made, "order", got_it[:40], minutes_ago=10)
    told(made, "order", held[:2], minutes_ago=10)
    later(monkeypatch, days=7)
    told(made, "order", held, minutes_ago=5)  # its days are over
    with transaction():
        trial = variants.find_trial(where.id, made.campaign.id)
        lift, until = deciding.lift_of(trial, list(parts(made).values()))
    assert (lift.got.acted, lift.got.sent) == (40, len(got_it)), "also whom it did not reach: else they are not alike"
    assert (lift.held.acted, lift.held.sent) == (2, len(held))
    assert until < clock.now()
    assert f"{lift.held.rate:.1%} of those held out" in rules.lift_sentence(lift)


def test_a_house_that_was_down_leaves_the_rest_to_a_person(tried, session, monkeypatch):
    launch(tried)
    hand_over(session, tried, {"B": 20})
    deciding.run()
    later(monkeypatch, hours=7)
    deciding.run()
    schedule.run()
    rest = parts(tried)["rest"]
    assert (rest.state, rest.pause_reason, rest.frozen_at) == (State.PAUSED, TOO_LATE, None)
    with transaction():
        service.resume(tried.where.id, rest.id)
    schedule.run()
    assert parts(tried)["rest"].audience


def test_a_decision_that_was_killed_is_made_anew_and_once(tried, session, monkeypatch):
    launch(tried)
    hand_over(session, tried, {"B": 20})
    deciding.run()
    later(monkeypatch, hours=5)
    launch_part = trials.launch_part

    def killed(*args, **more):
        launch_part(*args, **more)
        raise SystemExit

    monkeypatch.setattr(trials, "launch_part", killed)
    with pytest.raises(SystemExit):
        deciding.run()
    monkeypatch.setattr(trials, "launch_part", launch_part)
    assert row_of(tried).decided_at is None
    assert set(parts(tried)) == {"A", "B"}
    for _ in range(2):
        deciding.run()
    assert len(parts(tried)) == 3


def test_a_paused_part_keeps_the_test_waiting_and_a_cancelled_one_leaves_it_to_a_person(tried, session, monkeypatch):
    launch(tried)
    first = parts(tried)["A"]
    with transaction():
        service.pause(tried.where.id, first.id)
    deciding.run()
    assert row_of(tried).sampled_at is None
    with transaction():
        assert service.cancel(tried.where.id, first.id) is False
    hand_over(session, tried)
    deciding.run()
    later(monkeypatch, hours=5)
    deciding.run()
    assert row_of(tried).sampled_at is not None
    assert row_of(tried).decided_at is None
    with transaction():
        deciding.decide_by_hand(tried.where.id, tried.campaign.id, "B", by=tried.where.owner_id)
    with pytest.raises(Conflict), transaction():
        deciding.decide_by_hand(tried.where.id, tried.campaign.id, "A", by=tried.where.owner_id)
    schedule.run()
    assert max(got(session, tried).values()) == 1


def test_a_person_decides_before_a_variants_time(where, people, session):
    made = draft(where)
    plan(made, Wanted(send_at=clock.now() + timedelta(days=1)), holdout=0)
    launch(made)
    with transaction():
        deciding.decide_by_hand(where.id, made.campaign.id, "A", by=where.owner_id)
    schedule.run()
    assert parts(made)["B"].state is State.CANCELLED
    assert got(session, made) == Counter(people), "whoever waited for the variant is of the rest"


def test_decided_before_the_sample_has_gone_it_is_told_what_it_brought_too(tried):
    launch(tried)
    with transaction():
        trial = variants.find_trial(tried.where.id, tried.campaign.id)
        assert deciding.lift_of(trial, list(parts(tried).values())) is None, "nobody is held out yet"
        deciding.decide_by_hand(tried.where.id, tried.campaign.id, "B", by=tried.where.owner_id)
    schedule.run()
    with transaction():
        trial = variants.find_trial(tried.where.id, tried.campaign.id)
        lift, _until = deciding.lift_of(trial, list(parts(tried).values()))
    assert lift.held.sent == variants.count_held_out(tried.where.id, tried.campaign.id) > 0
    assert lift.got.sent + lift.held.sent == 120


def test_the_rest_goes_at_the_winners_hour(where, people, session, monkeypatch):
    made = draft(where)
    at = clock.now() + timedelta(hours=1)
    plan(made, Wanted(send_at=at), holdout=0)
    launch(made)
    later(monkeypatch, hours=2)
    with transaction():
        deciding.decide_by_hand(where.id, made.campaign.id, "B", by=where.owner_id)
    rest = parts(made)["rest"]
    assert rest.state is State.SCHEDULED
    assert rest.at == at + timedelta(days=1)


def test_before_anything_has_left_it_is_a_draft_again_and_can_be_launched_anew(tried, session):
    launch(tried, send_at=clock.now() + timedelta(hours=1))
    with pytest.raises(Conflict), transaction():
        plan(tried, sample=20)
    with pytest.raises(Conflict), transaction():
        service.archive(tried.where.id, tried.campaign.id)
    with transaction():
        assert deciding.stop(tried.where.id, tried.campaign.id, by=tried.where.owner_id)
        assert queries.get_standing(tried.where.id, tried.campaign.id).state is State.DRAFT
    launch(tried)
    assert sum(part.audience for part in parts(tried).values())


def test_the_rest_can_be_cancelled(tried, session, monkeypatch):
    launch(tried)
    hand_over(session, tried)
    with transaction():
        assert not deciding.stop(tried.where.id, tried.campaign.id, by=tried.where.owner_id)
    later(monkeypatch, hours=9)
    deciding.run()
    row = row_of(tried)
    assert (row.winner, row.decided_by, set(parts(tried))) == (None, tried.where.owner_id, {"A", "B"})


def test_variants_of_sender_and_content(where, people, session):
    made = draft(where)
    plan(made, Wanted(sender_name="Jonna of Ostkai"), Wanted(has_own_letter=True), sample=100, holdout=0)
    with transaction():
        trial = variants.find_trial(where.id, made.campaign.id)
        own = trial.variants[2].letter_id
        content.save_draft(where.id, own, "Another letter", "", letters.source("<mj-text>Something else</mj-text>"))
    launch(made)
    found = parts(made)
    assert [part.sender["name"] for part in found.values()] == ["Ostkai", "Jonna of Ostkai", "Ostkai"]
    assert [part.subject for part in found.values()] == ["Three new coffees", "Three new coffees", "Another letter"]
    assert sum(part.audience for part in found.values()) == len(people)
    with transaction():
        deciding.decide_by_hand(where.id, made.campaign.id, "A", by=where.owner_id)
    assert "rest" not in parts(made), "everybody was in the sample"


def test_what_keeps_a_trial_from_leaving(where, people):
    made = draft(where)
    plan(made, Wanted())
    with pytest.raises(BadInput, match="B is the same as A"):
        launch(made)
    plan(made, Wanted(subject="Three new coffees"))
    with pytest.raises(BadInput, match="B is the same as A"):
        launch(made)
    plan(made, SUBJECT_B, SUBJECT_B)
    with pytest.raises(BadInput, match="C is the same as B"):
        launch(made)
    plan(made, Wanted(subject="Hello {{ nobody }}"))
    with pytest.raises(BadInput, match=r"^B: "):
        launch(made)
    plan(made, Wanted(send_at=clock.now() - timedelta(minutes=1)))
    with pytest.raises(BadInput, match="time of B is over"):
        launch(made)
    with pytest.raises(BadInput):
        plan(made, SUBJECT_B, sample=5)
    plan(made)
    with pytest.raises(Conflict, match="variants have changed"), transaction():
        service.launch(
            where.id, made.campaign.id, revision=made.revision, send_at=None, delay_seconds=0, by=where.owner_id,
            variants="as it was before",
        )  # fmt: skip


def test_a_variant_is_taken_out_and_the_others_move_up(where, people):
    made = draft(where)
    plan(made, SUBJECT_B, Wanted(has_own_letter=True), Wanted(sender_name="Jonna"))
    with transaction():
        trials.remove(where.id, made.campaign.id, "B")
        trial = variants.find_trial(where.id, made.campaign.id)
        assert [(one.label, one.differs_in) for one in trial.variants[1:]] == [("B", ["content"]), ("C", ["sender’s name"])]
        trials.remove(where.id, made.campaign.id, "C")
        trials.remove(where.id, made.campaign.id, "B")
        assert variants.find_trial(where.id, made.campaign.id) is None


def test_two_who_decide_at_once_make_one_mailing(live):
    def of(call, *args):
        return in_context(live, call, *args)

    with live.app_context():
        from app.kernel.db import session as current
        where = place_with_sender()
        crowd(Setting(where, uuid7()), 120)
        made = draft(where)
        plan(made)
        launch(made)
        hand_over(current(), made)
        deciding.run()
        with transaction():
            current().execute(text("UPDATE campaign_trials SET sampled_at = sampled_at - interval '5 hours'"))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: of(deciding.run), range(4)))
    with live.app_context():
        schedule.run()
        assert set(parts(made)) == {"A", "B", "rest"}
        assert max(got(current(), made).values()) == 1


def test_a_campaign_that_is_used_again_brings_its_variants_with_letters_of_their_own(where, people):
    made = draft(where)
    later_on = clock.now() + timedelta(days=2)
    plan(
        made, SUBJECT_B, Wanted(has_own_letter=True, share=3), Wanted(sender_name="Jonna", send_at=later_on), sample=40, wait=6,
        holdout=5, goal=Goal.ORDER,
    )  # fmt: skip
    with transaction():
        own = variants.find_trial(where.id, made.campaign.id).variants[2].letter_id
        content.save_draft(where.id, own, "Their own", "Plum", letters.source("<mj-text>Their own</mj-text>"))
    launch(made)
    with transaction() as current:
        over = {"at": clock.now() - timedelta(hours=1)}
        current.execute(text("UPDATE campaign_variants SET send_at = :at WHERE place = 1"), over)
        current.expire_all()
        again = service.copy(where.id, made.campaign.id, by=where.owner_id)
        trial = variants.find_trial(where.id, again.id)
    assert (trial.row.sample, trial.row.wait_hours, trial.row.holdout, trial.goal) == (40, 6, 5, Goal.ORDER)
    assert not trial.is_launched
    assert [(one.row.subject, one.row.sender_name, one.row.share) for one in trial.variants] == [
        ("", "", 1), (SUBJECT_B.subject, "", 1), ("", "", 3), ("", "Jonna", 1)
    ]  # fmt: skip
    assert [one.row.send_at for one in trial.variants] == [None, None, None, later_on], "a time that is over stays behind"
    copied = trial.variants[2].letter_id
    assert copied not in {own, again.letter_id}
    assert content_queries.get_letter(where.id, copied).subject == "Their own"
    assert {one.letter_id for one in trial.variants} == {again.letter_id, copied}
    with transaction():
        plain = service.copy(where.id, draft(where, "Plain").campaign.id)
        assert variants.find_trial(where.id, plain.id) is None
